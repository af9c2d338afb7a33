"""Every selector of selectors.yml selects what dbt's own `SelectorConfig` makes of it, by flag and by method.

dbt-core 1.11 puts a selector that refers to another into its place when it reads the file; 1.12 looks it up when it searches,
and is the one to follow: `reading_like_1_12` and `searching_like_1_12` are its `SelectorSelectorMethod` and the places around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from conftest import Case, Oracle

    Cases = Callable[..., list[Case]]
    MakeCase = Callable[..., Case]

MESH = "selection_mesh"
MODES = ("eager", "cautious", "buildable", "empty")
TESTS = Path(__file__).parents[2]
CASES = TESTS / "cases" / "selector"
NAMES = [
    selector["name"] for selector in yaml.safe_load((TESTS / "projects" / MESH / "selectors.yml").read_text(encoding="utf-8"))["selectors"]
]
NEWER = [selector["name"] for selector in yaml.safe_load((CASES / MESH / "newer_selectors.yml").read_text(encoding="utf-8"))["selectors"]]


@contextmanager
def reading_like_1_12(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let dbt-core 1.11 know the method `selector`, and leave it in definitions for the search."""
    from dbt.config.selectors import SelectorDict
    from dbt.graph import cli
    from dbt.graph.selector_spec import SelectionCriteria

    parse_method, parse_dict_definition = SelectionCriteria.parse_method, cli.parse_dict_definition
    normalize = SelectorDict.parse_dict_definition

    def with_selector(criterion: Mapping[str, Any]) -> tuple[Any, list[str]]:
        method, *arguments = (criterion.get("method") or "").split(".")
        found: tuple[Any, list[str]] = (method, arguments) if method == "selector" else parse_method(criterion)
        return found

    def without_lookup(definition: dict[str, Any], result: Mapping[str, Any]) -> Any:
        refers = len(definition) > 1 and definition.get("method") == "selector"
        return parse_dict_definition({**definition, "method": "selector."} if refers else definition, result=result)

    def kept(definition: dict[str, Any], selector_dict: Mapping[str, Any]) -> Any:
        return definition if definition.get("method") == "selector" else normalize(definition, selector_dict)

    with monkeypatch.context() as patch:
        patch.setattr(SelectorDict, "parse_dict_definition", kept)
        patch.setattr(SelectionCriteria, "parse_method", with_selector)
        patch.setattr(cli, "parse_dict_definition", without_lookup)
        yield


def searching_like_1_12(oracle: Oracle, case: Case, specs: Mapping[str, Any]) -> Any:
    """Make the selector of `dbt ls` of dbt-core 1.12: what a named selector finds stands for its own, without more tests."""
    from dbt.exceptions import DbtSelectorsError
    from dbt.graph import ResourceTypeSelector

    class Searching(ResourceTypeSelector):  # type: ignore[misc,unused-ignore]
        def get_nodes_from_criteria(self, spec: Any) -> Any:
            if spec.method != "selector":
                return super().get_nodes_from_criteria(spec)
            matching = [specs[name]["definition"] for name in sorted(specs) if fnmatch(name, spec.value)]
            if not matching:
                raise DbtSelectorsError(f"Selector '{spec.value}' did not match any selector in selectors.yml")
            collected = set().union(*(self.get_selected(one, False) for one in matching)) & set(self.graph.nodes())
            return collected | self.collect_specified_neighbors(spec, collected), set()

    return Searching(oracle.dbt_graph, oracle.manifest, None, oracle.types(case), include_empty_nodes=True)


@dataclass(frozen=True)
class Selectors:
    """One selectors.yml over one project."""

    oracle: Oracle
    text: str
    monkeypatch: pytest.MonkeyPatch

    @cached_property
    def named(self) -> Any:
        """What Penstock reads."""
        return read_by_penstock(self.text)

    @cache  # noqa: B019 (as long as the module)
    def newer(self, mode: str) -> Mapping[str, Any]:
        """What dbt-core 1.12 reads; it puts the flag for indirect selection into each criterion meanwhile."""
        with self.oracle.flags(mode), reading_like_1_12(self.monkeypatch):
            return read_by_dbt(self.text)

    @cache  # noqa: B019 (as long as the module)
    def older(self, mode: str) -> Mapping[str, Any]:
        """What dbt-core 1.11 reads."""
        with self.oracle.flags(mode):
            return read_by_dbt(self.text)

    def dbt(self, case: Case, mode: str) -> list[str]:
        """What dbt-core 1.12 selects."""
        from dbt.graph.cli import parse_difference

        specs = self.newer(mode)
        default = "" if case.select or case.exclude else next((name for name, spec in specs.items() if spec["default"]), "")
        name = case.selector or default
        if name and name not in specs:
            raise self.oracle.errors[0](f"Could not find selector named {name}")
        with self.oracle.flags(mode), reading_like_1_12(self.monkeypatch):
            spec = specs[name]["definition"] if name else parse_difference(case.select, case.exclude)
            return sorted(searching_like_1_12(self.oracle, case, specs).get_selected(spec, False))

    def dbt_1_11(self, case: Case, mode: str) -> list[str]:
        """What dbt-core 1.11 selects by the flag `--selector`."""
        from dbt.graph import ResourceTypeSelector

        with self.oracle.flags(mode):
            types = self.oracle.types(case)
            selector = ResourceTypeSelector(self.oracle.dbt_graph, self.oracle.manifest, None, types, include_empty_nodes=True)
            return sorted(selector.get_selected(self.older(mode)[case.selector]["definition"], False))

    def penstock(self, case: Case, mode: str) -> list[str]:
        """What Penstock selects."""
        return sorted(self.oracle.penstock(case, mode, named=self.named).keys)


def read_by_dbt(text: str) -> Mapping[str, Any]:
    """Read selectors.yml as dbt does: into specs, and into what it writes to the manifest."""
    from dbt.clients.yaml_helper import load_yaml_text
    from dbt.config.renderer import DbtProjectYamlRenderer
    from dbt.config.selectors import SelectorDict, selector_config_from_data

    rendered = DbtProjectYamlRenderer(None, {}).render_selectors(load_yaml_text(text))
    specs: Mapping[str, Any] = selector_config_from_data(rendered)
    if rendered and rendered["selectors"]:
        SelectorDict.parse_from_selectors_list(rendered["selectors"])
    return specs


def read_by_penstock(text: str) -> Any:
    """Read selectors.yml as Penstock does."""
    from penstock.parser.profile import DbtRenderer, load_dbt_yaml
    from penstock.selector.selectors_file import read_selectors

    raw = load_dbt_yaml(text, "selectors.yml")
    return read_selectors(DbtRenderer({}, {}, "selectors.yml", {}).value(raw), "selectors.yml")


@pytest.fixture(scope="module")
def monkeypatched() -> Iterator[pytest.MonkeyPatch]:
    """A monkeypatch for fixtures that last longer than a test."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def selectors(oracle_of: Callable[[str], Oracle], monkeypatched: pytest.MonkeyPatch) -> Selectors:
    """The project's own selectors.yml, which dbt-core 1.11 and 1.12 read alike."""
    oracle = oracle_of(MESH)
    return Selectors(oracle, (oracle.folder / "selectors.yml").read_text(encoding="utf-8"), monkeypatched)


@pytest.fixture(scope="module")
def newer(oracle_of: Callable[[str], Oracle], monkeypatched: pytest.MonkeyPatch) -> Selectors:
    """A selectors.yml that only dbt-core 1.12 can read."""
    return Selectors(oracle_of(MESH), (CASES / MESH / "newer_selectors.yml").read_text(encoding="utf-8"), monkeypatched)


@pytest.mark.parametrize("name", dict.fromkeys(NAMES))
def test_a_named_selector_selects_what_dbt_selects(selectors: Selectors, make_case: MakeCase, name: str) -> None:
    case = make_case(MESH, name, (), (), "", (), (), name.replace("{{ 'rendered_name' }}", "rendered_name"))
    for mode in MODES:
        theirs = selectors.dbt(case, mode)
        assert selectors.penstock(case, mode) == theirs, mode
        assert selectors.dbt_1_11(case, mode) == theirs, f"{mode}: the oracle itself"


@pytest.mark.lines(MESH, "named.txt")
def test_a_line_selects_what_dbt_selects(newer: Selectors, case: Case) -> None:
    for mode in [case.indirect] if case.indirect else MODES:
        assert newer.penstock(case, mode) == newer.dbt(case, mode), mode


@pytest.mark.parametrize("name", [name for name in NEWER if not name.startswith("unused")])
def test_a_newer_selector_selects_what_dbt_selects(newer: Selectors, make_case: MakeCase, name: str) -> None:
    for mode, types in [*((mode, ()) for mode in MODES), ("eager", ("model",)), ("eager", ("source", "test"))]:
        case = make_case(MESH, name, (), (), "", types, (), name)
        assert newer.penstock(case, mode) == newer.dbt(case, mode), (mode, types)


@pytest.mark.lines(MESH, "named_wrong.txt")
def test_a_wrong_line_is_refused_by_both(newer: Selectors, case: Case) -> None:
    with pytest.raises(PenstockError):
        newer.penstock(case, "eager")
    with pytest.raises((*newer.oracle.errors, RecursionError)):
        newer.dbt(case, "eager")


@pytest.mark.parametrize("line", ["", "accounts", "| accounts"])
def test_the_default_selector_holds_where_nothing_else_is_said(selectors: Selectors, make_case: MakeCase, line: str) -> None:
    select, _, exclude = line.partition("| ")
    case = make_case(MESH, line, (select,) * bool(select), (exclude,) * bool(exclude), "", (), ())
    default = make_case(MESH, line, (), (), "", (), (), "the_default")
    for mode in MODES:
        found = selectors.penstock(case, mode)
        assert found == selectors.dbt(case, mode), mode
        assert (found == selectors.dbt_1_11(default, mode)) == (not line)


def wrong_files() -> list[Any]:
    """Read `wrong_selectors.txt`: files apart by lines of dashes, each with a comment that says what is wrong."""
    parts = (CASES / "selectors_yml" / "wrong.txt").read_text(encoding="utf-8").split("\n---\n")
    return [pytest.param(text, id=text.splitlines()[0].removeprefix("# ")) for text in parts]


@pytest.mark.parametrize("text", wrong_files())
def test_a_wrong_file_is_refused_by_both(oracle_of: Callable[[str], Oracle], monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    oracle = oracle_of(MESH)
    with pytest.raises(PenstockError):
        read_by_penstock(text)
    with oracle.flags("eager"), reading_like_1_12(monkeypatch), pytest.raises((*oracle.errors, TypeError, KeyError)):
        read_by_dbt(text)


def test_what_is_listed_below_selects_something(selectors: Selectors, newer: Selectors, make_case: MakeCase, cases_of: Cases) -> None:
    flags = [make_case(MESH, name, (), (), "", (), (), name) for name in NAMES if "{{" not in name]
    empty = [case.line for case in flags if not selectors.dbt_1_11(case, "eager")]
    lines = cases_of(MESH, "named.txt")
    barren = [case.line for case in lines if not newer.dbt(case, "eager")]
    assert len(empty) < len(flags) / 5
    assert len(barren) < len(lines) / 5
