"""Code versions: what an asset is made by, as far as it counts, and the algorithm that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.assets.asset import Asset
from penstock.assets.fingerprint import digest, fingerprint

ALGORITHM = "1"
"""Raised deliberately when code versions are made in another way; it stands before each of them."""

_WHICH = ("start", "end", "values", "from")


def code_version(asset: Asset, canonical: str) -> str:
    """Return the code version of an asset; `canonical` is the hash of its query in canonical form, "" where it has none.

    Without a query that says all, the raw fingerprint counts: then every edit does.
    """
    made = digest(f"{asset.config_version} {canonical}") if canonical and asset.config_version else asset.fingerprint
    return ":".join(filter(None, (ALGORITHM, made, slices_of(asset))))


def slices_of(asset: Asset) -> str:
    """Return what tells by what an asset's rows are cut into partitions, empty where it has none; it ends a code version."""
    if asset.ingest is not None:
        partitions: Any = rows_by(asset.ingest.partitions)
    elif asset.microbatch:
        partitions = str(asset.config.get("event_time")).strip('"').lower()
    else:
        partitions = rows_by(asset.penstock.get("partitions"))
    return fingerprint({"partitions": partitions})[:8] if partitions else ""


def same_slices(version: str, asset: Asset) -> bool:
    """Whether a code version cuts rows into partitions as an asset does now."""
    return version.rpartition(":")[2] == slices_of(asset)


def rows_by(partitions: Any) -> Any:
    """Return what of a definition says which rows a partition holds; values, starts and ends only say which partitions there are."""
    if not isinstance(partitions, Mapping):
        return partitions
    return {
        name: {key: value for key, value in body.items() if key not in _WHICH} if isinstance(body, Mapping) else body
        for name, body in partitions.items()
    }


def algorithm_of(version: str) -> str:
    """Return the algorithm that made a code version."""
    return version.partition(":")[0]
