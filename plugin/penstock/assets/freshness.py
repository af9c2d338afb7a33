"""How old data may be: dbt's freshness criteria of sources, the same for models, and when a model may wait for its next build.

Sources of the rules: `FreshnessThreshold`, `Time` and `ModelBuildAfter` of dbt-core, and dbt's pages on the model config
`freshness` and on `lag_tolerance` and `require_fresh_data_from`, which dbt-core itself reads and ignores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from penstock.assets.asset import Asset
from penstock.assets.names import AssetKey
from penstock.errors import ConfigError

PERIODS: Mapping[str, int] = {"minute": 60, "hour": 3600, "day": 86400}
"""dbt's periods, in seconds."""

POLICY_KEYS = frozenset({"state", "lag_tolerance", "require_fresh_data_from", "freshness"})
"""Config keys that say when a model is built, never what it holds."""

PASS, WARN, ERROR, RUNTIME_ERROR = "pass", "warn", "error", "runtime error"
"""dbt's statuses of a source."""

FIELD, QUERY, COMMIT = "loaded_at_field", "loaded_at_query", "commit"
"""Where the time of a source comes from; `commit`: of the ingestion file that loads it."""

_UNITS: Mapping[str, int] = {
    unit: seconds
    for seconds, units in (
        (1, "s second seconds"), (60, "m minute minutes"), (3600, "h hour hours"), (86400, "d day days"), (604800, "w week weeks"),
    )
    for unit in units.split()
}  # fmt: skip
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Criteria:
    """From which age on, in seconds, data is late; None where there is no limit."""

    warn_after: int | None = None
    error_after: int | None = None

    def status(self, age: float) -> str:
        """Return `pass`, `warn` or `error`; as in dbt the limit itself is still good."""
        if self.error_after is not None and age > self.error_after:
            return ERROR
        return WARN if self.warn_after is not None and age > self.warn_after else PASS


NO_CRITERIA = Criteria()


@dataclass(frozen=True, slots=True)
class Policy:
    """When a model that is due only for newer data may wait; None and False: it does not.

    `build_after` and `lag_tolerance` are counted from its last build; `all_parents`: until each of them holds newer data.
    """

    build_after: timedelta | None = None
    lag_tolerance: timedelta | None = None
    all_parents: bool = False

    @property
    def window(self) -> timedelta | None:
        """The longer of both times."""
        times = [time for time in (self.build_after, self.lag_tolerance) if time is not None]
        return max(times, default=None)


NO_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class SourceAge:
    """When a source was last loaded, as one look at it found; times are UTC without a zone, the age is in seconds.

    `max_loaded_at` is None for a table without rows, which dbt calls infinitely old; `snapshotted_at` where the look failed.
    `seconds` is how long the look took.
    """

    asset: AssetKey
    status: str
    basis: str
    max_loaded_at: datetime | None = None
    snapshotted_at: datetime | None = None
    age: float = 0
    error: str = ""
    started_at: datetime | None = None
    seconds: float = 0

    def timed(self, started_at: datetime, seconds: float) -> SourceAge:
        """Return the same with when and for how long was looked."""
        return replace(self, started_at=started_at, seconds=seconds)

    @property
    def failed(self) -> bool:
        """Whether it makes `penstock freshness` end with code 1, as in dbt: warnings do not."""
        return self.status in (ERROR, RUNTIME_ERROR)


def criteria_of(freshness: Any) -> Criteria | None:
    """Read `warn_after` and `error_after`; None where neither says anything. Raises ConfigError for what dbt does not take."""
    if not isinstance(freshness, Mapping):
        return None
    found = Criteria(_seconds(freshness.get("warn_after"), "warn_after"), _seconds(freshness.get("error_after"), "error_after"))
    return None if found == NO_CRITERIA else found


def model_criteria(config: Mapping[str, Any]) -> Criteria | None:
    """Read a model's own criteria, from `meta.penstock.freshness` or `meta.freshness`: dbt-core drops them from the config."""
    return next((found for place in _metas(config) if (found := criteria_of(place.get("freshness"))) is not None), None)


def said_freshness(asset: Asset) -> Mapping[str, Any]:
    """Return the mapping that the criteria of a source stand in: its own, else that of the ingestion file that loads it."""
    own = asset.source.freshness if asset.source is not None else {}
    if asset.ingest is None or criteria_of(own) is not None:
        return own
    said: Iterator[Any] = (place.get("freshness") for place in _metas(asset.config))
    return next((found for found in said if criteria_of(found) is not None), own)


def asset_criteria(asset: Asset) -> Criteria:
    """Return the criteria of a source or a model, empty where it has none or where they cannot be understood: a plan says so."""
    try:
        found = criteria_of(asset.source.freshness) if asset.source is not None else None
        if asset.source is None or (found is None and asset.ingest is not None):
            found = model_criteria(asset.config)
    except ConfigError:
        found = None
    return found or NO_CRITERIA


def policy_of(config: Mapping[str, Any]) -> Policy:
    """Read when a model may wait. Raises ConfigError naming the key that cannot be understood."""
    build_after = _build_after(config)
    state = config.get("state")
    places = [state if isinstance(state, Mapping) else {}, config, *_metas(config)]
    tolerance = next((value for place in places if (value := place.get("lag_tolerance")) is not None), None)
    required = next((value for place in places if (value := place.get("require_fresh_data_from")) is not None), "any")
    parents = {_any_or_all(required, "require_fresh_data_from"), _any_or_all(build_after.get("updates_on"), "build_after.updates_on")}
    window = _seconds(build_after, "build_after")
    return Policy(
        build_after=None if window is None else timedelta(seconds=window),
        lag_tolerance=None if tolerance is None else timedelta(seconds=parse_duration(tolerance, "lag_tolerance")),
        all_parents="all" in parents,
    )


def parse_duration(value: Any, key: str) -> float:
    """Return seconds for `30m`, `4 hours`, or `{count, period}`. Raises ConfigError for anything else."""
    if isinstance(value, Mapping):
        seconds = _seconds(value, key)
        if seconds is not None:
            return seconds
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2].lower() not in _UNITS:
        raise ConfigError(f"`{key}: {value}` is not a duration", hint="Write 30m, 4h, 1d, or {count: 4, period: hour}.")
    return float(match[1]) * _UNITS[match[2].lower()]


def _metas(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield `meta.penstock` and `meta`: a folder's default in the latter outlives a model's own `meta.penstock`."""
    meta = config.get("meta")
    if isinstance(meta, Mapping):
        own = meta.get("penstock")
        yield from (place for place in (own, meta) if isinstance(place, Mapping))


def _build_after(config: Mapping[str, Any]) -> Mapping[str, Any]:
    for place in (config, *_metas(config)):
        freshness = place.get("freshness")
        found = freshness.get("build_after") if isinstance(freshness, Mapping) else None
        if isinstance(found, Mapping):
            return found
    return {}


def _seconds(value: Any, key: str) -> int | None:
    """Return the seconds of `{count, period}`, None where neither is given."""
    if value is None or (isinstance(value, Mapping) and value.get("count") is None and value.get("period") is None):
        return None
    count, period = (value.get("count"), str(value.get("period"))) if isinstance(value, Mapping) else (None, "")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0 or period not in PERIODS:
        raise ConfigError(f"`{key}: {value}` is not a count and a period", hint="Write {count: 4, period: hour} (or minute, day).")
    return count * PERIODS[period]


def _any_or_all(value: Any, key: str) -> str:
    if value not in (None, "any", "all"):
        raise ConfigError(f"`{key}: {value}` is neither `any` nor `all`")
    return str(value or "any")
