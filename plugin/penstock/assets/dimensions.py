"""What partitions are made of: periods of time, listed values, or values that a query will list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from penstock.assets.grains import LAST_LOCAL, Calendar, Grain, example_key, format_key, local_start, parse_key, period_of, periods_within
from penstock.assets.ordinal_ranges import Range
from penstock.assets.partition_text import TO, did_you_mean, quoted
from penstock.errors import ConfigError, SelectionError

RESERVED = frozenset({"start", "end", "cursor", "run_id", "run_started_at"})
"""Names of the other placeholders of a query: no dimension can have one."""


@dataclass(frozen=True, slots=True)
class TimeDimension:
    """Periods of local time from `start` to `end`, keys of the grain, both included; without an `end` they go on.

    `column` is the column of the rows' time, by default named as the dimension. Raises ValueError for other keys.
    """

    name: str
    grain: Grain
    start: str
    end: str | None = None
    tz: str = "UTC"
    column: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "grain", Grain(self.grain))
        object.__setattr__(self, "column", self.column or self.name)
        for key in (self.start, self.end):
            if key is not None:
                _ordinal(self.grain, key)

    @property
    def calendar(self) -> Calendar:
        """The periods of its grain and zone, whatever its start and end."""
        return Calendar(self.grain, self.tz)

    def key(self, ordinal: int) -> str:
        """Return the key of a period."""
        return format_key(self.grain, ordinal)

    def value(self, ordinal: int) -> date:
        """Return the local time at which a period begins: a datetime for an hour, a date for all others."""
        start = local_start(self.grain, ordinal)
        return start if self.grain is Grain.HOUR else start.date()

    def span(self) -> Range:
        """Return all periods that can ever be, half-open."""
        last = period_of(self.grain, LAST_LOCAL) if self.end is None else _ordinal(self.grain, self.end)
        return _ordinal(self.grain, self.start), last + 1

    def begun(self, now: datetime, *, complete_only: bool = False) -> Range:
        """Return the periods that have begun by `now` (UTC), or that are over by then: half-open, perhaps empty."""
        first, stop = self.span()
        return first, max(first, min(stop, self.calendar.at(now) + (0 if complete_only else 1)))

    def ordinal(self, key: str) -> int | None:
        """Return the period of a key, None where there is none, now or ever."""
        ordinal = parse_key(self.grain, key)
        first, stop = self.span()
        return ordinal if ordinal is not None and first <= ordinal < stop and self.calendar.exists(ordinal) else None

    def ordinals(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the periods of those keys that have one, as `ordinal` does, of many keys at once."""
        first, stop = self.span()
        found = {key: one for key in keys if (one := parse_key(self.grain, key)) is not None and first <= one < stop}
        skipped = frozenset(self.calendar.skipped(min(found.values()), max(found.values()) + 1) if found else ())
        return {key: one for key, one in found.items() if one not in skipped} if skipped else found

    def between(self, first: str, last: str) -> Range | None:
        """Return the periods between two keys, both included, even outside of the span; None where one is no key."""
        low, high = parse_key(self.grain, first), parse_key(self.grain, last)
        return None if low is None or high is None else (low, high + 1)

    def select(self, text: str, now: datetime) -> Range:
        """Read a key, or a range `first..last` of which one end may be left out, both included; half-open, never empty.

        A key of a coarser grain stands for those of its periods that have begun, as an end left out stands for the first
        period or the one running now (UTC). A key of the grain itself may name a period to come.
        Raises SelectionError for another form, a key outside of `start` and `end`, and a range that holds nothing.
        """
        from_text, dots, to_text = text.partition(TO)
        if dots and not (from_text or to_text):
            raise self._malformed(text)
        begun = self.begun(now)
        first = self._first(from_text, begun)
        last = self._last(to_text if dots else from_text, begun)
        if first > last:
            raise self._nothing(text, from_text, to_text)
        if len(self.calendar.skipped(first, last + 1)) == last + 1 - first:
            raise SelectionError(f"there is no `{self.name}` {text} in {self.tz}: the clocks were moved past it")
        return first, last + 1

    def keys(self, ranges: Iterable[Range]) -> list[str]:
        """Return the key of every period of the ranges that exists, one by one."""
        return [self.key(one) for first, stop in ranges for one in range(first, stop) if self.calendar.exists(one)]

    def _first(self, text: str, begun: Range) -> int:
        return max(self._periods(text)[0], begun[0]) if text else begun[0]

    def _last(self, text: str, begun: Range) -> int:
        if text and parse_key(self.grain, text) is not None:
            return self._periods(text)[1]
        return min(self._periods(text)[1], begun[1] - 1) if text else begun[1] - 1

    def _periods(self, text: str) -> Range:
        """Return the first and the last period of a key. Raises SelectionError for no key, and for one of the grain outside of the span."""
        found = periods_within(self.grain, text)
        if found is None:
            raise self._malformed(text)
        first, stop = self.span()
        if parse_key(self.grain, text) is not None and not first <= found[0] < stop:
            where = (
                f"before the start of `{self.name}`, {self.start}" if found[0] < first else f"after the end of `{self.name}`, {self.end}"
            )
            raise SelectionError(f"{text} lies {where}", hint=f"Partitions run from {self.start} {self._until}.")
        return found

    def _nothing(self, text: str, from_text: str, to_text: str) -> SelectionError:
        if from_text and to_text and self._periods(from_text)[0] > self._periods(to_text)[1]:
            return SelectionError(f"the range `{text}` of `{self.name}` runs backwards", hint=f"Write `{to_text}{TO}{from_text}`.")
        hint = f"Partitions run from {self.start} {self._until}, and so far up to the one running now."
        return SelectionError(f"no partition of `{self.name}` lies in `{text}`", hint=hint)

    def _malformed(self, text: str) -> SelectionError:
        example = example_key(self.grain)
        return SelectionError(
            f"expected for `{self.name}` a {self.grain} key such as {example}, found `{text}`",
            hint=f"A range is written `{example}{TO}`, `{TO}{example}`, or with both ends.",
        )

    @property
    def _until(self) -> str:
        return f"to {self.end}" if self.end else "on"


@dataclass(frozen=True, slots=True)
class StaticDimension:
    """Values that are listed, each once, in this order; `column` is by default named as the dimension."""

    name: str
    values: tuple[str, ...]
    column: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(dict.fromkeys(self.values)))
        object.__setattr__(self, "column", self.column or self.name)

    def begun(self, now: datetime, *, complete_only: bool = False) -> Range:  # noqa: ARG002
        """Return the places of all values: they have no time."""
        return 0, len(self.values)

    def ordinal(self, key: str) -> int | None:
        """Return the place of a value in the list, None where it is not listed."""
        return self.values.index(key) if key in self.values else None

    def select(self, text: str, now: datetime) -> Range:  # noqa: ARG002
        """Read a value, as the half-open range of its place. Raises SelectionError, with what is near, for one that is not listed."""
        place = self.ordinal(text)
        if place is None:
            raise SelectionError(f"`{self.name}` has no value {quoted(text)}", hint=did_you_mean(text, self.values))
        return place, place + 1

    def keys(self, ranges: Iterable[Range]) -> list[str]:
        """Return the values at these places."""
        return [value for first, stop in ranges for value in self.values[first:stop]]


@dataclass(frozen=True, slots=True)
class QueryDimension:
    """Values that a query lists at run time: until then nothing can be said of its partitions."""

    name: str
    query: str
    column: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "column", self.column or self.name)

    def begun(self, *_: object, **__: object) -> Range:
        raise self._unknown()

    def ordinal(self, *_: object) -> int | None:
        raise self._unknown()

    def select(self, *_: object) -> Range:
        raise self._unknown()

    def keys(self, *_: object) -> list[str]:
        raise self._unknown()

    def _unknown(self) -> ConfigError:
        return ConfigError(f"the values of `{self.name}` are not known yet: its query has not run", hint="List them with `values`.")


Dimension = TimeDimension | StaticDimension | QueryDimension


def _ordinal(grain: Grain, key: str) -> int:
    ordinal = parse_key(grain, key)
    if ordinal is None:
        raise ValueError(f"{key!r} is not the key of a {grain}")
    return ordinal
