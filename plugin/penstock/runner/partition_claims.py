"""Claims on the ranges of one asset with partitions, made shortly before their turn.

A claim that no attempt answers says that a process died in the middle of it: what had not begun must not look like that.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.assets.names import AssetKey
from penstock.assets.partition_range import PartitionRange
from penstock.runner.context import RunContext
from penstock.state.writer import StateWriter

AHEAD = 16
"""So many partitions are claimed at once: a claim costs half as much as writing one, and little more for many."""


@dataclass
class PartitionClaims:
    """The claims of one run on the ranges of an asset, in the order in which they are written."""

    context: RunContext
    key: AssetKey
    parts: Sequence[PartitionRange]
    _reached: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reach(self, place: int) -> None:
        """Claim a range and some that follow, unless that is done. Raises WarehouseError where one is being published."""
        context = self.context
        with self._lock:
            if place < self._reached:
                return
            slices: list[tuple[AssetKey, str]] = []
            after = self._reached
            while after <= place or (after < len(self.parts) and len(slices) < AHEAD):
                slices += self._slices(after)
                after += 1
            context.hold(StateWriter(context.statements()).claim(context.run_id, slices, context.clock()))
            self._reached = after

    @property
    def reached(self) -> int:
        """So many ranges, from the first on, are claimed."""
        return self._reached

    def release(self, place: int) -> None:
        """Give back the claims on a range that is not begun."""
        if place < self._reached:
            StateWriter(self.context.statements()).release(self.context.run_id, self._slices(place))

    def _slices(self, place: int) -> list[tuple[AssetKey, str]]:
        return [(self.key, one.key) for one in self.parts[place]]
