"""`penstock ls` ends as `dbt ls` ends, wrong or right, and prints the same: the whole way from arguments to lines, in process."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from penstock.ui import cli

if TYPE_CHECKING:
    from conftest import Oracle

CASES = Path(__file__).parents[2] / "cases" / "selector"
MESH, STATE = "selection_mesh", "selection_state"


def arguments(*files: str) -> list[Any]:
    """Read lines of arguments; `#` begins a comment."""
    lines = [line for file in files for line in (CASES / "exit_codes" / file).read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if not line.startswith("#")]


def files_apart(name: str) -> list[Any]:
    """Read files apart by lines of dashes, each with a comment that says what is wrong."""
    parts = (CASES / "selectors_yml" / name).read_text(encoding="utf-8").split("\n---\n")
    return [pytest.param(text, id=text.splitlines()[0].removeprefix("# ")) for text in parts]


@dataclass(frozen=True)
class Commands:
    """Both commands in one project."""

    oracle: Oracle
    folder: Path
    capture: pytest.CaptureFixture[str]

    def dbt(self, line: str) -> tuple[int, list[str]]:
        """Run `dbt ls` and return how it ended and what it listed."""
        from dbt.cli.main import cli as dbt

        quiet = ["--quiet", "--no-send-anonymous-usage-stats", "--no-version-check", "--log-level-file", "none"]
        with pytest.raises(SystemExit) as end:
            dbt.main([*quiet, "ls", *self._arguments(line)], prog_name="dbt", obj={"manifest": self.oracle.manifest, "callbacks": []})
        return self._ended(end.value)

    def penstock(self, line: str) -> tuple[int, list[str]]:
        """Run `penstock ls` and return how it ended and what it listed."""
        with pytest.raises(SystemExit) as end:
            cli.main(["ls", *self._arguments(line)])
        return self._ended(end.value)

    def _arguments(self, line: str) -> list[str]:
        output = [] if "--output" in line else ["--output", "json", "--output-keys", "unique_id"]
        return [*shlex.split(line), *output, "--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]

    def _ended(self, end: SystemExit) -> tuple[int, list[str]]:
        lines = [line for line in self.capture.readouterr().out.splitlines() if line.startswith('{"unique_id"')]
        return int(end.code or 0), sorted(json.loads(line)["unique_id"] for line in lines)


@pytest.fixture
def mesh(oracle_of: Callable[[str], Oracle], capsys: pytest.CaptureFixture[str]) -> Commands:
    """Both commands in selection_mesh."""
    oracle = oracle_of(MESH)
    return Commands(oracle, oracle.folder, capsys)


@pytest.fixture(scope="module")
def state_project(oracle_of: Callable[[str], Oracle], save_state: Callable[..., Path], save_sources: Callable[[Path], None]) -> Oracle:
    """`selection_state` with folders in it that hold earlier artifacts, good and bad."""
    oracle = oracle_of(STATE)
    save_sources(oracle.folder / "target")
    manifests = {"same": {}, "earlier": EARLIER, "broken_contract": BROKEN_CONTRACT}
    for name, changes in manifests.items():
        save_state({**oracle.raw, "nodes": altered(oracle.raw["nodes"], changes)}, oracle.folder / name)
    earlier = {path.name: path.read_text(encoding="utf-8") for path in (oracle.folder / "earlier").iterdir()}
    for name, texts in bad_folders(earlier).items():
        (oracle.folder / name).mkdir()
        for file, text in texts.items():
            (oracle.folder / name / file).write_text(text, encoding="utf-8")
    (oracle.folder / "a_file").write_text("", encoding="utf-8")
    return oracle


EARLIER: Mapping[str, Mapping[str, Any]] = {
    "model.state.body_kept": {"raw_code": "select 0 as id"},
    "model.state.in_file": {"unrendered_config": {"materialized": "ephemeral"}},
    "model.state.is_new": {},
    "seed.state.content_kept": {"checksum": {"name": "sha256", "checksum": "0"}},
    "model.state.contract_kept": {"contract": {"enforced": True, "alias_types": True, "checksum": "0"}},
}
"""What else the nodes of an earlier manifest said; one that says nothing was not there."""

BROKEN_CONTRACT: Mapping[str, Mapping[str, Any]] = {
    "model.state.loose.v1": {
        "contract": {"enforced": True, "alias_types": True, "checksum": "0"},
        "columns": {"gone": {"name": "gone", "data_type": "integer"}},
    }
}


def altered(nodes: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the nodes with changes; without the nodes that have an empty one."""
    return {key: {**node, **changes.get(key, {})} for key, node in nodes.items() if changes.get(key) != {}}


def bad_folders(good: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return folders in which artifacts are missing, cut off or of a version that dbt does not read."""
    manifest, results, sources = (good[name] for name in ("manifest.json", "run_results.json", "sources.json"))
    return {
        "empty": {},
        "only_manifest": {"manifest.json": manifest},
        "only_results": {"run_results.json": results},
        "broken_manifest": {**good, "manifest.json": manifest[:1000]},
        "broken_results": {**good, "run_results.json": results[:1000]},
        "old_manifest": {**good, "manifest.json": manifest.replace("/manifest/v12.json", "/manifest/v3.json")},
        "old_results": {**good, "run_results.json": results.replace("/run-results/v6.json", "/run-results/v3.json")},
        "old_sources": {**good, "sources.json": sources.replace("/sources/v3.json", "/sources/v2.json")},
    }


@pytest.fixture
def state(state_project: Oracle, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Both commands in selection_state."""
    return Commands(state_project, state_project.folder, capsys)


@pytest.mark.parametrize("line", arguments("wrong.txt"))
def test_a_wrong_line_ends_with_two_in_both(mesh: Commands, line: str) -> None:
    assert (mesh.penstock(line), mesh.dbt(line)) == ((2, []), (2, []))


@pytest.mark.parametrize("line", arguments("state_wrong.txt"))
def test_a_wrong_line_about_state_ends_with_two_in_both(state: Commands, line: str) -> None:
    assert (state.penstock(line), state.dbt(line)) == ((2, []), (2, []))


@pytest.mark.parametrize("line", arguments("empty.txt"))
def test_an_empty_selection_ends_well_in_both(mesh: Commands, line: str) -> None:
    assert (mesh.penstock(line), mesh.dbt(line)) == ((0, []), (0, []))


@pytest.mark.parametrize("line", arguments("state_empty.txt"))
def test_an_empty_selection_by_state_ends_well_in_both(state: Commands, line: str) -> None:
    assert (state.penstock(line), state.dbt(line)) == ((0, []), (0, []))


@pytest.mark.parametrize("line", arguments("right.txt"))
def test_both_list_the_same(mesh: Commands, line: str) -> None:
    code, listed = mesh.dbt(line)
    assert mesh.penstock(line) == (code, listed)
    assert (code, bool(listed)) == (0, True)


@pytest.mark.parametrize("line", arguments("state_right.txt"))
def test_both_list_the_same_by_state(state: Commands, line: str) -> None:
    code, listed = state.dbt(line)
    assert state.penstock(line) == (code, listed)
    assert (code, bool(listed)) == (0, True)


@pytest.mark.parametrize("text", files_apart("wrong.txt")[::4])  # test_named_oracle reads them all
def test_a_wrong_selectors_file_ends_with_two_in_both(mesh: Commands, tmp_path: Path, text: str) -> None:
    folder = shutil.copytree(mesh.oracle.folder, tmp_path / "project")
    (folder / "selectors.yml").write_text(text, encoding="utf-8")
    both = dataclasses.replace(mesh, folder=folder)
    assert (both.penstock("--select accounts"), both.dbt("--select accounts")) == ((2, []), (2, []))


def test_there_are_enough_lines() -> None:
    assert len(arguments("wrong.txt", "state_wrong.txt")) >= 60
