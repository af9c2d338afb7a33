"""The ready-set schedule: a value with waiting, ready, active and done, without threads and without a clock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush


class Schedule:
    """Hands out what may run now; a slow node never holds back an unrelated one.

    `waits` maps each id to the ids it waits for (all of them ids of the schedule). Longest remaining chain first. Of those that
    `pools` puts into one pool at most so many are active at once as the pool has `slots`; what is ready meanwhile goes first.
    """

    def __init__(
        self, waits: Mapping[int, set[int]], pools: Mapping[int, str] | None = None, slots: Mapping[str, int] | None = None
    ) -> None:
        self._pools = {number: pool for number, pool in (pools or {}).items() if pool}
        self._slots = dict(slots or {})
        self._waits = {number: set(before) for number, before in waits.items()}
        self._readers: dict[int, list[int]] = {number: [] for number in waits}
        for number, before in waits.items():
            for one in before:
                self._readers[one].append(number)
        height = self._heights()
        self._priority = {number: (-height[number], number) for number in waits}
        self._ready: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, before in self._waits.items():
            if not before:
                self._ready[self._pools.get(number, "")].append(self._priority[number])
        for waiting in self._ready.values():
            heapify(waiting)
        self._used: Counter[str] = Counter()
        self._active: set[int] = set()
        self._done: set[int] = set()

    def take(self) -> int | None:
        """Return the next id that may run and mark it active; None when none is ready now, or none whose pool has a slot left."""
        heads = [waiting[0] for pool, waiting in self._ready.items() if self._has_slot(pool) and self._cleared(waiting)]
        if not heads:
            return None
        _, number = min(heads)
        pool = self._pools.get(number, "")
        heappop(self._ready[pool])
        self._used[pool] += 1
        self._active.add(number)
        return number

    def finish(self, number: int) -> None:
        """Mark an id done, which frees its slot; what waited only for it becomes ready."""
        if number in self._active:
            self._active.discard(number)
            self._used[self._pools.get(number, "")] -= 1
        self._done.add(number)
        for reader in self._readers[number]:
            self._waits[reader].discard(number)
            if not self._waits[reader] and reader not in self._done:
                heappush(self._ready[self._pools.get(reader, "")], self._priority[reader])

    def skip_descendants(self, number: int) -> list[int]:
        """Take out everything that waits for `number`, directly or not, and return it; nothing else is touched."""
        skipped: list[int] = []
        stack = [number]
        while stack:
            for reader in self._readers[stack.pop()]:
                if reader not in self._done:
                    self._done.add(reader)
                    skipped.append(reader)
                    stack.append(reader)
        return sorted(skipped)

    def remaining(self) -> list[int]:
        """Return what was never started."""
        return sorted(set(self._waits) - self._done - self._active)

    @property
    def active(self) -> frozenset[int]:
        """What runs now."""
        return frozenset(self._active)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to start or to wait for."""
        return len(self._done) == len(self._waits)

    def _has_slot(self, pool: str) -> bool:
        return pool not in self._slots or self._used[pool] < self._slots[pool]

    def _cleared(self, waiting: list[tuple[int, int]]) -> bool:
        """Drop what was skipped from the head of a heap; whether anything is left."""
        while waiting and waiting[0][1] in self._done:
            heappop(waiting)
        return bool(waiting)

    def _heights(self) -> dict[int, int]:
        heights: dict[int, int] = {}
        for number in _reverse_order(self._waits, self._readers):
            heights[number] = 1 + max((heights[reader] for reader in self._readers[number]), default=0)
        return heights


def _reverse_order(waits: Mapping[int, set[int]], readers: Mapping[int, list[int]]) -> Iterable[int]:
    open_readers = {number: len(readers[number]) for number in waits}
    stack = [number for number, count in open_readers.items() if count == 0]
    while stack:
        number = stack.pop()
        yield number
        for before in waits[number]:
            open_readers[before] -= 1
            if open_readers[before] == 0:
                stack.append(before)
