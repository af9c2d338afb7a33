"""Projects parsed once by dbt in this process, listed by dbt's own selector and by ours."""

from __future__ import annotations

import json
import shlex
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from penstock.graph.assemble import assemble
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.manifest import Context, parse_manifest, read_manifest
from penstock.selector.select import Selection, select

TESTS = Path(__file__).parents[2]
PROJECTS = TESTS / "projects"
CASES = TESTS / "cases" / "selector"
PROFILES = "selection: {target: dev, outputs: {dev: {type: duckdb, path: selection.duckdb}}}\n"
LISTED = ("selection", "selection_mesh")
"""The projects whose lines need nothing but the project itself."""
RIGHT = ("names.txt", "methods.txt", "operators.txt", "sets.txt", "types.txt")
WRONG = ("wrong.txt",)


@dataclass(frozen=True)
class Case:
    """One line of a case file: `select | exclude | flags`; an empty field stands for a flag that is not given."""

    project: str
    line: str
    select: tuple[str, ...]
    exclude: tuple[str, ...]
    indirect: str
    resource_types: tuple[str, ...]
    exclude_resource_types: tuple[str, ...]
    selector: str = ""


def pytest_configure(config: pytest.Config) -> None:
    """Let tests say which lines they are run for."""
    config.addinivalue_line("markers", "lines(project, *files): run the test once for every line of these case files")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `right_case` or `wrong_case` once for every such line of the listed projects, or for its own lines."""
    for name, files in (("right_case", RIGHT), ("wrong_case", WRONG)):
        if name in metafunc.fixturenames:
            cases = [case for project in LISTED for case in read_cases(project, *files)]
            metafunc.parametrize(name, cases, ids=lambda case: f"{case.project}: {case.line}")
    for mark in metafunc.definition.iter_markers("lines"):
        metafunc.parametrize("case", read_cases(*mark.args), ids=lambda case: case.line)


@pytest.fixture(scope="session", params=LISTED)
def project(request: pytest.FixtureRequest) -> str:
    """The name of each listed project in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def right_cases(project: str) -> list[Case]:
    """Every line of a project that selects something, or nothing, without a mistake."""
    return read_cases(project, *RIGHT)


@pytest.fixture(scope="session")
def wrong_cases(project: str) -> list[Case]:
    """Every line of a project that is a mistake."""
    return read_cases(project, *WRONG)


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    """The class of a line, for tests that make lines up."""
    return Case


@pytest.fixture(scope="session")
def cases_of() -> Callable[..., list[Case]]:
    """What reads the lines of a project's case files, for tests that share something between lines."""
    return read_cases


@pytest.fixture(scope="session")
def rows_of() -> Callable[[str, str, int], list[tuple[str, ...]]]:
    """What reads a table among a project's case files."""
    return read_rows


def read_cases(project: str, *files: str) -> list[Case]:
    """Read a project's case files, those that it has; `#` begins a comment line, `\\n` and `\\s` stand for a line break and a space."""
    folder = CASES / project
    lines = [line for file in files if (folder / file).exists() for line in (folder / file).read_text(encoding="utf-8").splitlines()]
    return [read_case(project, line) for line in lines if line.strip() and not line.startswith("#")]


def read_rows(project: str, file: str, width: int) -> list[tuple[str, ...]]:
    """Read a table of a project's case files: cells between `|`, empty ones at the end left out."""
    lines = (CASES / project / file).read_text(encoding="utf-8").splitlines()
    rows = [[unescape(cell.strip()) for cell in line.split("|")] for line in lines if line and not line.startswith("#")]
    return [tuple(row + [""] * (width - len(row))) for row in rows]


def unescape(text: str) -> str:
    """Put line breaks and spaces where the case files have `\\n` and `\\s`."""
    return text.replace("\\n", "\n").replace("\\s", " ")


def read_case(project: str, line: str) -> Case:
    """Read one line of a case file."""
    include, exclude, flags = ([part.strip() for part in line.split("|")] + ["", ""])[:3]
    options = _FLAGS.parse_args(shlex.split(flags))
    return Case(
        project,
        line,
        _values(include),
        _values(exclude),
        options.indirect_selection,
        tuple(options.resource_type),
        tuple(options.exclude_resource_type),
        options.selector,
    )


def _values(text: str) -> tuple[str, ...]:
    return (unescape(text),) if text else ()


_FLAGS = ArgumentParser()
_FLAGS.add_argument("--indirect-selection", default="")
_FLAGS.add_argument("--selector", default="")
_FLAGS.add_argument("--resource-type", action="append", default=[])
_FLAGS.add_argument("--exclude-resource-type", action="append", default=[])


class Oracle:
    """The same project as dbt and as Penstock see it."""

    def __init__(self, folder: Path, manifest: Any) -> None:
        from dbt.compilation import Linker
        from dbt.graph import Graph

        linker = Linker()
        linker.link_graph(manifest)
        self.folder = folder
        self.manifest = manifest
        self.dbt_graph = Graph(linker.graph)
        self.raw = read_manifest((folder / "target" / "manifest.json").read_text(encoding="utf-8"), "manifest.json")
        self.parsed = parse_manifest(self.raw, Context())
        self.graph: AssetGraph = assemble(self.parsed, [], "selection")

    def dbt(self, case: Case, indirect: str, previous: Any = None) -> list[str]:
        """What `dbt ls` lists: its own resource types, parser and selector on its own graph, compared with a `PreviousState`."""
        from dbt.graph import ResourceTypeSelector
        from dbt.graph.cli import parse_difference

        with self.flags(indirect):
            selector = ResourceTypeSelector(self.dbt_graph, self.manifest, previous, self.types(case), include_empty_nodes=True)
            spec = parse_difference(case.select, case.exclude)
            return sorted(selector.get_selected(spec, warn_on_no_nodes=False))

    @contextmanager
    def flags(self, indirect: str) -> Iterator[None]:
        """Set what dbt reads from its global flags, and where it looks for paths."""
        from dbt.flags import get_flags
        from dbt_common.events.contextvars import task_contextvars

        object.__setattr__(get_flags(), "INDIRECT_SELECTION", indirect)
        with task_contextvars(project_root=str(self.folder)):
            yield

    @staticmethod
    def types(case: Case) -> list[Any]:
        """The resource types that `dbt ls` lists."""
        from dbt.task.base import resource_types_from_args
        from dbt.task.list import ListTask

        args: Any = Namespace(resource_types=case.resource_types, exclude_resource_types=case.exclude_resource_types)
        return list(resource_types_from_args(args, set(ListTask.ALL_RESOURCE_VALUES), set(ListTask.DEFAULT_RESOURCE_VALUES)))

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What dbt raises for a wrong selection: its own errors, and whatever pathlib says to a pattern."""
        from dbt_common.exceptions import DbtBaseException

        return (DbtBaseException, ValueError, NotImplementedError, IndexError, AttributeError)

    def listed(self, *select: str) -> list[str]:
        """What the command itself prints."""
        rows = invoke(["ls", "--output", "json", "--output-keys", "unique_id", "--select", *select], self.folder, self.manifest)
        return sorted(json.loads(row)["unique_id"] for row in rows)

    def penstock(self, case: Case, indirect: str, **lookups: Any) -> Selection:
        """What our own selector finds; `lookups` are `history` and `named`."""
        return select(
            self.graph,
            case.select,
            case.exclude,
            indirect=indirect,
            resource_types=case.resource_types,
            exclude_resource_types=case.exclude_resource_types,
            project=self.parsed.project,
            selector=case.selector,
            **lookups,
        )


@pytest.fixture(scope="session")
def parse_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Oracle]]:
    """What parses a project in a folder of its own, prepared by a function; dbt's global flags are put back."""
    from dbt import flags

    before = flags.get_flags()

    def parse(project: str, prepare: Callable[[Path], None] = lambda _: None) -> Oracle:
        folder = tmp_path_factory.mktemp(project) / "project"
        shutil.copytree(PROJECTS / project, folder)
        (folder / "profiles.yml").write_text(PROFILES, encoding="utf-8")
        prepare(folder)
        return Oracle(folder, invoke(["parse"], folder))

    yield parse
    flags.set_flags(before)


@pytest.fixture(scope="session")
def oracle_of(parse_copy: Callable[..., Oracle]) -> Callable[[str], Oracle]:
    """What parses a project when it is first asked for."""
    return cache(parse_copy)


@pytest.fixture(scope="session")
def oracle(oracle_of: Callable[[str], Oracle], project: str) -> Oracle:
    """Each listed project in turn."""
    return oracle_of(project)


@pytest.fixture(scope="session")
def save_state(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """What writes the artifacts of an earlier run of `selection_state` into a folder, one of its own where none is given."""

    def save(manifest: Any, folder: Path | None = None, version: int = 6) -> Path:
        folder = folder or tmp_path_factory.mktemp("state")
        folder.mkdir(exist_ok=True)
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        (folder / "run_results.json").write_text(run_results(read_rows("selection_state", "runs.txt", 2), version), encoding="utf-8")
        (folder / "sources.json").write_text(sources(read_rows("selection_state", "loaded.txt", 3), 1), encoding="utf-8")
        return folder

    return save


@pytest.fixture(scope="session")
def save_sources() -> Callable[[Path], None]:
    """What writes how fresh the sources of `selection_state` are now into a target folder."""

    def save(folder: Path) -> None:
        (folder / "sources.json").write_text(sources(read_rows("selection_state", "loaded.txt", 3), 2), encoding="utf-8")

    return save


def run_results(rows: list[tuple[str, ...]], version: int) -> str:
    """Make a run_results.json of a schema version from the rows of `runs.txt`."""
    newer: dict[int, dict[str, Any]] = {
        5: {"compiled": True, "compiled_code": "select 1", "relation_name": None},
        6: {"batch_results": None},
    }
    results = [
        {
            "status": status,
            "timing": [],
            "thread_id": "Thread-1",
            "execution_time": 0.5,
            "adapter_response": {},
            "message": None,
            "failures": None,
            "unique_id": node,
            **{key: value for since, added in newer.items() if version >= since for key, value in added.items()},
        }
        for node, status in rows
    ]
    return artifact("run-results", version, results, args={})


def sources(rows: list[tuple[str, ...]], column: int) -> str:
    """Make a sources.json from a column of `loaded.txt`."""
    results: list[dict[str, Any]] = []
    for row in rows:
        if row[column] == "error":
            results.append({"unique_id": row[0], "error": "no such table", "status": "runtime error"})
        elif row[column]:
            results.append(
                {
                    "unique_id": row[0],
                    "max_loaded_at": row[column],
                    "snapshotted_at": "2024-03-01T00:00:00Z",
                    "max_loaded_at_time_ago_in_s": 1.0,
                    "status": "pass",
                    "criteria": {
                        "warn_after": {"count": 1, "period": "day"},
                        "error_after": {"count": None, "period": None},
                        "filter": None,
                    },
                    "adapter_response": {},
                    "timing": [],
                    "thread_id": "Thread-1",
                    "execution_time": 0.1,
                }
            )
    return artifact("sources", 3, results)


def artifact(name: str, version: int, results: list[dict[str, Any]], **more: Any) -> str:
    """Make one of dbt's artifacts as text."""
    metadata = {
        "dbt_schema_version": f"https://schemas.getdbt.com/dbt/{name}/v{version}.json",
        "dbt_version": "1.11.0",
        "generated_at": "2024-03-01T00:00:00Z",
        "invocation_id": "1",
        "env": {},
    }
    return json.dumps({"metadata": metadata, "results": results, "elapsed_time": 1.0, **more})


def invoke(arguments: Sequence[str], folder: Path, manifest: Any = None) -> Any:
    """Run a dbt command in this process and return what it returns."""
    from dbt.cli.main import dbtRunner

    quiet = ["--quiet", "--no-send-anonymous-usage-stats", "--no-version-check", "--log-level-file", "none"]
    places = ["--project-dir", str(folder), "--profiles-dir", str(folder)]
    outcome = dbtRunner(manifest=manifest).invoke([*quiet, *arguments, *places])
    if outcome.exception is not None:
        raise outcome.exception
    assert outcome.success
    return outcome.result
