"""What some partitions will take, told from what those before them took."""

from __future__ import annotations

from penstock.assets.records import PartitionCost

_LEAST = 0.1
_MINUTES_FROM = 120
_HOURS_FROM = 2 * 3600


def expected(cost: PartitionCost, count: int) -> tuple[str, str]:
    """Return the rows and the time that so many partitions mean.

    >>> expected(PartitionCost(rows=1000, seconds=1.5), 365)
    ('365,000', '9 min')
    """
    return f"{cost.rows * count:,.0f}", _duration(cost.seconds * count)


def _duration(seconds: float) -> str:
    if seconds < _LEAST:
        return f"less than {_LEAST} s"
    if seconds < _MINUTES_FROM:
        return f"{seconds:,.1f} s"
    if seconds < _HOURS_FROM:
        return f"{seconds / 60:,.0f} min"
    return f"{seconds / 3600:,.1f} h"
