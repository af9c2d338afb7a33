"""Fixtures: workspaces built once for all workers, and copied for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checked_project import FILES as CHECKED
from checked_project import RAW as CHECKED_RAW
from checked_project import Checked, checked_in
from clocked import Clocked, clocked
from filelock import FileLock
from partition_projects import BATCHES, DAILY, DAYS, NOW, RAW, SOURCES
from small_project import PLACE, SMALL
from workspace import Dbt, Workspace

Make = Callable[[dict[str, str]], Workspace]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    """One dbt process for each worker."""
    process = Dbt(tmp_path_factory.mktemp("dbt"))
    yield process
    process.close()


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a project's files into a folder of its own."""

    def made(files: dict[str, str]) -> Workspace:
        folder = tmp_path / "project"
        workspace = Workspace(folder, folder / "warehouse.duckdb")
        workspace.write({**PLACE, **files})
        return workspace

    return made


@pytest.fixture(scope="session")
def small_template(shared: Path) -> Workspace:
    """The small project, built once by `penstock build`."""
    return _once(shared / "small", SMALL)


@pytest.fixture
def small(small_template: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the small project with its database: three models, a seed, an ingestion file, tests; all fresh."""
    return small_template.copy_to(tmp_path / "project")


def _once(folder: Path, files: dict[str, str]) -> Workspace:
    workspace = Workspace(folder / "project", folder / "project" / "warehouse.duckdb")
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            workspace.write(files)
            workspace.penstock("build").expect(0)
            (folder / "done").touch()
    return workspace


@pytest.fixture
def demo(tmp_path: Path) -> Workspace:
    """The demo of this repository with its data, nothing built."""
    folder = tmp_path / "shop"
    workspace = Workspace(folder, folder / "dbt_project" / "shop.duckdb")
    Workspace(tmp_path, folder).penstock("init", "--demo", str(folder)).expect(0)
    return workspace


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """An empty folder for a project."""
    folder = tmp_path / "project"
    return Workspace(folder, folder / "warehouse.duckdb")


@pytest.fixture(scope="session")
def batches_template(tmp_path_factory: pytest.TempPathFactory) -> Clocked:
    """Six daily batches of an input without partitions that is read by its event time, and a daily model of them; built."""
    folder = tmp_path_factory.mktemp("batches") / "project"
    place = Workspace(folder, folder / "warehouse.duckdb")
    project = clocked(place, NOW, {"models/sources.yml": SOURCES, "models/m.sql": BATCHES, "models/daily.sql": DAILY})
    place.execute(RAW)
    assert project.built(project.build(), "m") == dict.fromkeys(DAYS, "never_built")
    return project


@pytest.fixture
def batches(batches_template: Clocked, tmp_path: Path) -> Clocked:
    """A copy of the template."""
    return Clocked(batches_template.workspace.copy_to(tmp_path / "project"), batches_template.now)


@pytest.fixture(scope="session")
def checked_template(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """A project for checks without any, built."""
    return checked_in(tmp_path_factory.mktemp("checked") / "project", CHECKED, CHECKED_RAW)


@pytest.fixture
def project(checked_template: Checked, tmp_path: Path) -> Checked:
    """A copy of the project for checks."""
    return Checked(checked_template.workspace.copy_to(tmp_path / "project"), checked_template.now)


@pytest.fixture
def unbuilt(project: Checked) -> Checked:
    """The project for checks as it was before its first build."""
    tables = project.workspace.query("select schema_name, table_name from duckdb_tables() where schema_name = 'main'")
    project.workspace.execute("drop schema penstock cascade; drop view seen;" + ";".join(f'drop table "{table}"' for _, table in tables))
    project.workspace.execute("drop table raw.taken")
    return project
