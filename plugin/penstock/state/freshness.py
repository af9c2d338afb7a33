"""How old the data of each asset is, as far as recorded: what `penstock status` shows and `fresh:` selects by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from penstock.assets.freshness import ERROR, PASS, WARN
from penstock.assets.names import AssetKey
from penstock.state.store import Statements, stored_version

FRESHNESS_SINCE = 4
"""The first schema of the state tables that knows how old data is."""

STALE, FRESH, UNKNOWN = "stale", "fresh", "unknown"

_DUE = frozenset({"failed", "never_built", "stale"})


@dataclass(frozen=True, slots=True)
class Lateness:
    """How an asset's data stands against its criteria: dbt's `pass`, `warn`, `error`, or `unknown` where nothing was seen.

    `loaded_at` is UTC, None where nothing is known or the oldest source has no rows.
    """

    status: str
    loaded_at: datetime | None
    oldest_input: AssetKey | None


def lateness_of(statements: Statements, now: datetime) -> dict[AssetKey, Lateness]:
    """Return the lateness of each asset with criteria at a time (UTC); nothing from a store of an older version."""
    if stored_version(statements) < FRESHNESS_SINCE:
        return {}
    return {row[0]: Lateness(*row[1:]) for row in statements.run("show_lateness", {"now": now})}


def verdicts(statements: Statements, now: datetime) -> Mapping[AssetKey, str]:
    """Return `stale`, `fresh` or `unknown` for each recorded asset.

    Stale: failed, never built, behind its code or an input, or late, be it a warning. A source that Penstock does not load
    is fresh only by its criteria, and unknown where the last look at it failed.
    """
    late = lateness_of(statements, now)
    failed = {row[0] for row in statements.run("failed_looks")}
    found: dict[AssetKey, str] = {}
    for asset, status in statements.run("statuses"):
        age = late[asset].status if asset in late else ""
        if status in _DUE or age in (WARN, ERROR):
            found[asset] = STALE
        else:
            known = asset not in failed and (status == FRESH or age == PASS)
            found[asset] = FRESH if known else UNKNOWN
    return found
