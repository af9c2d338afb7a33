"""Every line about earlier state selects what dbt selects: `state:`, `result:` and `source_status:`.

The earlier project is a copy of `projects/selection_state` with the edits of `earlier.txt`; dbt compares with its own
`PreviousState`. Both of them are parsed with and without the flag that changes what is compared of sources and configs.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from conftest import Case, Oracle

    Cases = Callable[..., list[Case]]
    MakeCase = Callable[..., Case]
    Parsed = Mapping[tuple[str, bool], Oracle]
    Rows = Callable[[str, str, int], list[tuple[str, ...]]]
    SaveState = Callable[..., Path]

PROJECT = "selection_state"
FLAG = "state_modified_compare_more_unrendered_values"
SELECTORS = yaml.safe_load((Path(__file__).parents[2] / "projects" / PROJECT / "selectors.yml").read_text(encoding="utf-8"))
MODES = ("eager", "cautious", "buildable", "empty")
PAIRS = {"off": (False, False), "on": (True, True), "switched on": (False, True)}
"""Whether the flag was set earlier, and whether it is set now."""
RUN_RESULTS = (4, 5, 6)
"""The versions of run_results.json that dbt reads."""
BROKEN = ("typed.v1", "typed.v2", "loose.v1", "strict.v1", "flat.v1", "pinned.v1", "lax.v1", "dropped.v1", "switched.v1")
"""The models whose contracts the current project breaks, compared with the edits of `breaking.txt`."""


@dataclass(frozen=True)
class Comparison:
    """A project and a folder with artifacts of an earlier one."""

    oracle: Oracle
    state: Path
    flag: bool

    @cached_property
    def previous(self) -> Any:
        """What dbt reads from the folder."""
        from dbt.contracts.state import PreviousState

        return PreviousState(self.state, self.oracle.folder / "target", self.oracle.folder)

    @cached_property
    def definitions(self) -> tuple[Any, Any]:
        """What Penstock reads of the current and of the earlier project."""
        from penstock.parser.definitions import read_definitions

        earlier = json.loads((self.state / "manifest.json").read_text(encoding="utf-8"))
        return tuple(read_definitions(raw, unrendered_sources=self.flag) for raw in (self.oracle.raw, earlier))  # type: ignore[return-value]

    def history(self) -> Any:
        """What Penstock compares with, made anew for each selection."""
        from penstock.parser.artifacts import fresher, read_results, read_sources
        from penstock.selector.history import History

        def text(folder: Path, name: str) -> tuple[str, str]:
            return (folder / name).read_text(encoding="utf-8"), name

        return History(
            now=datetime.now(UTC),
            current=lambda: self.definitions[0],
            previous=lambda: self.definitions[1],
            statuses=lambda: read_results(*text(self.state, "run_results.json")),
            fresher=lambda: fresher(
                read_sources(*text(self.oracle.folder / "target", "sources.json")), read_sources(*text(self.state, "sources.json"))
            ),
        )

    @cache  # noqa: B019 (comparisons live as long as the session)
    def dbt(self, case: Case, mode: str) -> list[str]:
        """What dbt selects."""
        self.set_flag()
        return self.oracle.dbt(case, mode, self.previous)

    def set_flag(self) -> None:
        """Let dbt compare as the project says."""
        from dbt.flags import get_flags

        object.__setattr__(get_flags(), FLAG, self.flag)

    def dbt_named(self, case: Case, mode: str) -> list[str]:
        """What dbt selects by the flag `--selector`."""
        from dbt.config.selectors import selector_config_from_data
        from dbt.graph import ResourceTypeSelector

        self.set_flag()
        with self.oracle.flags(mode):
            spec: Any = selector_config_from_data(copy.deepcopy(SELECTORS))[case.selector]["definition"]
            types = self.oracle.types(case)
            selector = ResourceTypeSelector(self.oracle.dbt_graph, self.oracle.manifest, self.previous, types, include_empty_nodes=True)
            return sorted(selector.get_selected(spec, warn_on_no_nodes=False))

    def penstock(self, case: Case, mode: str) -> Any:
        """What Penstock selects."""
        from penstock.selector.selectors_file import read_selectors

        return self.oracle.penstock(case, mode, history=self.history(), named=read_selectors(SELECTORS, "selectors.yml"))

    def agree(self, case: Case, *modes: str) -> None:
        """Check that both select the same in these modes, or in the line's own."""
        for mode in [case.indirect] if case.indirect else modes:
            ours, theirs = set(self.penstock(case, mode).keys), set(self.dbt(case, mode))
            assert (mode, ours - theirs, theirs - ours) == (mode, set(), set())


@pytest.fixture(scope="session")
def parsed(parse_copy: Callable[..., Oracle], rows_of: Rows, save_sources: Callable[[Path], None]) -> dict[tuple[str, bool], Oracle]:
    """The project now and earlier, each parsed with and without the flag, and one whose contracts the current one breaks."""
    versions = [("now", False), ("now", True), ("earlier", False), ("earlier", True), ("breaking", False)]
    found: dict[tuple[str, bool], Oracle] = {}
    for version, flag in versions:
        oracle = parse_copy(PROJECT, partial(prepare, edits=rows_of(PROJECT, f"{version}.txt", 3), flag=flag))
        save_sources(oracle.folder / "target")
        found[version, flag] = oracle
    return found


def prepare(folder: Path, *, edits: list[tuple[str, ...]], flag: bool) -> None:
    """Make a version of the project, with two seeds of more than a megabyte: dbt compares the paths of those."""
    moved = folder / "seeds" / ("old" if edits else "new")
    moved.mkdir()
    (moved / "large_and_moved.csv").write_text(f"id\n{'1' * 1_100_000}\n", encoding="utf-8")
    (folder / "seeds" / "large.csv").write_text(f"id\n{('2' if edits else '1') * 1_100_000}\n", encoding="utf-8")
    for name, now, then in edits:
        edit(folder / name, now, then)
    with (folder / "dbt_project.yml").open("a", encoding="utf-8") as project:
        project.write(f"flags: {{{FLAG}: {str(flag).lower()}}}\n")


def edit(path: Path, now: str, then: str) -> None:
    """Replace a text, which must occur once; without one make a file that is not there; without both remove one."""
    if now:
        text = path.read_text(encoding="utf-8")
        assert text.count(now) == 1, (path.name, now)
        path.write_text(text.replace(now, then), encoding="utf-8")
    elif then:
        assert not path.exists(), path.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(then, encoding="utf-8")
    else:
        path.unlink()


@pytest.fixture(scope="session")
def comparisons(parsed: Parsed, save_state: SaveState) -> dict[str, Comparison]:
    """Each pair of flags as a comparison of the project with the earlier one, results and freshness beside the manifest."""
    found = {}
    for name, (earlier, now) in PAIRS.items():
        found[name] = Comparison(parsed["now", now], save_state(parsed["earlier", earlier].raw), now)
    return found


@pytest.mark.lines(PROJECT, "state.txt", "results.txt", "freshness.txt")
def test_a_line_selects_what_dbt_selects(comparisons: Mapping[str, Comparison], case: Case) -> None:
    comparisons["off"].agree(case, *MODES)


@pytest.mark.lines(PROJECT, "state.txt")
@pytest.mark.parametrize("flags", ["on", "switched on"])
def test_a_line_selects_what_dbt_selects_when_more_is_compared(comparisons: Mapping[str, Comparison], flags: str, case: Case) -> None:
    comparisons[flags].agree(case, "eager")


@pytest.mark.parametrize("name", [selector["name"] for selector in SELECTORS["selectors"]])
def test_a_named_selector_selects_what_dbt_selects(comparisons: Mapping[str, Comparison], make_case: MakeCase, name: str) -> None:
    case = make_case(PROJECT, name, (), (), "", (), (), name)
    for mode in MODES:
        found = comparisons["off"].dbt_named(case, mode)
        assert sorted(comparisons["off"].penstock(case, mode).keys) == found, mode
        assert found


@pytest.mark.lines(PROJECT, "removed.txt")
def test_nothing_is_modified_since_now(parsed: Parsed, save_state: SaveState, case: Case) -> None:
    now = parsed["now", False]
    Comparison(now, save_state(now.raw), flag=False).agree(case, *MODES)


@pytest.fixture(scope="session")
def backwards(parsed: Parsed, save_state: SaveState) -> Comparison:
    """The earlier project compared with the current one."""
    return Comparison(parsed["earlier", False], save_state(parsed["now", False].raw), flag=False)


@pytest.mark.lines(PROJECT, "state.txt")
def test_what_is_new_now_was_gone_earlier(backwards: Comparison, case: Case) -> None:
    backwards.agree(case, "eager")


@pytest.mark.parametrize("version", RUN_RESULTS)
def test_results_of_every_version_select_what_dbt_selects(parsed: Parsed, save_state: SaveState, cases_of: Cases, version: int) -> None:
    then = Comparison(parsed["now", False], save_state(parsed["earlier", False].raw, version=version), flag=False)
    for case in cases_of(PROJECT, "results.txt"):
        then.agree(case, "eager")


@pytest.mark.lines(PROJECT, "wrong.txt")
def test_a_wrong_line_is_refused_by_both(comparisons: Mapping[str, Comparison], case: Case) -> None:
    refused_by_both(comparisons["off"], case)


def refused_by_both(comparison: Comparison, case: Case) -> None:
    """Check that neither selects anything."""
    with pytest.raises(PenstockError):
        comparison.penstock(case, "eager")
    with pytest.raises(comparison.oracle.errors):
        comparison.dbt(case, "eager")


@pytest.mark.parametrize("line", ["state:new", "state:modified", "state:unmodified", "result:error", "source_status:fresher"])
def test_without_earlier_artifacts_a_line_is_refused_by_both(parsed: Parsed, tmp_path: Path, make_case: MakeCase, line: str) -> None:
    from penstock.selector.history import History

    nothing = Comparison(parsed["now", False], tmp_path, flag=False)
    case = make_case(PROJECT, line, (line,), (), "", (), ())
    with pytest.raises(nothing.oracle.errors):
        nothing.dbt(case, "eager")
    with pytest.raises(PenstockError):
        nothing.oracle.penstock(case, "eager", history=History())


@pytest.fixture(scope="session", params=BROKEN)
def broken(request: pytest.FixtureRequest, parsed: Parsed, save_state: SaveState) -> Comparison:
    """A comparison with a project that had one model, whose contract was broken since."""
    key = f"model.state.{request.param}"
    earlier = {section: {} if isinstance(value, dict) else value for section, value in parsed["breaking", False].raw.items()}
    metadata, node = (parsed["breaking", False].raw[section] for section in ("metadata", "nodes"))
    return Comparison(parsed["now", False], save_state({**earlier, "metadata": metadata, "nodes": {key: node[key]}}), flag=False)


def test_a_broken_contract_of_a_version_is_refused_by_both(broken: Comparison, cases_of: Cases) -> None:
    for case in cases_of(PROJECT, "broken.txt"):
        refused_by_both(broken, case)


def test_other_lines_ignore_a_broken_contract(broken: Comparison, cases_of: Cases) -> None:
    for case in cases_of(PROJECT, "unbroken.txt"):
        broken.agree(case, "eager")


@pytest.mark.parametrize("line", ["state:modified", "state:unmodified", "state:modified.contract", "state:modified,contracts", "state:new"])
@pytest.mark.parametrize("flags", PAIRS)
def test_broken_contracts_without_versions_are_warned_of(
    comparisons: Mapping[str, Comparison], monkeypatch: pytest.MonkeyPatch, make_case: MakeCase, flags: str, line: str
) -> None:
    """Dbt tells of each breaking change; Penstock names the same models, each once, with the same columns."""
    from dbt.contracts.graph import nodes
    from dbt.events.types import UnversionedBreakingChange

    events: list[Any] = []
    monkeypatch.setattr(nodes, "warn_or_error", lambda event, **_: events.append(event))
    case = make_case(PROJECT, line, (line,), (), "", (), ())
    comparisons[flags].dbt.__wrapped__(comparisons[flags], case, "eager")
    told = {event.model_name: event for event in events if isinstance(event, UnversionedBreakingChange)}
    warnings = comparisons[flags].penstock(case, "eager").warnings
    named = {match["name"]: text for text in warnings if (match := re.search(r"model\.state\.(?P<name>\w+)", text))}
    assert sorted(named) == sorted(told)
    assert len(named) == len(warnings)
    for name, event in told.items():
        columns = [*event.columns_removed, *(change.column_name for change in event.column_type_changes)]
        assert [column for column in columns if column not in named[name]] == []


def test_the_flag_changes_what_is_modified(comparisons: Mapping[str, Comparison], make_case: MakeCase) -> None:
    case = make_case(PROJECT, "state:modified", ("state:modified",), (), "", (), ())
    off, on = (set(comparisons[name].dbt(case, "empty")) for name in ("off", "on"))
    assert {"model.state.by_var", "model.state.schema_by_var", "source.state.by_var.one"} <= off - on
    assert on - off == set()


def test_dbt_does_nothing_with_the_flag_that_says_vars_are_compared() -> None:
    """`state_modified_compare_vars` is declared and passed on in dbt-core 1.11 and 1.12, and read nowhere: Penstock has no such flag."""
    import dbt.graph

    package = Path(dbt.graph.__file__).parents[1]
    readers = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if b"state_modified_compare_vars" in path.read_bytes()
    }
    assert readers == {"contracts/project.py"}


def test_few_lines_select_nothing(comparisons: Mapping[str, Comparison], cases_of: Cases) -> None:
    cases = cases_of(PROJECT, "state.txt", "results.txt", "freshness.txt")
    empty = [case.line for case in cases if not comparisons["off"].dbt(case, "eager")]
    assert len({case.line for case in cases}) == len(cases) >= 200
    assert len(empty) < len(cases) / 8


PARTS = (
    "new",
    "old",
    "modified",
    "unmodified",
    *(f"modified.{part}" for part in "body configs relation persisted_descriptions macros contract".split()),
)


@pytest.mark.parametrize("part", PARTS)
def test_every_sub_selector_has_several_lines(cases_of: Cases, part: str) -> None:
    mentioned = [case.line for case in cases_of(PROJECT, "state.txt") if re.search(rf"state:{re.escape(part)}(?![.\w])", case.line)]
    assert len(mentioned) >= 5
