"""Cron expressions of `schedule`: whether a text is one. A scheduler is still to come; a wrong one shall not wait for it."""

from __future__ import annotations

from collections.abc import Iterator

NICKNAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
"""Name, bounds, and names of values, the first of which stands for the lower bound. Source: crontab(5)."""


def cron_problems(text: str) -> Iterator[str]:
    """Yield what is wrong with a cron expression of five fields.

    >>> list(cron_problems("*/15 6-22 * * mon-fri")), list(cron_problems("0 25 * * *"))
    ([], ['`25` is no hour: 0 to 23'])
    """
    if text.lower() in NICKNAMES:
        return
    found = text.split()
    if len(found) != len(_FIELDS):
        yield f"it has {len(found)} fields, and needs five: minute, hour, day of month, month, day of week"
        return
    for value, (name, lowest, highest, names) in zip(found, _FIELDS, strict=True):
        for item in value.split(","):
            if not _is_item(item, lowest, highest, names):
                yield f"`{item}` is no {name}: {lowest} to {highest}"


def _is_item(item: str, lowest: int, highest: int, names: tuple[str, ...]) -> bool:
    """Whether `*`, a value, or a range, each perhaps with a step, lies within the bounds."""
    values, slash, step = item.partition("/")
    if slash and not (_is_number(step) and int(step)):
        return False
    if values == "*":
        return True
    ends = [_value(end, lowest, names) for end in values.split("-")]
    known = [end for end in ends if end is not None and lowest <= end <= highest]
    return len(known) == len(ends) <= 2 and known == sorted(known)


def _value(text: str, lowest: int, names: tuple[str, ...]) -> int | None:
    if text.lower() in names:
        return names.index(text.lower()) + lowest
    return int(text) if _is_number(text) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
