"""The way in: which assets of a graph the selection flags of a command mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from penstock.assets.asset import Kind
from penstock.assets.names import AssetKey
from penstock.errors import SelectionError
from penstock.graph.asset_graph import AssetGraph
from penstock.selector.grammar import parse
from penstock.selector.history import NO_HISTORY, History
from penstock.selector.methods import RESOURCE_TYPES
from penstock.selector.named import NO_SELECTORS, SELECTOR, NamedSelectors
from penstock.selector.nearest import near, suggestions
from penstock.selector.resolve import Resolver
from penstock.selector.tree import Criterion, Indirect, Intersection, Tree
from penstock.selector.view import GraphView

ALL_TYPES = frozenset(kind.value for kind in Kind) - {Kind.OPERATION.value}
DEFAULT_TYPES = ALL_TYPES - {Kind.ANALYSIS.value}
"""What is listed without `--resource-type`; source: dbt's `ListTask.DEFAULT_RESOURCE_VALUES`, and Penstock's own kinds."""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A part of a selection that selects nothing, and what near it would."""

    text: str
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The keys of the selected assets in graph order, parents first; `warnings` are contracts that were broken meanwhile."""

    keys: tuple[AssetKey, ...]
    unmatched: tuple[Unmatched, ...] = ()
    warnings: tuple[str, ...] = ()


def select(
    graph: AssetGraph,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    *,
    indirect: str = "eager",
    resource_types: Iterable[str] | None = None,
    exclude_resource_types: Iterable[str] | None = None,
    project: str = "",
    selector: str = "",
    named: NamedSelectors = NO_SELECTORS,
    history: History = NO_HISTORY,
) -> Selection:
    """Return what the flags select; without any of them the default selector holds, and without one everything.

    `resource_types` may name `all` and `default`, as in dbt; `project` is the root project's name, for `package:this`
    and to tell its paths from a package's; `selector`, the name of one of `named`, goes before `select` and `exclude`.
    Raises SelectionError, or Problems where several criteria are wrong.
    """
    view = GraphView(graph, project, history)
    allowed = _of_types(view, _types(resource_types, groups=True), _types(exclude_resource_types, groups=False))
    resolver = Resolver(view, _indirect(indirect), named, allowed)
    selector = selector or ("" if select or exclude else named.default)
    tree = named.tree(selector) if selector else parse(select, exclude)
    kept = sorted(resolver.resolve(tree) & allowed)
    if selector and not kept:
        resolver.barren.append(Criterion(SELECTOR, selector))
    return Selection(
        keys=tuple(graph.assets[number].key for number in kept),
        unmatched=tuple(_unmatched(resolver, barren) for barren in resolver.barren),
        warnings=tuple(history.breaking),
    )


def _indirect(name: str) -> Indirect:
    try:
        return Indirect(name)
    except ValueError:
        raise SelectionError(f"expected `{'`, `'.join(Indirect)}` for --indirect-selection, found `{name}`") from None


def _types(names: Iterable[str] | None, *, groups: bool) -> frozenset[str]:
    """Read resource types; where groups may be named, none given means the default one."""
    types = set(names or (DEFAULT_TYPES if groups else ()))
    for group, members in (("all", ALL_TYPES), ("default", DEFAULT_TYPES)):
        if groups and group in types:
            types = (types - {group}) | members
    for name in sorted(types - RESOURCE_TYPES):
        hint = " or ".join(f"`{one}`" for one in near(name, RESOURCE_TYPES))
        raise SelectionError(f"expected a resource type, found `{name}`", hint=f"Did you mean {hint}?" if hint else "")
    return frozenset(types)


def _of_types(view: GraphView, included: frozenset[str], excluded: frozenset[str]) -> set[int]:
    """Return the ids of these types; a source that an ingestion file loads counts as an ingest too."""
    kinds = [kind for kind in Kind if kind.value in included - excluded]
    ids = set(view.ids(kinds))
    if Kind.INGEST.value in included:
        ids |= {number for number, asset in view.ingests() if asset.kind.value not in excluded}
    return ids


def _unmatched(resolver: Resolver, tree: Tree) -> Unmatched:
    """Find which criteria are to blame: those of an intersection may match something each, and nothing together."""
    criteria = tree.parts if isinstance(tree, Intersection) else (tree,)
    alone = [one for one in criteria if isinstance(one, Criterion) and not resolver.matched(one)]
    return Unmatched(str(tree), tuple(text for one in alone for text in suggestions(resolver.view, one)))
