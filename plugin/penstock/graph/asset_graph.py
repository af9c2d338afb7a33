"""The asset graph: assets with integer ids in topological order, and adjacency lists between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush

from penstock.assets.asset import Asset, EdgeKind
from penstock.assets.names import AssetKey
from penstock.errors import GraphError

Edge = tuple[AssetKey, AssetKey, EdgeKind]


class AssetGraph:
    """An immutable directed graph without cycles.

    `assets[i]` is the asset with id `i`; a parent's id is always lower than its children's. `parents[i]` and
    `children[i]` are sorted tuples of ids along every kind of edge; `edge_kind[(parent, child)]` tells which, in order too.
    """

    def __init__(self, assets: Iterable[Asset], edges: Iterable[Edge]) -> None:
        """Order the assets. Raises GraphError naming one cycle, and for an edge to an unknown asset."""
        by_key = {asset.key: asset for asset in assets}
        wanted = {(parent, child): kind for parent, child, kind in edges}
        for parent, child in wanted:
            if parent not in by_key or child not in by_key:
                raise GraphError(f"an edge names an unknown asset: {parent} -> {child}")
        order = _topological_order(sorted(by_key), list(wanted))
        ids = {key: number for number, key in enumerate(order)}
        self._connect([by_key[key] for key in order], {(ids[parent], ids[child]): kind for (parent, child), kind in wanted.items()})

    @classmethod
    def in_order(cls, assets: Iterable[Asset], edge_kind: Mapping[tuple[int, int], EdgeKind]) -> AssetGraph:
        """Make the graph of assets that were ordered before. Raises GraphError where a key stands twice or an edge leads back."""
        graph = cls.__new__(cls)
        cls._connect(graph, assets, edge_kind)
        return graph

    def _connect(self, assets: Iterable[Asset], edge_kind: Mapping[tuple[int, int], EdgeKind]) -> None:
        self.assets: tuple[Asset, ...] = tuple(assets)
        self.ids: dict[AssetKey, int] = {asset.key: number for number, asset in enumerate(self.assets)}
        self.edge_kind: dict[tuple[int, int], EdgeKind] = dict(sorted(edge_kind.items()))
        if len(self.ids) < len(self) or not all(0 <= parent < child < len(self) for parent, child in self.edge_kind):
            raise GraphError("the assets are not in order")
        parents: list[list[int]] = [[] for _ in self.assets]
        children: list[list[int]] = [[] for _ in self.assets]
        for above, below in self.edge_kind:
            parents[below].append(above)
            children[above].append(below)
        self.parents: tuple[tuple[int, ...], ...] = tuple(map(tuple, parents))
        self.children: tuple[tuple[int, ...], ...] = tuple(map(tuple, children))

    def __len__(self) -> int:
        return len(self.assets)

    def __getitem__(self, key: AssetKey) -> Asset:
        return self.assets[self.ids[key]]

    def __contains__(self, key: object) -> bool:
        return key in self.ids

    def edges(self) -> Iterator[Edge]:
        """Yield every edge by key, ordered by parent and child id."""
        for (parent, child), kind in self.edge_kind.items():
            yield self.assets[parent].key, self.assets[child].key, kind

    def walk(self, start: Iterable[int], neighbours: Sequence[Sequence[int]], depth: int | None = None) -> set[int]:
        """Return the ids reachable from `start` (themselves left out unless reached again) within `depth` steps."""
        seen: set[int] = set()
        frontier = set(start)
        steps = 0
        while frontier and (depth is None or steps < depth):
            frontier = {near for one in frontier for near in neighbours[one]} - seen
            seen |= frontier
            steps += 1
        return seen

    def ancestors(self, start: Iterable[int], depth: int | None = None) -> set[int]:
        """Return everything upstream of `start`."""
        return self.walk(start, self.parents, depth)

    def descendants(self, start: Iterable[int], depth: int | None = None) -> set[int]:
        """Return everything downstream of `start`."""
        return self.walk(start, self.children, depth)


def _topological_order(keys: Sequence[AssetKey], edges: Sequence[tuple[AssetKey, AssetKey]]) -> list[AssetKey]:
    """Order keys so that parents come first; ties go by name, so the order is the same on every machine."""
    children: dict[AssetKey, list[AssetKey]] = {key: [] for key in keys}
    waiting = dict.fromkeys(keys, 0)
    for parent, child in edges:
        children[parent].append(child)
        waiting[child] += 1
    ready = [key for key, count in waiting.items() if count == 0]
    heapify(ready)
    order = []
    while ready:
        key = heappop(ready)
        order.append(key)
        for child in children[key]:
            waiting[child] -= 1
            if waiting[child] == 0:
                heappush(ready, child)
    if len(order) < len(keys):
        cycle = _find_cycle({key for key, count in waiting.items() if count}, children)
        raise GraphError(f"the graph has a cycle: {' -> '.join(cycle)}", hint="Remove one of these references.")
    return order


def _find_cycle(stuck: set[AssetKey], children: dict[AssetKey, list[AssetKey]]) -> list[AssetKey]:
    """Walk backwards from any stuck key until one repeats."""
    parents = {child: parent for parent in sorted(stuck) for child in children[parent] if child in stuck}
    path = [min(stuck)]
    while path[-1] in parents and parents[path[-1]] not in path:
        path.append(parents[path[-1]])
    if path[-1] in parents:
        path = path[path.index(parents[path[-1]]) :]
    return [*reversed(path), path[-1]]
