"""What is done without dbt equals what dbt does: rendered queries to the letter, run order, verdicts, names. The one module with dbt in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from penstock.assets.asset import TestSpec
from penstock.compiler import tests as data_tests
from penstock.graph.assemble import assemble
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.gates import run_order
from penstock.parser.manifest import Context, ParsedManifest, parse_manifest, read_manifest
from penstock.parser.profile import read_profile
from rendered_project import LEFT_TO_DBT, RENDERED, write_project


@dataclass(frozen=True)
class Parsed:
    """The project as dbt and as we see it."""

    session: Any
    raw: dict[str, Any]
    ours: ParsedManifest
    graph: AssetGraph

    def key(self, name: str) -> str:
        """The unique id of a model of the project."""
        (found,) = [key for key in self.graph.ids if key.startswith("model.shop.") and key.removeprefix("model.shop.") == name]
        return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parsed]:
    from dbt import flags
    from penstock.dbt.session import DbtOptions, DbtSession

    before = flags.get_flags()
    folder: Path = tmp_path_factory.mktemp("rendered")
    write_project(folder)
    session = DbtSession(DbtOptions(project_dir=folder, profiles_dir=folder, target_path=folder / "target"))
    raw = dict(read_manifest(session.manifest_path.read_text(encoding="utf-8"), "manifest.json"))
    ours = parse_manifest(raw, Context())
    yield Parsed(session, raw, ours, assemble(ours, [], "shop"))
    session.close()
    flags.set_flags(before)


@pytest.mark.parametrize("name", RENDERED)
def test_a_simple_model_is_rendered_to_the_letter_as_dbt_compiles_it(project: Parsed, name: str) -> None:
    key = project.key(name)
    assert key in project.ours.rendered
    assert project.ours.rendered[key] == project.session.compile(key)


@pytest.mark.parametrize("name", LEFT_TO_DBT)
def test_anything_else_is_left_to_dbt(project: Parsed, name: str) -> None:
    assert project.key(name) not in project.ours.rendered
    assert project.session.compile(project.key(name))


def test_whatever_was_rendered_equals_what_dbt_compiles(project: Parsed) -> None:
    assert len(project.ours.rendered) >= len(RENDERED)
    tests = 0
    for key, query in project.ours.rendered.items():
        compiled = project.session.compile(key)
        if key.startswith("test."):  # white space aside: dbt's macros leave a lot of it
            tests += 1
            query, compiled = " ".join(query.split()), " ".join(compiled.split())
        assert query == compiled, key
    assert tests > 0


def test_a_project_that_replaces_ref_is_rendered_by_dbt_alone(project: Parsed) -> None:
    own = {"name": "ref", "package_name": "shop", "macro_sql": "{% macro ref() %}{% endmacro %}", "depends_on": {"macros": []}}
    raw = {**project.raw, "macros": {**project.raw["macros"], "macro.shop.ref": own}}
    assert parse_manifest(raw, Context()).rendered == {}


def test_dbt_does_not_list_a_macro_of_a_branch_it_did_not_take_but_we_count_it(project: Parsed) -> None:
    key = project.key("grows")
    assert "macro.shop.newer" not in project.raw["nodes"][key]["depends_on"]["macros"]
    other = {**project.raw["macros"]["macro.shop.newer"], "macro_sql": "{% macro newer() %}one > 2{% endmacro %}"}
    raw = {**project.raw, "macros": {**project.raw["macros"], "macro.shop.newer": other}}
    changed = {asset.key: asset.fingerprint for asset in parse_manifest(raw, Context()).assets}
    assert {asset.key for asset in project.ours.assets if asset.fingerprint != changed[asset.key]} == {key}


def test_a_node_waits_for_what_it_waits_for_in_dbt_build(project: Parsed) -> None:
    import networkx as nx
    from dbt.compilation import Linker

    linker = Linker()
    linker.link_graph(project.session.manifest)
    linker.add_test_edges_1(project.session.manifest)  # the plainer of dbt's two ways, which it calls the same in effect
    unit_tests = {key for key in project.graph.ids if key.startswith("unit_test.")}
    theirs = linker.graph.subgraph(set(linker.graph) - unit_tests)
    ours = nx.DiGraph()
    keys = [asset.key for asset in project.graph.assets]
    ours.add_nodes_from(keys)
    ours.add_edges_from((keys[before], keys[number]) for number, waits in enumerate(run_order(project.graph)) for before in waits)
    assert len(theirs) > 50
    for key in theirs:
        assert nx.ancestors(ours, key) - unit_tests == nx.ancestors(theirs, key), key


def test_a_model_waits_for_its_unit_tests_and_these_for_its_inputs(project: Parsed) -> None:
    waits = run_order(project.graph)
    ids = project.graph.ids
    (unit_test,) = [key for key in ids if key.startswith("unit_test.")]
    assert ids[unit_test] in waits[ids[project.key("after_both")]]
    assert waits[ids[unit_test]] == {ids[project.key("plain")], ids[project.key("other")]}


@pytest.mark.parametrize("severity", ["ERROR", "WARN"])
@pytest.mark.parametrize("failures", [0, 1, 2])
@pytest.mark.parametrize("should", [(False, False), (True, False), (False, True), (True, True)])
def test_a_verdict_is_dbts(project: Parsed, severity: str, failures: int, should: tuple[bool, bool]) -> None:
    from dbt.task.test import TestResultData, TestRunner

    assert project.session
    spec = TestSpec(severity=severity, warn_if="> 1", error_if="> 2")
    config = SimpleNamespace(severity=severity, warn_if="> 1", error_if="> 2")
    data = TestResultData(failures=failures, should_warn=should[0], should_error=should[1], adapter_response={})
    runner = TestRunner.__new__(TestRunner)
    theirs = project.session.call(lambda: runner.build_test_run_result(SimpleNamespace(config=config), data))  # type: ignore[arg-type]
    ours = data_tests.verdict(spec, failures, *should)
    assert (ours.status, ours.failures, ours.message) == (theirs.status.value, theirs.failures, theirs.message or "")


@pytest.mark.parametrize("path", ["a.duckdb", "/x/my.db.duckdb", ".hidden.duckdb", "plain", ":memory:", "x/..y.db", "a b.duckdb", "ü.db"])
def test_the_database_is_named_as_dbt_duckdb_names_it(path: str) -> None:
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    text = f"p: {{target: t, outputs: {{t: {{type: duckdb, path: '{path}'}}}}}}"
    assert read_profile(text, "profiles.yml", "p", None, {}).database == DuckDBCredentials.path_derived_database_name(path)
