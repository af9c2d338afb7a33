"""A project parsed once by dbt in this process, listed by dbt's own selector and by ours."""

from __future__ import annotations

import json
import shlex
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from penstock.graph.assemble import assemble
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.manifest import Context, parse_manifest, read_manifest
from penstock.selector.select import Selection, select

TESTS = Path(__file__).parents[2]
PROJECT = TESTS / "projects" / "selection"
CASES = TESTS / "cases" / "selector"
PROFILES = "selection: {target: dev, outputs: {dev: {type: duckdb, path: selection.duckdb}}}\n"
RIGHT = ("names.txt", "methods.txt", "operators.txt", "sets.txt", "types.txt")
WRONG = ("wrong.txt",)


@dataclass(frozen=True)
class Case:
    """One line of a case file: `select | exclude | flags`; an empty field stands for a flag that is not given."""

    line: str
    select: tuple[str, ...]
    exclude: tuple[str, ...]
    indirect: str
    resource_types: tuple[str, ...]
    exclude_resource_types: tuple[str, ...]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `right_case` or `wrong_case` once for every such line."""
    for name, files in (("right_case", RIGHT), ("wrong_case", WRONG)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, read_cases(files), ids=lambda case: case.line)


@pytest.fixture(scope="session")
def right_cases() -> list[Case]:
    """Every line that selects something, or nothing, without a mistake."""
    return read_cases(RIGHT)


@pytest.fixture(scope="session")
def wrong_cases() -> list[Case]:
    """Every line that is a mistake."""
    return read_cases(WRONG)


@pytest.fixture(scope="session")
def make_case() -> type[Case]:
    """The class of a line, for tests that make lines up."""
    return Case


def read_cases(files: Sequence[str]) -> list[Case]:
    """Read case files; `#` begins a comment line, `\\n` and `\\s` stand for a line break and a space."""
    lines = [line for file in files for line in (CASES / file).read_text().splitlines()]
    return [read_case(line) for line in lines if line.strip() and not line.startswith("#")]


def read_case(line: str) -> Case:
    """Read one line of a case file."""
    include, exclude, flags = ([part.strip() for part in line.split("|")] + ["", ""])[:3]
    options = _FLAGS.parse_args(shlex.split(flags))
    return Case(
        line,
        _values(include),
        _values(exclude),
        options.indirect_selection,
        tuple(options.resource_type),
        tuple(options.exclude_resource_type),
    )


def _values(text: str) -> tuple[str, ...]:
    return (text.replace("\\n", "\n").replace("\\s", " "),) if text else ()


_FLAGS = ArgumentParser()
_FLAGS.add_argument("--indirect-selection", default="")
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
        text = (folder / "target" / "manifest.json").read_text()
        self.parsed = parse_manifest(read_manifest(text, "manifest.json"), Context())
        self.graph: AssetGraph = assemble(self.parsed, [], "selection")

    def dbt(self, case: Case, indirect: str) -> list[str]:
        """What `dbt ls` lists: its own resource types, parser and selector on its own graph."""
        from dbt.flags import get_flags
        from dbt.graph import ResourceTypeSelector
        from dbt.graph.cli import parse_difference
        from dbt.task.base import resource_types_from_args
        from dbt.task.list import ListTask
        from dbt_common.events.contextvars import task_contextvars

        object.__setattr__(get_flags(), "INDIRECT_SELECTION", indirect)
        args: Any = Namespace(resource_types=case.resource_types, exclude_resource_types=case.exclude_resource_types)
        types = resource_types_from_args(args, set(ListTask.ALL_RESOURCE_VALUES), set(ListTask.DEFAULT_RESOURCE_VALUES))
        with task_contextvars(project_root=str(self.folder)):
            selector = ResourceTypeSelector(self.dbt_graph, self.manifest, None, list(types), include_empty_nodes=True)
            spec = parse_difference(case.select, case.exclude)  # type: ignore[arg-type]
            return sorted(selector.get_selected(spec, warn_on_no_nodes=False))

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What dbt raises for a wrong selection: its own errors, and whatever pathlib says to a pattern."""
        from dbt_common.exceptions import DbtBaseException

        return (DbtBaseException, ValueError, NotImplementedError, IndexError, AttributeError)

    def listed(self, *select: str) -> list[str]:
        """What the command itself prints."""
        rows = invoke(["ls", "--output", "json", "--output-keys", "unique_id", "--select", *select], self.folder, self.manifest)
        return sorted(json.loads(row)["unique_id"] for row in rows)

    def penstock(self, case: Case, indirect: str) -> Selection:
        """What our own selector finds."""
        return select(
            self.graph,
            case.select,
            case.exclude,
            indirect=indirect,
            resource_types=case.resource_types,
            exclude_resource_types=case.exclude_resource_types,
            project=self.parsed.project,
        )


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """Parse the project in a folder of its own; dbt's global flags are put back."""
    from dbt import flags

    before = flags.get_flags()
    folder = tmp_path_factory.mktemp("selection") / "project"
    shutil.copytree(PROJECT, folder)
    (folder / "profiles.yml").write_text(PROFILES)
    result = invoke(["parse"], folder)
    yield Oracle(folder, result)
    flags.set_flags(before)


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
