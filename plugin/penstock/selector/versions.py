"""How a model's version compares with its latest one; source: dbt's `VersionSelectorMethod`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.assets.asset import Asset

_FALSY = frozenset({"", "0", "0.0"})


def is_latest(asset: Asset) -> bool:
    """The version a reference without a version means."""
    return asset.version != "" and not is_before(asset.version, asset.latest_version) and not is_before(asset.latest_version, asset.version)


def is_prerelease(asset: Asset) -> bool:
    """Newer than the latest version."""
    return _comparable(asset) and is_before(asset.latest_version, asset.version)


def is_old(asset: Asset) -> bool:
    """Older than the latest version."""
    return _comparable(asset) and is_before(asset.version, asset.latest_version)


def is_unversioned(asset: Asset) -> bool:
    """Without any version."""
    return asset.version == ""


def is_before(left: str, right: str) -> bool:
    """Compare versions as numbers where both are, else as text; source: dbt's `UnparsedVersion.__lt__`."""
    try:
        return float(left) < float(right)
    except ValueError:
        return left < right


def _comparable(asset: Asset) -> bool:
    """Dbt asks whether the versions are truthy, so a version zero is neither older nor newer than any other."""
    return asset.version not in _FALSY and asset.latest_version not in _FALSY


VERSIONS: Mapping[str, Callable[[Asset], bool]] = {
    "latest": is_latest,
    "prerelease": is_prerelease,
    "old": is_old,
    "none": is_unversioned,
}
