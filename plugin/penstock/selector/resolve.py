"""From a tree to a set of ids: operators, set algebra, and the tests that come along with their parents.

Source of every rule about tests: dbt's `NodeSelector.expand_selection` and `incorporate_indirect_nodes`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from penstock.assets.asset import Kind
from penstock.selector.methods import METHODS
from penstock.selector.tree import Criterion, Difference, Everything, Intersection, Tree, Union
from penstock.selector.view import GraphView


class Indirect(StrEnum):
    """Which tests of the selected assets come along: any, those with all parents selected, those it can run, or none."""

    EAGER = "eager"
    CAUTIOUS = "cautious"
    BUILDABLE = "buildable"
    EMPTY = "empty"


class Found(NamedTuple):
    """What a tree selects, and the tests that would join if their other parents were selected too."""

    direct: set[int]
    waiting: set[int]


class Resolver:
    """Resolves trees over one graph; `barren` collects the parts of the selection that select nothing."""

    def __init__(self, view: GraphView, indirect: Indirect = Indirect.EAGER) -> None:
        self.view = view
        self.indirect = indirect
        self.barren: list[Tree] = []

    def resolve(self, tree: Tree) -> set[int]:
        """Return the ids a tree selects. Raises SelectionError for a value its method does not know."""
        return self._find(tree).direct

    def matched(self, criterion: Criterion) -> set[int]:
        """Return what a criterion names, operators left out."""
        return set(METHODS[criterion.method](self.view, criterion))

    def _find(self, tree: Tree) -> Found:
        match tree:
            case Everything():
                return Found(set(range(len(self.view.graph))), set())
            case Criterion():
                return self._expand(self._with_relatives(tree, self.matched(tree)))
            case Difference(included, excluded):
                parts = [self._find(included), self._find(excluded)]
                return _combine(set.difference, parts)
            case Intersection(inner):
                return self._join(_combine(set.intersection, [self._find(part) for part in inner]))
            case Union(inner):
                return self._join(_combine(set.union, [self._find_word(part) for part in inner]))

    def _find_word(self, tree: Tree) -> Found:
        found = self._find(tree)
        if not found.direct:
            self.barren.append(tree)
        return found

    def _with_relatives(self, criterion: Criterion, ids: set[int]) -> set[int]:
        graph = self.view.graph
        related = set(ids)
        if criterion.childrens_parents:
            related |= graph.descendants(ids)
            related |= graph.ancestors(related)
        if criterion.parents:
            related |= graph.ancestors(ids, criterion.parents_depth)
        if criterion.children:
            related |= graph.descendants(ids, criterion.children_depth)
        return related

    def _expand(self, selected: set[int]) -> Found:
        """Add the tests on what is selected, or keep them waiting for their other parents."""
        if self.indirect is Indirect.EMPTY:
            return Found(selected, set())
        children = self.view.graph.children
        tests = set().union(*(children[one] for one in selected)) & self.view.tests - selected
        if self.indirect is Indirect.EAGER:
            return Found(selected | tests, set())
        present = selected
        if self.indirect is Indirect.BUILDABLE:
            present = selected | self.view.graph.ancestors(selected) | self.view.sources
        ready = self._ready(tests, present)
        return Found(selected | ready, tests - ready)

    def _join(self, found: Found) -> Found:
        """Add the waiting data tests whose parents the parts of a group select together; unit tests wait for one only."""
        if self.indirect not in (Indirect.CAUTIOUS, Indirect.BUILDABLE):
            return found
        present = found.direct
        if self.indirect is Indirect.BUILDABLE:
            present = present | self.view.graph.ancestors(present)
        tests = {test for test in found.waiting if self.view.graph.assets[test].kind is Kind.TEST}
        ready = self._ready(tests, present)
        return Found(found.direct | ready, found.waiting - ready)

    def _ready(self, tests: set[int], present: set[int]) -> set[int]:
        parents = self.view.graph.parents
        return {test for test in tests if present.issuperset(parents[test])}


def _combine(operation: Callable[..., set[int]], parts: list[Found]) -> Found:
    """Combine what is selected, and what is selected or waiting, each on its own."""
    if not parts:
        return Found(set(), set())
    direct = operation(*(part.direct for part in parts))
    either = operation(*(part.direct | part.waiting for part in parts))
    return Found(direct, either - direct)
