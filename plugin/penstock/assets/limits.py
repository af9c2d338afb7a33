"""How often a failed asset is tried again, how long one attempt may take, and with how many others it may run at once."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from penstock.assets.asset import Asset
from penstock.assets.freshness import parse_duration
from penstock.errors import ConfigError, Location, PenstockError, Problems, raise_all


class Failure(StrEnum):
    """What kind of error ended an attempt; a `permanent` one would come back, and is never tried again."""

    TRANSIENT = "transient"
    TIMEOUT = "timeout"
    OTHER = "other"
    PERMANENT = "permanent"


ANY = "any"
ON = (Failure.TRANSIENT.value, Failure.TIMEOUT.value, ANY)
"""What `retries.on` may list; `any` is everything but what is permanent."""

LONGEST_WAIT = 3600.0
"""Seconds: a wait that doubles each time stops growing here."""


@dataclass(frozen=True, slots=True)
class Retries:
    """When a failed attempt is followed by another one.

    `attempts` counts all of them, so 1 means no second one. `backoff` is the wait before the second attempt in seconds, twice
    that before the third, and so on; each is up to the share `jitter` longer or shorter, by chance.
    """

    attempts: int = 1
    backoff: float = 1.0
    jitter: float = 0.0
    on: frozenset[str] = frozenset({Failure.TRANSIENT.value})

    def again(self, done: int, failure: Failure) -> bool:
        """Whether another attempt follows after that many, of which the last ended so."""
        if failure is Failure.PERMANENT or done >= self.attempts:
            return False
        return ANY in self.on or failure.value in self.on

    def wait(self, done: int, chance: float) -> float:
        """Return the seconds to wait after that many attempts; `chance` is between 0 and 1."""
        doubled = min(self.backoff * 2.0 ** min(done - 1, 32), LONGEST_WAIT)
        return doubled * (1 + self.jitter * (2 * chance - 1))


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one asset: `timeout` is that of one attempt, in seconds, None for none; `pool` is "" for none."""

    retries: Retries = Retries()
    timeout: float | None = None
    pool: str = ""


NO_LIMITS = Limits()


def limits_in(assets: Sequence[Asset], defaults: Limits, pools: Collection[str]) -> dict[int, Limits]:
    """Return the limits of all assets that a build can run, by place. Raises ConfigError, or Problems, naming each one's file."""
    found: dict[int, Limits] = {}
    known: dict[int, Limits] = {}  # by identity: assets from the cache share their configs
    problems: list[PenstockError] = []
    for number, asset in enumerate(assets):
        if not asset.executable:
            continue
        try:
            if asset.ingest is not None:
                found[number] = limits_of(asset, defaults, pools)
                continue
            if id(asset.config) not in known:
                known[id(asset.config)] = limits_of(asset, defaults, pools)
            found[number] = known[id(asset.config)]
        except Problems as several:
            problems += several.problems
        except ConfigError as error:
            problems.append(error)
    raise_all(problems)
    return found


def limits_of(asset: Asset, defaults: Limits, pools: Collection[str]) -> Limits:
    """Return what a header or `meta.penstock` says, and the defaults for what it does not. Raises ConfigError or Problems."""
    ingest = asset.ingest
    if ingest is not None:
        at = Location(ingest.path)
        said: Mapping[str, Any] = {"retries": ingest.retries, "timeout": ingest.timeout, "pool": ingest.pool}
    else:
        at, said = Location(asset.path), asset.penstock
        if not said:
            return defaults
    return read_limits(said, defaults, pools, at)


def read_limits(said: Mapping[str, Any], defaults: Limits, pools: Collection[str], at: Location) -> Limits:
    """Read `retries`, `timeout` and `pool` where they say something. Raises ConfigError, or Problems with all that is wrong."""
    problems: list[PenstockError] = []
    retries, timeout, pool = defaults.retries, defaults.timeout, defaults.pool
    if said.get("retries") not in (None, "", {}):
        retries = _retries(said["retries"], retries, problems)
    if said.get("timeout") not in (None, ""):
        timeout = _timeout(said["timeout"], problems)
    if said.get("pool") not in (None, ""):
        pool = _pool(said["pool"], pools, problems)
    for problem in problems:
        problem.at = at
    raise_all(problems)
    return Limits(retries, timeout, pool)


def _retries(said: Any, defaults: Retries, problems: list[PenstockError]) -> Retries:
    if not isinstance(said, Mapping):
        problems.append(ConfigError(f"`retries: {said}` is no mapping", hint="Write retries: {attempts: 3, backoff: 10s}."))
        return defaults
    said = {_ON_OF_DBT.get(key, key): value for key, value in said.items()}
    unknown = (key for key in said if key not in _READERS)
    problems += [ConfigError(f"unknown key `retries.{key}`", hint=_did_you_mean(str(key), _READERS)) for key in unknown]
    values: dict[str, Any] = {}
    for key, read in _READERS.items():
        if key in said:
            try:
                values[key] = read(said[key])
            except ConfigError as error:
                problems.append(error)
    return replace(defaults, **values)


def _attempts(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"`retries.attempts: {value}` is not a number from 1 on", hint="It counts all attempts: 3 are two retries.")
    return value


def _backoff(value: Any) -> float:
    return 0.0 if value == 0 and not isinstance(value, bool) else parse_duration(value, "retries.backoff")


def _jitter(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ConfigError(f"`retries.jitter: {value}` is not a share of the wait", hint="Write a number from 0 to 1, such as 0.2.")
    return float(value)


def _on(value: Any) -> frozenset[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, Sequence) or not words:
        raise ConfigError(f"`retries.on: {value}` is no list", hint=f"Write on: [{', '.join(ON)}], or some of them.")
    for word in words:
        if word not in ON:
            raise ConfigError(f"`retries.on` does not know `{word}`", hint=_did_you_mean(str(word), ON))
    return frozenset(words)


_READERS = {"attempts": _attempts, "backoff": _backoff, "jitter": _jitter, "on": _on}
_ON_OF_DBT = {"true": "on", True: "on"}
"""dbt reads YAML 1.1, where the key `on` is the value true, and the manifest holds it as text."""


def _timeout(value: Any, problems: list[PenstockError]) -> float | None:
    if value == "none":
        return None
    try:
        seconds = parse_duration(value, "timeout")
    except ConfigError as error:
        problems.append(error)
        return None
    if seconds <= 0:
        problems.append(ConfigError(f"`timeout: {value}` leaves no time", hint="Write 30s, 10m, or none."))
    return seconds


def _pool(value: Any, pools: Collection[str], problems: list[PenstockError]) -> str:
    if value not in pools:
        near = difflib.get_close_matches(str(value), pools, 1)
        hint = f"Did you mean `{near[0]}`?" if near else "Add it there: pools: {" + str(value) + ": 2}."
        problems.append(ConfigError(f"the pool `{value}` is not in penstock.yml", hint=hint))
    return str(value)


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    listed = list(known)
    near = difflib.get_close_matches(word, listed, 1)
    return f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(listed)}."
