"""What the wall clock of a time zone shows: local times to instants of UTC and back, and where the clocks jump.

Datetimes have no tzinfo: instants are UTC, local times are what the clock shows. Zones are IANA names; the database is
read when a zone other than UTC is first asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta, tzinfo
from functools import cache, lru_cache

_STEP = timedelta(days=3)
"""No zone changes its clock twice within this time: the closest pair in the tz database is 3.99 days (Africa/Freetown, 1939)."""

_NOT_PORTABLE = frozenset({"localtime", "Factory", "posixrules"})


def first_instant(local: datetime, tz: str) -> datetime:
    """Return the first instant at which the wall clock shows this time (whole seconds) or, where it is left out, a later one."""
    zone = _zone(tz)
    if zone is None:
        return local
    instant = _instant(local, zone, 0)
    if _at(instant, zone) == local:
        return instant
    return _first_change(zone, _instant(local, zone, 1), instant)


def wall_clock(instant: datetime, tz: str) -> datetime:
    """Return the local time that the wall clock shows at an instant."""
    zone = _zone(tz)
    return instant if zone is None else _at(instant, zone)


@lru_cache(maxsize=4096)
def jumps(tz: str, year: int) -> tuple[tuple[datetime, datetime], ...]:
    """Return where the clocks jump forward in a year of UTC, in order: the local time they leave and the one they reach."""
    zone = _zone(tz)
    found: list[tuple[datetime, datetime]] = []
    low, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)  # noqa: DTZ001
    while zone is not None and low < end:
        high = min(low + _STEP, end)
        before, after = _at(low, zone) - low, _at(high, zone) - high
        if after > before:
            change = _first_change(zone, low, high)
            found.append((change + before, change + after))
        low = high
    return tuple(found)


def is_zone(tz: str) -> bool:
    """Whether this is a zone of the IANA database; what means another thing on another machine, or counts leap seconds, is not."""
    if tz in _NOT_PORTABLE or tz.startswith(("posix/", "right/")):
        return False
    try:
        _zone(tz)
    except (LookupError, ValueError, OSError):
        return False
    return True


def zone_names() -> set[str]:
    """Return the names of all zones; reads the whole database, so for messages only."""
    import zoneinfo

    return zoneinfo.available_timezones() - _NOT_PORTABLE


@cache
def _zone(tz: str) -> tzinfo | None:
    """Return a zone, None for UTC, which needs no arithmetic."""
    if tz == "UTC":
        return None
    from zoneinfo import ZoneInfo

    return ZoneInfo(tz)


def _at(instant: datetime, zone: tzinfo) -> datetime:
    return zone.fromutc(instant.replace(tzinfo=zone)).replace(tzinfo=None)


def _instant(local: datetime, zone: tzinfo, fold: int) -> datetime:
    return local - (zone.utcoffset(local.replace(fold=fold)) or timedelta())


def _first_change(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """Return the instant in (low, high] from which the offset is no longer that of `low`; all three are whole seconds."""
    before = _at(low, zone) - low
    seconds = int((high - low).total_seconds())
    instants = range(seconds)
    step = timedelta(seconds=1)
    return low + step * bisect_left(
        instants, 1, lo=1, key=lambda second: int(_at(low + second * step, zone) - (low + second * step) != before)
    )
