"""`penstock init`: write the demo, or add Penstock's own files to a dbt project."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from penstock.app.repository import in_repository
from penstock.errors import ConfigError, Location

WORKFLOW = ".github/workflows/penstock.yml"
_DEMO_PARTS = ("penstock.yml", "dbt_project", "ingest", "checks")
_DATA_SCRIPT = "dbt_project/demo_data.sql"
_LEFT_OUT = {"target", "logs", "dbt_packages", "__pycache__"}
_IGNORED = ("target/", "logs/", "*.duckdb", "*.duckdb.wal", "*.penstock.lock", "*.penstock.holder")

_PROJECT_FILE = """\
# Penstock. Every key is optional; see the formats page of its documentation.
# dbt_project: .              # folder of dbt_project.yml
# ingest: ingest              # one file for each table that is loaded: ingest/<schema>/<table>.sql
# state_schema: penstock      # schema of the state tables, in the target database
"""


@dataclass(frozen=True, slots=True)
class Written:
    """What `init` did to one file: `written`, `kept` because it was the same, or `added` lines to it."""

    path: Path
    action: str


def init_project(folder: Path, *, workflow: bool = True) -> list[Written]:
    """Add `penstock.yml`, ignore rules and a workflow for pull requests to a dbt project; a second call changes nothing.

    Raises ConfigError where there is no dbt project.
    """
    if not (folder / "dbt_project.yml").is_file():
        raise ConfigError(
            f"there is no dbt_project.yml in {folder}", hint="Go to your dbt project, or write the demo: penstock init --demo shop"
        )
    done = []
    path = folder / "penstock.yml"
    if path.exists():
        done.append(Written(path, "kept"))
    else:
        path.write_text(_PROJECT_FILE, encoding="utf-8")
        done.append(Written(path, "written"))
    done.append(_ignore(folder / ".gitignore"))
    if workflow:
        done.append(_write_workflow(folder))
    return done


def _write_workflow(folder: Path) -> Written:
    """Write GitHub's workflow to the top of the repository, which is where GitHub looks; one that is there is kept."""
    top = in_repository(folder)
    path = top / WORKFLOW
    if path.exists():
        return Written(path, "kept")
    text = files("penstock.app").joinpath("workflow.yml").read_text(encoding="utf-8")
    project = Path(os.path.relpath(folder.absolute(), top)).as_posix()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace('"@folder@"', json.dumps(project)), encoding="utf-8")  # JSON's quotes are YAML's
    return Written(path, "written")


def init_demo(folder: Path) -> list[Written]:
    """Write the demo shop and make its data; files that are there already must be the same, and data that is there is kept.

    Raises ConfigError naming every file that differs: nothing of the user's is overwritten.
    """
    source = _demo_source()
    wanted = dict(_demo_files(source))
    standing = {relative: folder / relative for relative in wanted if (folder / relative).exists()}
    clashes = [relative for relative, path in standing.items() if path.read_bytes() != wanted[relative]]
    if clashes:
        raise ConfigError(
            f"{len(clashes)} files differ from the demo, for example {clashes[0]}", at=Location(str(folder)), hint="Choose an empty folder."
        )
    done = []
    for relative, content in wanted.items():
        path = folder / relative
        action = "kept" if path.exists() else "written"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        done.append(Written(path, action))
    data = folder / "data"
    standing_data = data.is_dir() and any(data.iterdir())
    if not standing_data:
        make_demo_data(folder)
    done.append(Written(data, "kept" if standing_data else "written"))
    return done


def make_demo_data(folder: Path) -> None:
    """Run the demo's data script; it writes CSV, Parquet and JSON files into `data/`."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    script = (folder / _DATA_SCRIPT).read_text(encoding="utf-8")
    connection = duckdb.connect()
    try:
        connection.execute(_anchored(script, folder))
    finally:
        connection.close()


def _anchored(script: str, folder: Path) -> str:
    """Make the script's output folder absolute: it says `data/` relative to the project."""
    return script.replace("'data/", "'" + folder.absolute().as_posix().replace("'", "''") + "/data/")


def _demo_source() -> Path:
    """Find the demo: beside the package in the wheel, at the top of the repository in a checkout."""
    packaged = Path(str(files("penstock"))) / "demo"
    return packaged if packaged.is_dir() else Path(str(files("penstock"))).parents[1]


def _demo_files(source: Path) -> Iterator[tuple[str, bytes]]:
    for part in _DEMO_PARTS:
        top = source / part
        paths = [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
        for path in paths:
            relative = path.relative_to(source)
            if not _LEFT_OUT & set(relative.parts) and ".duckdb" not in path.name and not path.name.startswith("."):
                yield relative.as_posix(), path.read_bytes()


def _ignore(path: Path) -> Written:
    known = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    missing = [line for line in _IGNORED if line not in known]
    if not missing:
        return Written(path, "kept")
    path.write_text("\n".join([*known, *missing]) + "\n", encoding="utf-8")
    return Written(path, "added" if known else "written")
