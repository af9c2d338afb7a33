"""The `partitions` of an ingestion file's header or of a model's `meta.penstock`, and how a reader's partitions map to an input's.

FORMATS, sections 2 and 3.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from penstock.assets import grains
from penstock.assets.clocks import is_zone, zone_names
from penstock.assets.dimensions import RESERVED, Dimension, QueryDimension, StaticDimension, TimeDimension
from penstock.assets.grains import Grain
from penstock.assets.partition_mapping import OVERLAP, MappingRule, Window
from penstock.assets.partitions import UNPARTITIONED, PartitionSpec
from penstock.errors import Location, ParseError, PenstockError, raise_all

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "every": ("every", "start", "end", "tz", "column"),
    "values": ("values", "column"),
    "from": ("from", "column"),
}
"""What a dimension may say, by the key that tells its kind."""

_KINDS = "Write {every: day, start: 2024-01-01}, {values: [a, b]}, or {from: select ...}."
_WINDOW_KEYS = ("from", "to")


class _Problems:
    """Where one mapping stands, and what is wrong with it so far."""

    def __init__(self, at: Location | None) -> None:
        self._at = at
        self.found: list[PenstockError] = []

    def add(self, message: str, hint: str = "") -> None:
        self.found.append(ParseError(message, at=self._at, hint=hint))

    def unknown_keys(self, where: str, raw: Mapping[Any, Any], known: Iterable[str]) -> None:
        """Add one problem for each key that is not known, with the one that is near."""
        for key in raw:
            if key not in known:
                self.add(f"unknown key `{where}.{key}`", _near(str(key), known))


def parse_partitions(raw: Any, at: Location | None = None) -> PartitionSpec:
    """Read `{dimension: {every, start, end, tz, column} | {values, column} | {from, column}}`; nothing means unpartitioned.

    `start` and `end` are periods, both included, as the ends of a range on the command line are: `end: 2024-01-31` is the
    last day, and for months `end: 2024-01-31` is January. A key of a coarser grain means its first period as `start` and
    its last one as `end`; a date, or a local time, the period it lies in (dbt cuts `begin` to its batch size likewise).
    Listed text, numbers and booleans become text.
    Raises ParseError, or Problems holding one for each mistake.
    """
    if raw is None or raw == {}:
        return UNPARTITIONED
    problems = _Problems(at)
    dimensions: list[Dimension] = []
    if not isinstance(raw, Mapping):
        problems.add("`partitions` must be `dimension: {...}` pairs", _KINDS)
        raw = {}
    for name, body in raw.items():
        _check_name(name, [one.name for one in dimensions], problems)
        one = _dimension(str(name), body, problems)
        if one is not None:
            dimensions.append(one)
    raise_all(problems.found)
    return PartitionSpec(tuple(dimensions))


def parse_mapping_rule(raw: Any, reader: PartitionSpec, source: PartitionSpec, at: Location | None = None) -> MappingRule:
    """Read how a reader's partitions map to those of one input: `all`, `{lookback: 2}`, `{day: {from: -6, to: 0}}`, `{region: all}`.

    Raises ParseError, or Problems holding one for each mistake.
    """
    if raw is None or raw == {}:
        return OVERLAP
    if raw == "all":
        return MappingRule(everything=True)
    problems = _Problems(at)
    if not isinstance(raw, Mapping):
        problems.add(f"`{raw}` is no rule for partitions", "Write `all`, {lookback: 2}, or {day: {from: -6, to: 0}}.")
        raw = {}
    timed = {one.name: isinstance(one, TimeDimension) for spec in (reader, source) for one in spec.dimensions}
    lookback = 0
    windows: dict[str, Window | None] = {}
    for name, body in raw.items():
        if name == "lookback" and not isinstance(body, Mapping):
            lookback = _whole(body, "lookback", problems, least=0)
        elif name not in timed:
            problems.add(f"unknown dimension `{name}`", _near(str(name), (*timed, "lookback")))
        else:
            windows[name] = None if body == "all" else _window(name, body, timed[name], problems)
    raise_all(problems.found)
    return MappingRule(lookback, windows)


def _check_name(name: Any, earlier: Iterable[str], problems: _Problems) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problems.add(f"`{name}` cannot name a dimension", "Use letters, digits and `_`: the query reads the value as `$name`.")
    elif name.lower() in RESERVED:
        problems.add(
            f"a dimension cannot be named `{name}`", f"`${name.lower()}` stands for something else in a query: choose another name."
        )
    elif name.lower() in {one.lower() for one in earlier}:
        problems.add(f"the dimension `{name}` stands twice", "Names of placeholders differ by more than upper and lower case.")


def _dimension(name: str, body: Any, problems: _Problems) -> Dimension | None:
    """Read one dimension, None where it cannot be understood; what is wrong is added to the problems."""
    where = f"partitions.{name}"
    kinds = [kind for kind in _KEYS if isinstance(body, Mapping) and kind in body]
    if len(kinds) > 1:
        problems.add(f"`{where}` says both `{kinds[0]}` and `{kinds[1]}`", "Keep one of them, or make two dimensions.")
        return None
    if not kinds:
        keys = [str(key) for key in body] if isinstance(body, Mapping) else []
        typo = next((near for key in keys if (near := difflib.get_close_matches(key, [*_KEYS], 1)) and key not in _KEYS["every"]), None)
        problems.add(f"`{where}` has neither `every` nor `values` nor `from`", f"Did you mean `{typo[0]}`?" if typo else _KINDS)
        return None
    problems.unknown_keys(where, body, _KEYS[kinds[0]])
    column = _text(body.get("column", ""), f"{where}.column", problems)
    return _READERS[kinds[0]](name, body, column, problems)


def _time(name: str, body: Mapping[str, Any], column: str, problems: _Problems) -> Dimension | None:
    where = f"partitions.{name}"
    tz = _text(body.get("tz", "UTC"), f"{where}.tz", problems, "UTC")
    if not is_zone(tz):
        problems.add(f"`{where}.tz`: there is no time zone `{tz}`", _near(tz, zone_names()))
    every = body["every"]
    if every not in [*Grain]:
        problems.add(f"`{where}.every` cannot be `{every}`", _near(str(every), [*Grain]))
        return None
    grain = Grain(every)
    if body.get("start") is None:
        problems.add(f"`{where}` needs a `start`", f"Name its first {grain}, such as `start: {grains.example_key(grain)}`.")
        return None
    start = _period(grain, body["start"], 0, f"{where}.start", problems)
    end = None if body.get("end") is None else _period(grain, body["end"], 1, f"{where}.end", problems)
    if start is None or (end is None and body.get("end") is not None):
        return None
    if end is not None and end < start:
        problems.add(f"`{where}` ends before it starts: {body['start']} is after {body['end']}", "`end` names the last period, included.")
    return TimeDimension(name, grain, grains.format_key(grain, start), None if end is None else grains.format_key(grain, end), tz, column)


def _static(name: str, body: Mapping[str, Any], column: str, problems: _Problems) -> Dimension | None:
    where, values = f"partitions.{name}.values", body["values"]
    if not isinstance(values, list) or not values:
        problems.add(f"`{where}` must be a list of at least one value", "Write [emea, amer].")
        return None
    found: list[str] = []
    for value in values:
        if not isinstance(value, (str, int)):
            problems.add(
                f"`{where}`: `{value}` is neither text nor a whole number nor true or false", "Put it into quotes to mean the text."
            )
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if text in found:
            problems.add(f"`{where}`: `{text}` stands twice", "Keep one of them.")
        found.append(text)
    return StaticDimension(name, tuple(found), column)


def _query(name: str, body: Mapping[str, Any], column: str, problems: _Problems) -> Dimension | None:
    where = f"partitions.{name}.from"
    query = _text(body["from"], where, problems).strip()
    if not query:
        problems.add(f"`{where}` is empty", "Write a query of one column: select distinct region from regions.")
    return QueryDimension(name, query, column)


_READERS: Mapping[str, Callable[[str, Mapping[str, Any], str, _Problems], Dimension | None]] = {
    "every": _time,
    "values": _static,
    "from": _query,
}


def _period(grain: Grain, raw: Any, end: int, where: str, problems: _Problems) -> int | None:
    """Read the first (`end` 0) or the last (1) period that a key, a date or a local time means; None where it is neither."""
    text = raw.isoformat() if isinstance(raw, date) else str(raw)
    within = grains.periods_within(grain, text)
    if within is not None:
        return within[end]
    finer = (grains.local_start(one, ordinal) for one in Grain if (ordinal := grains.parse_key(one, text)) is not None)
    local = next(finer, None) or _local_time(text)
    if local is None or not grains.FIRST_LOCAL <= local <= grains.LAST_LOCAL:
        problems.add(
            f"`{where}`: `{raw}` is no {grain}",
            f"Write a key such as {grains.example_key(grain)}, or a date; times are local.",
        )
        return None
    return grains.period_of(grain, local)


def _local_time(text: str) -> datetime | None:
    try:
        local = datetime.fromisoformat(text) if len(text) > len("2024-01-01") else None
    except ValueError:
        return None
    return local if local is not None and local.tzinfo is None else None


def _window(name: str, body: Any, timed: bool, problems: _Problems) -> Window:
    if not timed or not isinstance(body, Mapping):
        hint = "Write {from: -6, to: 0}, or `all`." if timed else "Values are read by equal value, or all of them: write `all`."
        problems.add(f"`{name}: {body}` is no rule for partitions", hint)
        return Window()
    problems.unknown_keys(name, body, _WINDOW_KEYS)
    first, last = (_whole(body.get(key, 0), f"{name}.{key}", problems) for key in _WINDOW_KEYS)
    if first > last:
        problems.add(f"`{name}` runs backwards, from {first} to {last}", f"Write {{from: {last}, to: {first}}}.")
        return Window()
    return Window(first, last)


def _whole(value: Any, where: str, problems: _Problems, least: int | None = None) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and (least is None or value >= least):
        return value
    problems.add(f"`{where}` must be a whole number{'' if least is None else f' of at least {least}'}, not `{value}`")
    return 0


def _text(value: Any, where: str, problems: _Problems, instead: str = "") -> str:
    if isinstance(value, str):
        return value
    problems.add(f"`{where}` must be text, not `{value}`")
    return instead


def _near(value: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(value, names, 1)
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Choose from {', '.join(names)}." if len(names) <= 10 else "Use a name such as Europe/Berlin, from the IANA database."
