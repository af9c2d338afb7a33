"""Whatever the graph and whatever is asked of it: we select what dbt's own selector classes select, and sets behave as sets."""

from __future__ import annotations

import json
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock.errors import PenstockError
from penstock.graph.assemble import assemble
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.manifest import Context, parse_manifest, read_manifest
from penstock.selector.grammar import parse
from penstock.selector.methods import METHODS
from penstock.selector.resolve import Resolver
from penstock.selector.select import select
from penstock.selector.tree import Criterion, Difference, Everything, Indirect, Intersection, Tree, Union
from penstock.selector.view import GraphView
from random_manifests import PROJECT, SECTIONS, World, apart, criteria, selections, trees, unions, worlds

Texts = Sequence[str]

MODES = ("eager", "cautious", "buildable", "empty")
TYPES = ("all", "default", "model", "source", "seed", "snapshot", "test", "unit_test", "exposure", "metric", "analysis", "function")
NO_OPERATORS: dict[str, Any] = {
    "childrens_parents": False, "parents": False, "parents_depth": None, "children": False, "children_depth": None,
}  # fmt: skip
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def examples(number: int) -> settings:
    return settings(deadline=None, max_examples=number, suppress_health_check=SLOW)


class Dbt:
    """A world as dbt holds it, and as we read what dbt writes of it; `building` adds the edges that only `dbt build` has."""

    def __init__(self, world: World, folder: Path, building: bool = False) -> None:
        from dbt.compilation import Linker
        from dbt.graph import Graph

        self.folder = folder
        self.manifest = _manifest(world)
        written = json.dumps(self.manifest.writable_manifest().to_dict(omit_none=False))
        self.ours: AssetGraph = assemble(parse_manifest(read_manifest(written, "manifest.json"), Context()), [], "db")
        linker = Linker()
        linker.link_graph(self.manifest)
        if building:
            linker.add_test_edges(self.manifest)
        self.graph = Graph(linker.graph)

    def listed(self, include: Texts, exclude: Texts, mode: str, types: Texts, without: Texts) -> list[str]:
        """What `dbt ls` lists for these flags."""
        from dbt.flags import get_flags
        from dbt.graph.cli import parse_difference
        from dbt.task.base import resource_types_from_args
        from dbt.task.list import ListTask

        get_flags().INDIRECT_SELECTION = mode
        args: Any = Namespace(resource_types=types, exclude_resource_types=without)
        wanted = resource_types_from_args(args, set(ListTask.ALL_RESOURCE_VALUES), set(ListTask.DEFAULT_RESOURCE_VALUES))
        return self._selected(parse_difference(include, exclude), wanted)

    def resolved(self, tree: Tree, mode: str) -> list[str]:
        """What a tree selects, whether a text can say it or not."""
        from dbt.node_types import NodeType

        return self._selected(_spec(tree, mode), NodeType)

    def _selected(self, spec: Any, types: Any) -> list[str]:
        from dbt.graph import ResourceTypeSelector
        from dbt_common.events.contextvars import task_contextvars

        with task_contextvars(project_root=str(self.folder)):
            selector = ResourceTypeSelector(self.graph, self.manifest, None, list(types), include_empty_nodes=True)
            return sorted(selector.get_selected(spec, warn_on_no_nodes=False))


def _manifest(world: World) -> Any:
    from dbt.contracts.graph import nodes as kinds
    from dbt.contracts.graph.manifest import Manifest

    classes = {
        "sources": kinds.SourceDefinition, "exposures": kinds.Exposure, "metrics": kinds.Metric, "functions": kinds.FunctionNode,
        "semantic_models": kinds.SemanticModel, "saved_queries": kinds.SavedQuery, "unit_tests": kinds.UnitTestDefinition,
    }  # fmt: skip
    manifest = Manifest()
    manifest.metadata.project_name = PROJECT
    for uid, node in world.nodes.items():
        section = SECTIONS.get(node["resource_type"], "nodes")
        read = classes[section].from_dict if section in classes else kinds.ParsedNode._deserialize
        getattr(manifest, section)[uid] = read(node)
    return manifest


def _spec(tree: Tree, mode: str) -> Any:
    """The same tree in dbt's classes; like its command line, differences leave tests alone."""
    from dbt.graph import selector_spec as dbt
    from dbt.graph.cli import DEFAULT_INCLUDES
    from dbt.graph.selector_methods import MethodName

    match tree:
        case Criterion():
            method, operators = MethodName(tree.method), {name: getattr(tree, name) for name in NO_OPERATORS}
            indirect = dbt.IndirectSelection(tree.indirect or mode)
            return dbt.SelectionCriteria("", method, list(tree.arguments), tree.value, **operators, indirect_selection=indirect)
        case Everything():
            words = [dbt.SelectionCriteria.from_single_spec(text) for text in DEFAULT_INCLUDES]
            return dbt.SelectionUnion(words, dbt.IndirectSelection(mode))
        case Difference(included, excluded):
            return dbt.SelectionDifference([_spec(included, mode), _spec(excluded, mode)])
        case _:
            group = dbt.SelectionUnion if isinstance(tree, Union) else dbt.SelectionIntersection
            return group([_spec(part, mode) for part in tree.parts], dbt.IndirectSelection(mode if tree.joins else "eager"))


@pytest.fixture(scope="module", autouse=True)
def dbt_flags() -> Iterator[None]:
    """Flags of our own for dbt; its global ones are put back."""
    from dbt import flags

    before = flags.get_flags()
    flags.set_flags(Namespace(INDIRECT_SELECTION="eager", SEND_ANONYMOUS_USAGE_STATS=False, USE_FAST_TEST_EDGES=False))
    yield
    flags.set_flags(before)


@contextmanager
def project(world: World) -> Iterator[Path]:
    """Put a world's files, all empty, where dbt looks for them."""
    with tempfile.TemporaryDirectory() as name:
        for file in world.files():
            path = Path(name, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        yield Path(name)


def words_of(tree: Tree) -> tuple[str, ...]:
    """The values of a flag, one a word; none for everything."""
    return tuple(str(part) for part in tree.parts) if isinstance(tree, Union) else ()


def flags_of(tree: Tree) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What `--select` and `--exclude` say for a tree."""
    return (words_of(tree.included), words_of(tree.excluded)) if isinstance(tree, Difference) else (words_of(tree), ())


@examples(200)
@given(worlds(), st.booleans(), st.data())
def test_any_selection_lists_what_dbt_lists(world: World, building: bool, data: st.DataObject) -> None:
    """In every mode of indirect selection, with any resource types; the edges that `dbt build` adds make no difference."""
    asked = data.draw(st.lists(selections(world), min_size=3, max_size=5))
    types = data.draw(st.lists(st.sampled_from(TYPES), max_size=3))
    without = data.draw(st.lists(st.sampled_from(TYPES[2:]), max_size=2))
    with project(world) as folder:
        dbt = Dbt(world, folder, building)
        for tree in asked:
            include, exclude = flags_of(tree)
            for mode in MODES:
                ours = select(
                    dbt.ours, include, exclude, indirect=mode, resource_types=types, exclude_resource_types=without, project=PROJECT
                )
                assert sorted(ours.keys) == dbt.listed(include, exclude, mode, types, without), (mode, include, exclude)


@examples(120)
@given(worlds(), st.data())
def test_any_tree_selects_what_dbts_classes_select(world: World, data: st.DataObject) -> None:
    """Groups within groups too, which only dbt's selectors.yml can say."""
    asked = data.draw(st.lists(trees(world), min_size=3, max_size=5))
    with project(world) as folder:
        dbt = Dbt(world, folder)
        view = GraphView(dbt.ours, PROJECT)
        for tree in asked:
            for mode in MODES:
                ours = [dbt.ours.assets[number].key for number in Resolver(view, Indirect(mode)).resolve(tree)]
                assert sorted(ours) == dbt.resolved(tree, mode), (mode, tree)


def test_a_packages_hook_stands_in_the_file_that_every_project_has(tmp_path: Path) -> None:
    """dbt looks for the file on the disk, and a project without a dbt_project.yml there is none."""
    hook = {
        "unique_id": "operation.helper.h", "name": "h", "resource_type": "operation", "package_name": "helper", "path": "hooks/h.sql",
        "original_file_path": "./dbt_project.yml", "fqn": ["helper", "hooks", "h"], "depends_on": {"nodes": [], "macros": []},
        "config": {}, "database": "db", "schema": "s", "alias": "h", "raw_code": "select 1", "checksum": {"name": "none", "checksum": ""},
    }  # fmt: skip
    world = World({"operation.helper.h": hook})
    (tmp_path / "dbt_project.yml").touch()
    tree = Criterion("path", "dbt_project.yml")
    assert sorted(world.ids(tree)) == Dbt(world, tmp_path).resolved(tree, "empty") == ["operation.helper.h"]


@st.composite
def groups(draw: Any, world: World, number: int) -> list[Tree]:
    """Draw words: criteria, some of them joined by commas, often such that together they have all parents of a test."""
    words = draw(st.just([]) | apart(world))
    return words + [draw(unions(world, 1)).parts[0] for _ in range(number - len(words))]


@examples(80)
@given(worlds(), st.data())
def test_a_union_does_not_care_about_order_grouping_or_repetition(world: World, data: st.DataObject) -> None:
    a, b, c = data.draw(groups(world, 3))
    for mode in MODES:
        found = world.ids(Union((a, b, c)), mode)
        for same in (Union((c, a, b)), Union((Union((a, b)), c)), Union((a, Union((b, c)))), Union((a, b, a, c, b))):
            assert world.ids(same, mode) == found, mode
        assert found >= world.ids(a, mode) | world.ids(b, mode) | world.ids(c, mode)
        assert world.ids(Union((a, a)), mode) == world.ids(Union((a,)), mode) == world.ids(a, mode)


@examples(80)
@given(worlds(), st.data())
def test_an_intersection_does_not_care_about_order_or_repetition(world: World, data: st.DataObject) -> None:
    """Nor about grouping, unless tests wait: one that joined an inner group counts for an outer one as if it were named."""
    a, b, c = data.draw(st.lists(criteria(world), min_size=3, max_size=3))
    for mode in MODES:
        found = world.ids(Intersection((a, b, c)), mode)
        for same in (Intersection((c, a, b)), Intersection((a, b, a, c, b))):
            assert world.ids(same, mode) == found, mode
        assert found >= world.ids(a, mode) & world.ids(b, mode) & world.ids(c, mode)
        assert world.ids(Intersection((a, a)), mode) == world.ids(Intersection((a,)), mode) == world.ids(a, mode)
    for mode in ("eager", "empty"):
        found = world.ids(a, mode) & world.ids(b, mode) & world.ids(c, mode)
        for tree in (Intersection((a, b, c)), Intersection((Intersection((a, b)), c)), Intersection((a, Intersection((b, c))))):
            assert world.ids(tree, mode) == found, mode


@examples(80)
@given(worlds(), st.data())
def test_to_exclude_is_to_take_away_and_de_morgan_holds(world: World, data: st.DataObject) -> None:
    """Where tests wait, a union or an intersection may hold more than its parts do, so only one direction holds."""
    a, b, c = data.draw(groups(world, 3))
    for mode in MODES:
        one, two, three = (world.ids(tree, mode) for tree in (a, b, c))
        assert world.ids(Difference(a, b), mode) == one - two
        assert world.ids(Difference(Everything(), b), mode) == set(world.nodes) - two
        assert not world.ids(Difference(a, a), mode)
        without_any = world.ids(Difference(a, Union((b, c))), mode)
        without_all = world.ids(Difference(a, Intersection((b, c))), mode)
        assert without_any <= (one - two) & (one - three)
        assert without_all <= (one - two) | (one - three)
        if mode in ("eager", "empty"):
            assert without_any == (one - two) & (one - three)
            assert without_all == (one - two) | (one - three)
            assert world.ids(Intersection((a, Union((b, c)))), mode) == world.ids(Union((Intersection((a, b)), Intersection((a, c)))), mode)


@examples(100)
@given(worlds(), st.data())
def test_operators_walk_so_many_steps_along_the_edges(world: World, data: st.DataObject) -> None:
    """Without any test coming along, against a walk written anew."""
    plain = replace(data.draw(criteria(world)), **NO_OPERATORS)
    named = world.ids(plain)
    up = {uid: world.parents(uid) for uid in world.nodes}
    down = {uid: {child for child in up if uid in up[child]} for uid in up}
    for depth in (*range(4), len(up), None):
        above, below = walk(named, up, depth), walk(named, down, depth)
        parents, children = {"parents": True, "parents_depth": depth}, {"children": True, "children_depth": depth}
        assert world.ids(replace(plain, **parents)) == above
        assert world.ids(replace(plain, **children)) == below
        assert world.ids(replace(plain, **parents, **children)) == above | below
        assert world.ids(replace(plain, childrens_parents=True, **parents)) == walk(walk(named, down, None), up, None)
    for mode in ("empty", "cautious"):
        closed = world.ids(replace(plain, parents=True), mode)
        assert walk(closed, up, None) == closed


def walk(start: set[str], edges: dict[str, set[str]], depth: int | None) -> set[str]:
    """All within so many steps, the start too."""
    found = set(start)
    for _ in range(len(edges) if depth is None else depth):
        found |= {near for one in found for near in edges[one]}
    return found


@examples(60)
@given(worlds(), st.data())
def test_more_depth_never_selects_less(world: World, data: st.DataObject) -> None:
    plain = replace(data.draw(criteria(world)), **NO_OPERATORS)
    for mode in MODES:
        for which in ("parents", "children"):
            steps = [world.ids(replace(plain, **{which: True, f"{which}_depth": depth}), mode) for depth in (0, 1, 2, 3, 20, None)]
            assert steps[0] == world.ids(plain, mode)
            assert all(less <= more for less, more in zip(steps, steps[1:], strict=False)), mode
            assert steps[-1] == steps[-2]
        both = world.ids(replace(plain, parents=True, children=True), mode)
        assert both <= world.ids(replace(plain, childrens_parents=True), mode)
        if mode != "buildable":  # there a criterion takes all sources for built, and a union does not
            assert both == world.ids(Union((replace(plain, parents=True), replace(plain, children=True))), mode)


@examples(100)
@given(worlds(), st.data())
def test_the_modes_bring_the_tests_they_promise(world: World, data: st.DataObject) -> None:
    """Of the tests on what is selected: all, those with all parents in it, those with all parents in or above it, none."""
    tree = data.draw(criteria(world) | unions(world))
    found = {mode: world.ids(tree, mode) for mode in MODES}
    assert found["empty"] <= found["cautious"] <= found["buildable"] <= found["eager"]
    assert all(uid.startswith(("test.", "unit_test.")) for uid in found["eager"] - found["empty"])
    if isinstance(tree, Union) and any(isinstance(part, Intersection) for part in tree.parts):
        return
    named = found["empty"]
    tests = {uid for uid in world.nodes if uid.startswith(("test.", "unit_test.")) and world.parents(uid) & named}
    assert found["eager"] == named | tests
    assert found["cautious"] == named | {test for test in tests if world.parents(test) <= named}
    if isinstance(tree, Criterion):
        ready = walk(named, {uid: world.parents(uid) for uid in world.nodes}, None) | set(world.raw["sources"])
        assert found["buildable"] == named | {test for test in tests if world.parents(test) <= ready}


DBT_METHODS = (
    "fqn tag group access source path file package config test_name test_type resource_type exposure metric version unit_test".split()
)
VALUES = st.text("abA1.*?[]!-/:+@_\u0663", max_size=8)
DEPTHS = st.none() | st.integers(0, 99)


@st.composite
def printable(draw: Any) -> Criterion:
    """Draw a criterion that a text can say: `@` goes without a final `+`, and a value may only end like one before another."""
    children, childrens_parents, parents = draw(st.sampled_from([(False, False), (True, False), (False, True)])) + (draw(st.booleans()),)
    value = draw(st.sampled_from(["", "", "+", "1+", "@", "a:"])) + draw(VALUES)
    if not children:
        value = value.rstrip("+0123456789\u0663") if "+" in value else value
    return Criterion(
        draw(st.sampled_from([*["fqn", "path", "file"] * 5, *DBT_METHODS])), value, draw(st.sampled_from([(), (), (), ("a",), ("", "b1")])),
        childrens_parents=childrens_parents,
        parents=parents, parents_depth=draw(DEPTHS) if parents else None,
        children=children, children_depth=draw(DEPTHS) if children else None,
    )  # fmt: skip


WORDS = printable() | st.lists(printable(), min_size=2, max_size=3).map(lambda parts: Intersection(tuple(parts)))
UNIONS = st.lists(WORDS, max_size=3).map(lambda parts: Union(tuple(parts)))


@examples(300)
@given(st.just(Everything()) | UNIONS, UNIONS)
def test_a_tree_that_has_a_text_is_what_that_text_says(included: Tree, excluded: Union) -> None:
    """Printed as one value or as one a word; what was printed once prints the same again."""
    select_one = () if isinstance(included, Everything) else (str(included),)
    tree = Difference(included, excluded)
    assert parse(select_one, (str(excluded),)) == parse(words_of(included) or select_one, words_of(excluded) or (str(excluded),)) == tree
    assert parse(select_one) == included
    assert str(parse(select_one)) == str(included)


@pytest.mark.parametrize("text", ["fqn:1+", "fqn:1+2", "fqn:+", "fqn:+a", "fqn:@a", "fqn:a:b", "file:1+"])
def test_a_value_that_would_be_read_as_an_operator_keeps_its_method(text: str) -> None:
    assert parse([str(parse([text]))]) == parse([text])


TEXTS = st.text("ab1.*/-:_+@, \u0663", max_size=16) | st.lists(
    st.builds(
        "{}{}{}{}".format, st.sampled_from(["", "+", "1+", "02+", "@", "@3+"]), st.sampled_from(["", "tag:", "config.a.b:", "path:", "fqn.x:"]),
        VALUES, st.sampled_from(["", "", "+", "+03"]),
    ),
    max_size=4,
).flatmap(lambda parts: st.sampled_from([" ", ",", "  "]).map(lambda between: between.join(parts)))  # fmt: skip


@examples(500)
@given(TEXTS)
def test_a_text_and_what_its_tree_prints_mean_the_same_to_us_and_to_dbt(text: str) -> None:
    from dbt.graph.cli import parse_union
    from dbt_common.exceptions import DbtBaseException

    try:
        theirs = [as_tree(word) for word in parse_union([text], expect_exists=False)]
    except DbtBaseException:
        with pytest.raises(PenstockError):
            parse([text])
        return
    theirs = [word for word in theirs if word != Criterion("fqn", "")]  # of no word dbt makes one that selects nothing
    if any(one.method not in METHODS for word in theirs for one in (word.parts if isinstance(word, Intersection) else (word,))):
        return
    tree = parse([text])
    assert tree == Union(tuple(theirs))
    printed = str(tree)
    assert parse([printed]) == tree
    assert str(parse([printed])) == printed
    again = [as_tree(word) for word in parse_union([printed], expect_exists=False)] if printed else []
    assert again == theirs


def as_tree(word: Any) -> Tree:
    """Read one of dbt's intersections back as our tree."""
    parts = tuple(
        Criterion(one.method.value, one.value, tuple(one.method_arguments), **{name: getattr(one, name) for name in NO_OPERATORS})
        for one in word.components
    )
    return parts[0] if len(parts) == 1 else Intersection(parts)
