"""The lineage of assets on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from penstock.app.reading import Edge
from penstock.plan.names import display
from penstock.ui.lineage_graphs import Arrow, adjacency, branches

_TOLD = ("failed", "stale", "never_built")
"""What of an asset's status a tree tells."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """An asset among the edges of the graph: what it comes from and what reads it; a depth of None has no limit."""

    key: str
    edges: Sequence[Edge]
    up: int | None
    down: int | None

    def kept(self) -> list[Edge]:
        """Return the edges between what is shown."""
        parents, children = adjacency((edge.parent, edge.child) for edge in self.edges)
        above, below = (reached(self.key, near, depth) | {self.key} for near, depth in ((parents, self.up), (children, self.down)))
        return [edge for edge in self.edges if {edge.parent, edge.child} <= above or {edge.parent, edge.child} <= below]

    def arrows(self) -> list[Arrow[str]]:
        """Return the arrows of a drawing."""
        return [(edge.parent, edge.child, "") for edge in self.kept()]

    def trees(self, statuses: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
        """Yield the title and the lines of what is upstream, and of what is downstream."""

        def label(one: str) -> str:
            status = statuses.get(one, "")
            return display(one) + (f"  ({status.replace('_', ' ')})" if status in _TOLD else "")

        parents, children = adjacency((edge.parent, edge.child) for edge in self.edges)
        for title, near, depth in (("upstream", parents, self.up), ("downstream", children, self.down)):
            kept = reached(self.key, near, depth)
            shown = {one: [(other, "") for other in sorted(near.get(one, ())) if other in kept] for one in (*kept, self.key)}
            yield f"{label(self.key)}  {title}: {len(kept)}", list(branches(self.key, shown.__getitem__, label))


def reached(key: str, near: Mapping[str, Sequence[str]], depth: int | None) -> set[str]:
    """Return what can be reached over at most `depth` edges."""
    seen: set[str] = set()
    frontier = {key}
    steps = 0
    while frontier and (depth is None or steps < depth):
        frontier = {one for known in frontier for one in near.get(known, ())} - seen
        seen |= frontier
        steps += 1
    return seen
