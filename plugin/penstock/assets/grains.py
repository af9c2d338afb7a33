"""The calendar: periods of a grain as integers, the keys they print as, and the UTC instants between which they lie in a time zone.

A period is an ordinal: hours, days, ISO weeks, months, quarters or years of the local wall clock since 1970-01-01 (week 0 holds that day).
Datetimes have no tzinfo: instants are UTC, local times are what the wall clock shows. Years run from 1000 to 9998.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache

from penstock.assets.clocks import first_instant, jumps, wall_clock

FIRST_LOCAL, LAST_LOCAL = datetime(1000, 1, 1), datetime(9998, 12, 31, 23)  # noqa: DTZ001 (wall clocks have no zone)

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_FIRST_DAY = _EPOCH.date()
_MONDAY = date(1969, 12, 29)
_HOUR = timedelta(hours=1)
_TICK = timedelta(microseconds=1)

_FURTHEST = timedelta(days=2)
"""A local time and its instant are never further apart, days that were left out included."""


class Grain(StrEnum):
    """How long a period is; `WEEK` is the ISO week, Monday to Sunday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class _Unit:
    """One grain: from local time to ordinal, back to the first local moment, and to and from the key; `read` may be lenient."""

    ordinal: Callable[[datetime], int]
    start: Callable[[int], datetime]
    key: Callable[[int], str]
    read: Callable[[str], int]
    example: str
    within: tuple[Grain, ...]


def local_start(grain: Grain, ordinal: int) -> datetime:
    """Return the local time at which a period begins, whether or not the clocks ever showed it."""
    return _UNITS[grain].start(ordinal)


def period_of(grain: Grain, local: datetime) -> int:
    """Return the period that a local time lies in by the calendar; times outside the years we know count as the nearest one."""
    return _UNITS[grain].ordinal(min(max(local, FIRST_LOCAL), LAST_LOCAL))


def format_key(grain: Grain, ordinal: int) -> str:
    """Return the key a period prints as: `2024-03-02T05`, `2024-03-02`, `2024-W09`, `2024-03`, `2024-Q1` or `2024`."""
    return _UNITS[grain].key(ordinal)


def parse_key(grain: Grain, key: str) -> int | None:
    """Return the period that prints as exactly this key, None where there is none."""
    unit = _UNITS[grain]
    try:
        ordinal = unit.read(key)
        known = unit.key(ordinal) == key and FIRST_LOCAL.year <= int(key[:4]) <= LAST_LOCAL.year
    except (ValueError, OverflowError):
        return None
    return ordinal if known else None


def periods_within(grain: Grain, key: str) -> tuple[int, int] | None:
    """Return the first and last period of the key of this grain, or of a coarser one that whole periods make up; None for any other text.

    Weeks make up nothing else: no month begins with one.
    """
    for outer in (grain, *_UNITS[grain].within):
        ordinal = parse_key(outer, key)
        if ordinal is not None:
            return period_of(grain, local_start(outer, ordinal)), period_of(grain, local_start(outer, ordinal + 1) - _TICK)
    return None


def example_key(grain: Grain) -> str:
    """Return a key of this grain, for messages."""
    return _UNITS[grain].example


@dataclass(frozen=True, slots=True)
class Calendar:
    """The periods of one grain in one time zone (an IANA name), as half-open intervals of UTC that leave no gap.

    A period begins at the first instant at which the wall clock shows its local start or, where that is left out, a later
    time. So an hour that is shown twice belongs to the period that began first (there are days of 23 and of 25 hours),
    and a period that the clocks jump over is empty: it does not exist, and is in no set of partitions.
    """

    grain: Grain
    tz: str = "UTC"

    def start(self, ordinal: int) -> datetime:
        """Return the instant at which a period begins."""
        return first_instant(local_start(self.grain, ordinal), self.tz)

    def end(self, ordinal: int) -> datetime:
        """Return the instant at which a period is over: the start of the next one."""
        return self.start(ordinal + 1)

    def at(self, instant: datetime) -> int:
        """Return the period that an instant lies in."""
        ordinal = period_of(self.grain, wall_clock(min(max(instant, FIRST_LOCAL), LAST_LOCAL), self.tz))
        last = period_of(self.grain, LAST_LOCAL)
        while ordinal < last and self.start(ordinal + 1) <= instant:
            ordinal += 1  # the clocks went back, but a later period had begun before they did
        return ordinal

    def exists(self, ordinal: int) -> bool:
        """Whether a period holds any time at all."""
        return not self.skipped(ordinal, ordinal + 1)

    def skipped(self, first: int, stop: int) -> tuple[int, ...]:
        """Return the periods of [first, stop) that do not exist, in order; costs years, not periods."""
        if self.grain not in _SKIPPABLE or first >= stop:
            return ()
        low, high = local_start(self.grain, first) - _FURTHEST, min(local_start(self.grain, stop) + _FURTHEST, LAST_LOCAL)
        found = [ordinal for year in range(low.year, high.year + 1) for ordinal in _skipped_in(self, year)]
        return tuple(found[bisect_left(found, first) : bisect_left(found, stop)])

    def shift(self, ordinal: int, periods: int) -> int:
        """Return the period so many existing periods later, earlier for a negative number, the outermost one at the calendar's ends."""
        target = self._nearest(ordinal + periods)
        while True:
            low, high = sorted((ordinal, target))
            missed = len(self.skipped(low, high + 1))
            found = self._nearest(ordinal + periods + (missed if periods > 0 else -missed))
            if found == target:
                return target
            target = found

    def overlapping(self, start: datetime, end: datetime) -> tuple[int, int]:
        """Return the first and the last period that share time with [start, end), which is not empty."""
        return self.at(start), self.at(end - _TICK)

    def _nearest(self, ordinal: int) -> int:
        first, last = period_of(self.grain, FIRST_LOCAL), period_of(self.grain, LAST_LOCAL)
        return min(max(ordinal, first), last)


@lru_cache(maxsize=4096)
def _skipped_in(calendar: Calendar, year: int) -> tuple[int, ...]:
    found: list[int] = []
    for left, reached in jumps(calendar.tz, year):
        first, last = period_of(calendar.grain, left), period_of(calendar.grain, reached)
        if first < last:
            found.extend(one for one in range(first, last + 1) if calendar.start(one) == calendar.end(one))
    return tuple(found)


def _day(ordinal: int) -> date:
    return _FIRST_DAY + timedelta(days=ordinal)


def _month(ordinal: int, months: int) -> datetime:
    year, period = divmod(ordinal, 12 // months)
    return datetime(1970 + year, 1 + period * months, 1)  # noqa: DTZ001


def _week_key(ordinal: int) -> str:
    year, week, _ = (_MONDAY + timedelta(weeks=ordinal)).isocalendar()
    return f"{year}-W{week:02}"


def _quarter_key(ordinal: int) -> str:
    return f"{1970 + ordinal // 4}-Q{ordinal % 4 + 1}"


_UNITS: Mapping[Grain, _Unit] = {
    Grain.HOUR: _Unit(
        ordinal=lambda local: (local - _EPOCH) // _HOUR,
        start=lambda ordinal: _EPOCH + ordinal * _HOUR,
        key=lambda ordinal: (_EPOCH + ordinal * _HOUR).isoformat(timespec="hours"),
        read=lambda key: (datetime.fromisoformat(key).replace(tzinfo=None) - _EPOCH) // _HOUR,
        example="2024-03-02T05",
        within=(Grain.DAY, Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR),
    ),
    Grain.DAY: _Unit(
        ordinal=lambda local: (local.date() - _FIRST_DAY).days,
        start=lambda ordinal: datetime.combine(_day(ordinal), time()),
        key=lambda ordinal: _day(ordinal).isoformat(),
        read=lambda key: (date.fromisoformat(key) - _FIRST_DAY).days,
        example="2024-03-02",
        within=(Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR),
    ),
    Grain.WEEK: _Unit(
        ordinal=lambda local: (local.date() - _MONDAY).days // 7,
        start=lambda ordinal: datetime.combine(_MONDAY + timedelta(weeks=ordinal), time()),
        key=_week_key,
        read=lambda key: (date.fromisocalendar(int(key[:4]), int(key[6:]), 1) - _MONDAY).days // 7,
        example="2024-W09",
        within=(),
    ),
    Grain.MONTH: _Unit(
        ordinal=lambda local: (local.year - 1970) * 12 + local.month - 1,
        start=lambda ordinal: _month(ordinal, 1),
        key=lambda ordinal: f"{1970 + ordinal // 12}-{ordinal % 12 + 1:02}",
        read=lambda key: (int(key[:4]) - 1970) * 12 + int(key[5:]) - 1,
        example="2024-03",
        within=(Grain.QUARTER, Grain.YEAR),
    ),
    Grain.QUARTER: _Unit(
        ordinal=lambda local: (local.year - 1970) * 4 + (local.month - 1) // 3,
        start=lambda ordinal: _month(ordinal, 3),
        key=_quarter_key,
        read=lambda key: (int(key[:4]) - 1970) * 4 + int(key[6:]) - 1,
        example="2024-Q1",
        within=(Grain.YEAR,),
    ),
    Grain.YEAR: _Unit(
        ordinal=lambda local: local.year - 1970,
        start=lambda ordinal: _month(ordinal, 12),
        key=lambda ordinal: f"{1970 + ordinal}",
        read=lambda key: int(key[:4]) - 1970,
        example="2024",
        within=(),
    ),
}

_SKIPPABLE = (Grain.HOUR, Grain.DAY)
"""No clock was ever moved forward by a week."""
