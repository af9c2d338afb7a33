"""What builds measure of the rows they write: how much of it each asset wants, and what was found."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from penstock.assets.asset import Asset
from penstock.assets.names import AssetKey
from penstock.errors import ConfigError, Location, PenstockError, raise_all


class Level(StrEnum):
    """`light` counts rows and NULLs in the scan that versions need anyway; `full` adds what takes scans of its own; `off` counts rows."""

    OFF = "off"
    LIGHT = "light"
    FULL = "full"


SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles that are kept of numbers and times, in this order."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What one asset wants measured; `masked` are the lower-case names of columns whose values must not be kept, None all of them."""

    level: Level = Level.LIGHT
    masked: frozenset[str] | None = frozenset()


USUAL = Metrics()
"""What is measured where nobody says anything."""


@dataclass(frozen=True, slots=True)
class ColumnMetric:
    """What was found in one column; None is what cannot be measured of its type, or was not asked for.

    `smallest` and `largest` are text, `quantiles` those of SHARES: numbers, or seconds since 1970 (UTC).
    """

    column: str
    smallest: str | None
    largest: str | None
    distinct_count: int | None
    quantiles: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What rows hold: their number, their version, the number of NULLs of each column (none where not counted), and more if wanted."""

    rows: int
    version: str
    nulls: tuple[int, ...] = ()
    columns: tuple[ColumnMetric, ...] = ()


def metrics_in(assets: Iterable[Asset], default: Level) -> dict[AssetKey, Metrics]:
    """Return what each asset that has rows of its own wants. Raises ConfigError, or Problems, naming each one's file."""
    usual = Metrics(default)
    found: dict[AssetKey, Metrics] = {}
    problems: list[PenstockError] = []
    for asset in assets:
        if asset.builds_relation:
            try:
                found[asset.key] = metrics_of(asset.penstock, usual, Location(asset.path)) if asset.penstock else usual
            except ConfigError as error:
                problems.append(error)
    raise_all(problems)
    return found


def metrics_of(penstock: Mapping[str, Any], usual: Metrics, at: Location) -> Metrics:
    """Return what `meta.penstock` says in `metrics` and `mask`. Raises ConfigError for a level that does not exist."""
    said = penstock.get("metrics")
    mask = penstock.get("mask") or ()
    masked = [mask] if isinstance(mask, str) else mask
    return Metrics(usual.level if said is None else _level(said, at), frozenset(str(name).lower() for name in masked))


def _level(said: object, at: Location) -> Level:
    if said is False:  # dbt reads YAML 1.1, in which `off` is no text
        return Level.OFF
    known = [level.value for level in Level]
    if str(said) in known:
        return Level(str(said))
    near = difflib.get_close_matches(str(said), known, 1)
    hint = f"Did you mean `{near[0]}`?" if near else f"One of {', '.join(known)}."
    raise ConfigError(f"`metrics: {said}` is no level of metrics", at=at, hint=hint)
