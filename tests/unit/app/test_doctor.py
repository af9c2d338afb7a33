"""The doctor names what is wrong, each with its remedy, and never falls over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from penstock.app import doctor
from penstock.app.doctor import Finding, examine
from penstock.app.project import Project
from penstock.app.settings import Place
from penstock.assets.asset import Asset, EdgeKind, IngestSpec, Kind
from penstock.assets.check import CheckSpec
from penstock.assets.names import RelationName
from penstock.errors import Location, ParseError, Problems, ProjectError
from penstock.graph.asset_graph import AssetGraph
from penstock.state.store import SCHEMA_VERSION, Statements, migrate
from penstock.warehouse.duckdb import open_duckdb
from penstock.warehouse.lock import DatabaseLock, Holder
from project_files import write


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def findings(folder: Path, **place: str) -> list[Finding]:
    """What the doctor finds beyond the environment."""
    found = examine(Place(**place), folder, {"HOME": str(folder)}, lambda _: None)
    return [finding for finding in found if finding.topic != "environment"]


@pytest.fixture
def unparsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project that dbt cannot parse; dbt itself is not needed to say so."""

    def fail(*_: object) -> None:
        raise Problems([ProjectError("broken", at=Location("models/a.sql", 3), hint="Mend it."), ParseError("worse")])

    monkeypatch.setattr(doctor, "load_project", fail)


def test_the_environment_is_listed_with_its_versions(tmp_path: Path) -> None:
    found = [finding for finding in examine(Place(), tmp_path, {}, lambda _: None) if finding.topic == "environment"]
    assert all(finding.level == "ok" for finding in found)
    assert [finding.text.split()[0] for finding in found] == ["Python", "penstock", "dbt-core", "dbt-duckdb", "duckdb", "sqlglot"]


def test_a_missing_package_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PACKAGES", ("no-such-package",))
    assert list(doctor._environment())[1:] == [
        Finding("error", "environment", "no-such-package is not installed", "pip install no-such-package")
    ]


def test_no_project_is_one_error(tmp_path: Path) -> None:
    (only,) = findings(tmp_path)
    assert (only.level, only.topic, only.text, bool(only.hint)) == ("error", "configuration", "there is no dbt project here", True)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({"target": "memory"}, "in-memory"),
        ({"target": "postgres"}, "has type `postgres`"),
        ({"profile": "x"}, "no profile `x`"),
        ({"target": "y"}, "no target `y`"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_an_error_with_its_place(tmp_path: Path, place: dict[str, str], text: str) -> None:
    (only,) = findings(write(tmp_path), **place)
    assert (only.level, only.topic) == ("error", "configuration")
    assert only.text.startswith("profiles.yml") and text in only.text


@pytest.mark.usefixtures("unparsed")
def test_every_problem_of_the_project_is_named_and_the_database_still_looked_at(tmp_path: Path) -> None:
    assert findings(write(tmp_path)) == [
        Finding("ok", "configuration", "project shop, target dev"),
        Finding("error", "project", "models/a.sql:3: broken", "Mend it."),
        Finding("error", "project", "worse"),
        Finding("note", "database", "shop.duckdb does not exist yet", "penstock build makes it."),
    ]


@pytest.mark.usefixtures("unparsed")
def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (write(tmp_path) / "shop.duckdb").write_text("nonsense " * 1000)
    last = findings(tmp_path)[-1]
    assert (last.level, last.topic, last.hint) == ("error", "database", "Check `path:` in profiles.yml; that file is something else.")


@pytest.mark.usefixtures("unparsed")
def test_a_store_is_missing_then_up_to_date(tmp_path: Path) -> None:
    write(tmp_path)
    warehouse = open_duckdb(tmp_path / "shop.duckdb", {})
    warehouse.close()
    assert findings(tmp_path)[-1] == Finding(
        "warn", "store", f"version 0, newest {SCHEMA_VERSION}", "penstock store migrate (or the next build)"
    )
    warehouse = open_duckdb(tmp_path / "shop.duckdb", {})
    migrate(Statements(warehouse.connect(), "penstock"))
    warehouse.close()
    *_, database, store = findings(tmp_path)
    assert (store, database.level) == (Finding("ok", "store", f"schema penstock, version {SCHEMA_VERSION}"), "ok")
    assert database.text.startswith("shop.duckdb, ")


@pytest.mark.usefixtures("unparsed")
def test_a_lock_that_was_not_given_back_is_noted(tmp_path: Path) -> None:
    write(tmp_path)
    open_duckdb(tmp_path / "shop.duckdb", {}).close()
    lock = DatabaseLock(tmp_path / "shop.duckdb")
    lock.acquire(Holder("penstock build", 7, "noon"), 0)
    note = (tmp_path / "shop.duckdb.penstock.holder").read_text()
    lock.release()
    (tmp_path / "shop.duckdb.penstock.holder").write_text(note)
    texts = [finding.text for finding in findings(tmp_path) if finding.topic == "database"]
    assert texts[0] == "`penstock build` (pid 7, since noon) ended without giving the lock back; the lock itself is free"


def test_settings_that_only_dbt_covers_and_checks_that_cannot_be_run_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    text = (tmp_path / "profiles.yml").read_text().replace("threads: 3}", "plugins: [{module: excel}]}")
    (tmp_path / "profiles.yml").write_text(text)
    broken = Asset("check.checks/b.sql", Kind.CHECK, "b", path="checks/b.sql", check=CheckSpec("checks/b.sql", "", error="two statements"))
    project = Project(AssetGraph([broken], []), "", "", "shop", "", (), reparsed=False, warnings=("the check a selects nothing",))
    monkeypatch.setattr(doctor, "load_project", lambda *_: project)
    assert [found for found in findings(tmp_path) if found.topic in ("executor", "checks")] == [
        Finding("note", "executor", "profile plugins: every node goes through dbt"),
        Finding("warn", "checks", "the check a selects nothing", "Correct `select` in its header."),
        Finding("error", "checks", "two statements"),
    ]


def test_sources_and_ingestion_files_without_each_other_are_noted() -> None:
    ingest = IngestSpec("ingest/raw/b.sql", "select 1")
    broken = IngestSpec("ingest/raw/c.sql", "", error="ingest/raw/c.sql:2: broken")
    relation = RelationName("", "raw", "b")
    assets = [
        Asset("source.a", Kind.SOURCE, "a"), Asset("ingest.raw.b", Kind.INGEST, "b", path=ingest.path, relation=relation, ingest=ingest),
        Asset("source.c", Kind.SOURCE, "c", ingest=broken), Asset("source.d", Kind.SOURCE, "d"), Asset("seed.s", Kind.SEED, "s"),
    ]  # fmt: skip
    graph = AssetGraph(assets, [("seed.s", "source.d", EdgeKind.PRODUCER)])
    assert [(found.level, found.topic, found.text) for found in doctor._graph(Project(graph, "", "", "", "", (), reparsed=False))] == [
        ("ok", "project", "1 ingest, 1 seed, 3 sources"),
        ("note", "ingest", "ingest/raw/b.sql loads raw.b, which no dbt source declares"),
        ("note", "source", "a is loaded by something Penstock does not know"),
        ("error", "ingest", "ingest/raw/c.sql:2: broken"),
    ]
