"""Ready-made checks that compare an asset with its own history, as `penstock.yml` and `meta.penstock` write them in one line.

Four kinds, each a formula with numbers of its own and nothing learned; compiler/monitors.py has the formulas as SQL.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from penstock.assets.freshness import parse_duration
from penstock.errors import ConfigError, Location, PenstockError, raise_all

SEVERITIES = ("error", "warn")
WHENS = ("before_publish", "after")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a failure means, as in a check file; `when` is "" for whatever follows from the severity."""

    severity: str = "error"
    when: str = ""


AS_USUAL = Meaning()


@dataclass(frozen=True, slots=True)
class Volume:
    """The number of rows against the median of earlier days: fails below `low` or above `high` times that.

    `weekday`: only the same weekday counts. `last` of those days are looked at, today not among them; of a day, its last build.
    """

    kind: ClassVar[str] = "volume"
    column: ClassVar[str] = ""
    low: float = 0.5
    high: float = 2.0
    weekday: bool = True
    last: int = 8
    min_history: int = 3
    meaning: Meaning = AS_USUAL


@dataclass(frozen=True, slots=True)
class NullRate:
    """A column's share of NULLs against the median of the `last` builds that had rows: fails if it is more than `jump` above."""

    kind: ClassVar[str] = "null_rate"
    column: str
    jump: float = 0.05
    last: int = 10
    min_history: int = 3
    meaning: Meaning = AS_USUAL


@dataclass(frozen=True, slots=True)
class Newest:
    """The largest value of a column of times: fails if it is more than `max_age` seconds ago, or if there is none."""

    kind: ClassVar[str] = "freshness"
    column: str
    max_age: float
    meaning: Meaning = AS_USUAL
    min_history: ClassVar[int] = 0


@dataclass(frozen=True, slots=True)
class Distribution:
    """A column's quantiles (5, 25, 50, 75, 95 %) against the medians of theirs in the `last` builds, which need `metrics: full`.

    Fails if any of them moved by more than `shift` times the usual distance from the 5 % to the 95 % quantile.
    """

    kind: ClassVar[str] = "distribution"
    column: str
    shift: float = 0.25
    last: int = 10
    min_history: int = 3
    meaning: Meaning = AS_USUAL


Monitor = Volume | NullRate | Newest | Distribution

_SHARE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", re.ASCII)


def monitor_name(monitor: Monitor, asset: str) -> str:
    """Return the name of a ready-made check of an asset: `null_rate_orders_email`."""
    return "_".join(part for part in (monitor.kind, asset, monitor.column) if part)


def read_monitors(said: Any, at: Location) -> tuple[Monitor, ...]:
    """Read a list of one-liners such as `volume` or `null_rate: {column: email, jump: 2%}`; a list of columns gives one for each.

    Raises ConfigError, or Problems holding one for each thing that cannot be understood.
    """
    problems: list[PenstockError] = []
    found: list[Monitor] = []
    for kind, options in _one_liners(said, problems):
        found += _monitors(kind, options, problems)
    names = [(monitor.kind, monitor.column) for monitor in found]
    twice = sorted({one for one in names if names.count(one) > 1})
    problems += [ConfigError(f"`{' '.join(filter(None, one))}` is there twice", hint="Leave one of them.") for one in twice]
    for problem in problems:
        problem.at = at
    raise_all(problems)
    return tuple(found)


def _one_liners(said: Any, problems: list[PenstockError]) -> Iterator[tuple[str, Any]]:
    """Yield kinds with their options, from a list of them, a mapping, or a single one."""
    if isinstance(said, Mapping):
        yield from ((str(kind), options) for kind, options in said.items())
    elif isinstance(said, str):
        yield said, None
    elif isinstance(said, list):
        for one in said:
            yield from _one_liners(one, problems)
    else:
        problems.append(ConfigError(f"`{said}` is no check", hint="Write `volume`, or `freshness: {column: loaded_at, max_age: 1 day}`."))


def _monitors(kind: str, options: Any, problems: list[PenstockError]) -> list[Monitor]:
    """Return the checks that one line asks for, none where something is wrong with it."""
    if kind not in _KINDS:
        problems.append(ConfigError(f"there is no check `{kind}`", hint=_nearest(kind, _KINDS)))
        return []
    make, readers, needed = _KINDS[kind]
    options = options if isinstance(options, Mapping) else {} if options is None else {"column": options}
    columns = _columns(kind, options, "column" in needed, problems)
    before = len(problems)
    values = dict(_values(kind, {key: value for key, value in options.items() if key != "column"}, readers, problems))
    missing = [key for key in needed if key != "column" and key not in options]
    problems += [
        ConfigError(f"`{kind}` needs `{key}`", hint=f"Write {kind}: {{{', '.join(f'{one}: ...' for one in needed)}}}.") for key in missing
    ]
    if len(problems) > before:
        return []
    meaning = Meaning(values.pop("severity", "error"), values.pop("when", ""))
    found = [make(**values, meaning=meaning, **({"column": column} if column else {})) for column in columns]
    problems += (problem for monitor in found[:1] for problem in _contradictions(monitor))
    return found


def _columns(kind: str, options: Mapping[str, Any], needed: bool, problems: list[PenstockError]) -> list[str]:
    """Return the columns that a line names; one without a name for a kind that has none."""
    said = options.get("column")
    columns = [said] if isinstance(said, str) else said
    if not needed:
        if said is not None:
            problems.append(ConfigError(f"`{kind}` looks at all rows and takes no column", hint=f"Write `{kind}` alone."))
        return [""]
    if not isinstance(columns, list) or not columns or not all(isinstance(one, str) and one for one in columns):
        problems.append(ConfigError(f"`{kind}` needs the name of a column", hint=f"Write {kind}: {{column: ...}}."))
        return []
    return columns


def _values(
    kind: str, options: Mapping[str, Any], readers: Mapping[str, Callable[[Any, str], Any]], problems: list[PenstockError]
) -> Iterator[tuple[str, Any]]:
    for key, value in options.items():
        if key not in readers:
            problems.append(ConfigError(f"`{kind}` has no `{key}`", hint=_nearest(str(key), ["column", *readers])))
            continue
        try:
            yield key, readers[key](value, key)
        except ConfigError as error:
            problems.append(error)


def _contradictions(monitor: Monitor) -> Iterator[PenstockError]:
    """Yield what is wrong with options that are right each by itself."""
    if isinstance(monitor, Volume) and monitor.low >= monitor.high:
        yield ConfigError(
            "`low` is not below `high`", hint=f"They are {monitor.low:g} and {monitor.high:g} times the usual number of rows."
        )
    if not isinstance(monitor, Newest) and monitor.min_history > monitor.last:
        yield ConfigError(
            f"of the last {monitor.last} there are never {monitor.min_history}",
            hint="Let `last` be at least `min_history`, which is 3 if unsaid.",
        )


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(names)}."


def _share(value: Any, key: str) -> float:
    """Return 0.5 for `50%` and for 0.5."""
    match = _SHARE.fullmatch(str(value)) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    if match is None:
        raise ConfigError(f"`{key}: {value}` is no share", hint=f"Write {key}: 50%.")
    return float(match[1]) / (100 if match[2] else 1)


def _count(value: Any, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"`{key}: {value}` is no number of builds", hint="Write a whole number from 1 on.")
    return value


def _flag(value: Any, key: str) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise ConfigError(f"`{key}: {value}` is neither true nor false", hint=f"Write {key}: false.")
    return str(value).lower() == "true"


def _one_of(*known: str) -> Callable[[Any, str], str]:
    def read(value: Any, key: str) -> str:
        if value not in known:
            raise ConfigError(f"`{key}: {value}` is not known", hint=_nearest(str(value), known))
        return str(value)

    return read


_COMMON: Mapping[str, Callable[[Any, str], Any]] = {"severity": _one_of(*SEVERITIES), "when": _one_of(*WHENS)}
_LAST: Mapping[str, Callable[[Any, str], Any]] = {"last": _count, "min_history": _count, **_COMMON}

_KINDS: Mapping[str, tuple[Callable[..., Monitor], Mapping[str, Callable[[Any, str], Any]], tuple[str, ...]]] = {
    Volume.kind: (Volume, {"low": _share, "high": _share, "weekday": _flag, **_LAST}, ()),
    NullRate.kind: (NullRate, {"jump": _share, **_LAST}, ("column",)),
    Newest.kind: (Newest, {"max_age": parse_duration, **_COMMON}, ("column", "max_age")),
    Distribution.kind: (Distribution, {"shift": _share, **_LAST}, ("column",)),
}
"""By name: what makes it, what its options may be, and which of them it needs."""
