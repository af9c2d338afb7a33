"""From a tree to a set of ids: operators, set algebra, and the tests that come along with their parents.

Source of every rule about tests: dbt's `NodeSelector.expand_selection` and `incorporate_indirect_nodes`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

from penstock.errors import SelectionError
from penstock.selector.columns import COLUMN, related_by_column
from penstock.selector.globs import matcher
from penstock.selector.methods import METHODS
from penstock.selector.named import NO_SELECTORS, SELECTOR, NamedSelectors
from penstock.selector.tree import Criterion, Difference, Everything, Indirect, Intersection, Tree, Union
from penstock.selector.view import GraphView

_ALONE = (SELECTOR, COLUMN)
"""Methods whose operators mean something else for each criterion."""


class Found(NamedTuple):
    """What a tree selects, and the tests that would join if their other parents were selected too."""

    direct: set[int]
    waiting: set[int]


class Resolver:
    """Resolves trees over one graph.

    `barren` collects the parts of the selection that select nothing. `allowed` are the ids of the wanted resource types:
    what a named selector selects is held to them before anything is done with it; None allows all.
    """

    def __init__(
        self,
        view: GraphView,
        indirect: Indirect = Indirect.EAGER,
        named: NamedSelectors = NO_SELECTORS,
        allowed: Collection[int] | None = None,
    ) -> None:
        self.view = view
        self.indirect = indirect
        self.barren: list[Tree] = []
        self._named = named
        self._allowed = allowed
        self._resolving: list[str] = []
        self._matched: dict[Criterion, set[int]] = {}

    def resolve(self, tree: Tree) -> set[int]:
        """Return the ids a tree selects. Raises SelectionError for a value its method does not know."""
        return self._find(tree).direct

    def matched(self, criterion: Criterion) -> set[int]:
        """Return what a criterion names, operators left out."""
        if criterion.method == SELECTOR:
            return self._selected_by_name(criterion)
        if criterion not in self._matched:
            self._matched[criterion] = set(METHODS[criterion.method](self.view, criterion))
        return self._matched[criterion]

    def _selected_by_name(self, criterion: Criterion) -> set[int]:
        names = self._named.matching(matcher(criterion.value))
        if not names:
            raise self._named.unknown(criterion.value)
        found: set[int] = set()
        for name in names:
            if name in self._resolving:
                raise SelectionError(f"the selectors go round in a circle: {' -> '.join([*self._resolving, name])}")
            self._resolving.append(name)
            found |= self.resolve(self._named.trees[name])
            self._resolving.pop()
        return found if self._allowed is None else found.intersection(self._allowed)

    def _find(self, tree: Tree) -> Found:
        match tree:
            case Everything():
                return Found(set(range(len(self.view.graph))), set())
            case Criterion():
                return self._expand(tree, self.matched(tree))
            case Difference(included, excluded):
                return _combine(set.difference, [self._find(included), self._find(excluded)])
            case Intersection(inner, joins):
                found = _combine(set.intersection, [self._find(part) for part in inner])
                return self._join(found) if joins else found
            case Union(inner, joins):
                found = _combine(set.union, self._find_words(inner, expected=joins))
                return self._join(found) if joins else found

    def _find_words(self, parts: Iterable[Tree], *, expected: bool) -> list[Found]:
        """Find the parts of a union; `expected` ones that select nothing are noted as barren.

        Criteria with the same operators share one walk where their tests wait for nobody.
        """
        pools: dict[Criterion, set[int]] = defaultdict(set)
        found: list[Found] = []
        for part in parts:
            if isinstance(part, Criterion) and part.method not in _ALONE and self._mode(part) in (Indirect.EAGER, Indirect.EMPTY):
                named = self.matched(part)
                pools[replace(part, method="", value="", arguments=(), column=0)] |= named
                barren = not named
            else:
                found.append(self._find(part))
                barren = not found[-1].direct
            if barren and expected:
                self.barren.append(part)
        return found + [self._expand(operators, named) for operators, named in pools.items()]

    def _mode(self, criterion: Criterion) -> Indirect:
        return criterion.indirect or self.indirect

    def _expand(self, criterion: Criterion, named: set[int]) -> Found:
        """Follow the operators from what was named, and add the tests; a named selector has its own tests already."""
        selected = self._with_relatives(criterion, named)
        if criterion.method == SELECTOR:
            return Found(selected, set())
        return self._with_tests(selected, self._mode(criterion))

    def _with_relatives(self, criterion: Criterion, ids: set[int]) -> set[int]:
        if criterion.method == COLUMN:
            return related_by_column(self.view, criterion)
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

    def _with_tests(self, selected: set[int], mode: Indirect) -> Found:
        """Add the tests on what is selected, or keep them waiting for their other parents."""
        if mode is Indirect.EMPTY:
            return Found(selected, set())
        children = self.view.graph.children
        tests = (set().union(*map(children.__getitem__, selected)) & self.view.tests) - selected
        if mode is Indirect.EAGER:
            return Found(selected | tests, set())
        ready = self._ready(tests, selected)
        if mode is Indirect.BUILDABLE and len(ready) < len(tests):
            ready |= self._ready(tests - ready, selected | self.view.graph.ancestors(selected) | self.view.sources)
        return Found(selected | ready, tests - ready)

    def _join(self, found: Found) -> Found:
        """Add the waiting data tests whose parents the parts of a group select together; unit tests wait for one only."""
        if self.indirect not in (Indirect.CAUTIOUS, Indirect.BUILDABLE):
            return found
        tests = {test for test in found.waiting if self.view.graph.assets[test].is_data_test}
        ready = self._ready(tests, found.direct)
        if self.indirect is Indirect.BUILDABLE and len(ready) < len(tests):
            ready |= self._ready(tests - ready, found.direct | self.view.graph.ancestors(found.direct))
        return Found(found.direct | ready, found.waiting - ready)

    def _ready(self, tests: set[int], present: set[int]) -> set[int]:
        parents = self.view.graph.parents
        return {test for test in tests if present.issuperset(parents[test])}


def _combine(operation: Callable[..., set[int]], parts: list[Found]) -> Found:
    """Combine what is selected, and what is selected or waiting, each on its own."""
    if not parts:
        return Found(set(), set())
    direct = operation(*(part.direct for part in parts))
    if not any(part.waiting for part in parts):
        return Found(direct, set())
    either = operation(*(part.direct | part.waiting if part.waiting else part.direct for part in parts))
    return Found(direct, either - direct)
