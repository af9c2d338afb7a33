"""Code versions: what an asset is made by, as far as it counts, and the algorithm that says so."""

from __future__ import annotations

from penstock.assets.asset import Asset
from penstock.assets.fingerprint import digest

ALGORITHM = "1"
"""Raised deliberately when code versions are made in another way; it stands before each of them."""


def code_version(asset: Asset, canonical: str) -> str:
    """Return the code version of an asset; `canonical` is the hash of its query in canonical form, "" where it has none.

    Without a query that says all, the raw fingerprint counts: then every edit does.
    """
    return f"{ALGORITHM}:{digest(f'{asset.config_version} {canonical}') if canonical and asset.config_version else asset.fingerprint}"


def algorithm_of(version: str) -> str:
    """Return the algorithm that made a code version."""
    return version.partition(":")[0]
