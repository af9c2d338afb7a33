"""The use case `retry`: what a run on record left undone, found by any process, as the wish to build just that."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock.app.planning import Wanted
from penstock.app.reading import StateReader, reading
from penstock.app.settings import Settings
from penstock.assets.names import AssetKey
from penstock.errors import SelectionError
from penstock.plan.reasons import Decision, Reason

UNDONE = ("failed", "error", "fail", "crashed", "cancelled", "skipped", "unfinished")
"""The statuses in `run_steps` of what is built again, in the order in which they are shown."""

_TESTS = ("test.", "unit_test.", "check.")
_EVER = datetime(1970, 1, 1)  # noqa: DTZ001 (the state's times have no zone)
_SHOWN, _LOOKED_AT = 3, 200


@dataclass(frozen=True, slots=True)
class Step:
    """How an asset, or one of its partitions, ended in a run; the last attempt counts."""

    asset: AssetKey
    partition: str
    decision: str
    reason: str
    status: str


@dataclass(frozen=True, slots=True)
class RunLeft:
    """A run and its steps, those first that were decided first; `status` is the run's."""

    run_id: str
    status: str
    target: str
    steps: tuple[Step, ...]

    @property
    def undone(self) -> tuple[Step, ...]:
        """The steps that did not come to a good end."""
        return tuple(step for step in self.steps if step.status in UNDONE)

    @property
    def by_status(self) -> Iterator[tuple[str, Mapping[AssetKey, int]]]:
        """Yield each status and what ended so, with the number of its partitions, 0 for an asset as a whole."""
        for status in UNDONE:
            found: dict[AssetKey, int] = defaultdict(int)
            for step in self.undone:
                if step.status == status:
                    found[step.asset] += bool(step.partition)
            if found:
                yield status, found

    @property
    def chosen(self) -> dict[AssetKey, tuple[str, ...]]:
        """The partitions to build of each asset; empty where it is not on record which they were of all of them."""
        if any(map(_unknown_partitions, self.undone)):
            return {}
        found: dict[AssetKey, list[str]] = defaultdict(list)
        for step in self.undone:
            if step.partition:
                found[step.asset].append(step.partition)
        return {asset: tuple(keys) for asset, keys in found.items()}

    @property
    def bounds(self) -> tuple[str, ...]:
        """All partitions the run was about, where `chosen` cannot say: what was done of them is not due again."""
        if self.chosen or not any(step.partition for step in self.undone):
            return ()
        return tuple(dict.fromkeys(step.partition for step in self.steps if step.partition))

    def wanted(self, **more: Any) -> Wanted:
        """Return the wish to build what was left undone, as the run was asked to: what `--force` or `--full-refresh` made due still is."""
        reasons = {step.reason for step in self.undone}
        chosen = self.chosen
        return Wanted(
            select=(self.run_id,), keys=tuple(dict.fromkeys(step.asset for step in self.undone)), command="retry",
            chosen=chosen, partitions=self.bounds, force=Reason.FORCED in reasons, full_refresh=Reason.FULL_REFRESH in reasons,
            max_partitions=max([Wanted().max_partitions, *map(len, chosen.values())]), **more,
        )  # fmt: skip


def _unknown_partitions(step: Step) -> bool:
    """Whether an asset never came to the point where it is known which of its partitions are due, if it has any."""
    return not step.partition and step.decision in (Decision.MAYBE, Decision.BLOCKED) and not step.asset.startswith(_TESTS)


def left_by(settings: Settings, run: str) -> RunLeft:
    """Return what is on record of the run whose id begins so, the last one for an empty text.

    Raises SelectionError, with the nearest runs, where there is none or several; WarehouseBusy where it still goes on.
    """
    with reading(settings) as state:
        found = _find(state, run)
        rows = state.query("show_steps", {"run_id": found[0]})
    last: dict[tuple[AssetKey, str], Step] = {}
    for asset, partition, decision, reason, status, *_ in _in_time(rows):
        last[asset, partition] = Step(asset, partition, decision, reason, status)
    return RunLeft(found[0], found[3], found[10], tuple(last.values()))


def _in_time(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Order the attempts by their start: the last one of several says how it ended."""
    return sorted(rows, key=lambda row: row[5] or datetime.max)  # noqa: DTZ901


def _find(state: StateReader, run: str) -> tuple[Any, ...]:
    try:
        return state.find_run(run)
    except SelectionError as error:
        recent = [str(row[0]) for row in state.query("show_runs", {"since": _EVER, "failed_only": False, "limit": _LOOKED_AT})]
        if not recent:
            raise SelectionError("there is no run on record", hint="Run `penstock build` first.") from error
        near = [one for one in recent if one.startswith(run)] or difflib.get_close_matches(run, recent, _SHOWN)
        error.hint = f"Did you mean {' or '.join(near[:_SHOWN])}?" if near else f"The last runs: {', '.join(recent[:_SHOWN])}."
        raise
