"""Other artifacts that dbt leaves in a target folder: run_results.json and sources.json."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from penstock.assets.names import AssetKey
from penstock.errors import Location, ProjectError

_VERSION = re.compile(r"/(?P<name>[\w-]+)/v(?P<number>\d+)\.json$")


@dataclass(frozen=True, slots=True)
class SourceReport:
    """When each source was last loaded, and which could not be asked."""

    loaded_at: Mapping[AssetKey, datetime]
    failed: frozenset[AssetKey] = frozenset()


def read_results(text: str, file: str) -> dict[AssetKey, set[str]]:
    """Read how each node ended (run_results.json, v4 to v6). Raises ProjectError for anything else."""
    found: dict[AssetKey, set[str]] = defaultdict(set)
    for result in _results(text, file, "run-results", (4, 5, 6)):
        found[str(result.get("unique_id"))].add(str(result.get("status")))
    return dict(found)


def read_sources(text: str, file: str) -> SourceReport:
    """Read when sources were loaded (sources.json, v3). Raises ProjectError for anything else."""
    loaded: dict[AssetKey, datetime] = {}
    failed: set[AssetKey] = set()
    for result in _results(text, file, "sources", (3,)):
        key = str(result.get("unique_id"))
        if result.get("max_loaded_at") is None:
            failed.add(key)
            continue
        try:
            at = datetime.fromisoformat(str(result["max_loaded_at"]))
        except ValueError as error:
            raise ProjectError(f"`max_loaded_at` of {key} is not a time: {result['max_loaded_at']}", at=Location(file)) from error
        loaded[key] = at if at.tzinfo else at.replace(tzinfo=UTC)
    return SourceReport(loaded, frozenset(failed))


def fresher(current: SourceReport, previous: SourceReport) -> frozenset[AssetKey]:
    """Return the sources that hold newer data than before; source: dbt's `SourceStatusSelectorMethod`."""
    known = previous.loaded_at
    return frozenset(key for key, at in current.loaded_at.items() if key not in known or at > known[key]) - current.failed


def _results(text: str, file: str, name: str, versions: tuple[int, ...]) -> list[Mapping[str, Any]]:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"this file is not complete JSON: {error}", at=Location(file)) from error
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    version = _VERSION.search(str(metadata.get("dbt_schema_version"))) if isinstance(metadata, dict) else None
    if version is None or version["name"] != name:
        raise ProjectError(f"this file is not dbt's {name}", at=Location(file))
    if int(version["number"]) not in versions:
        known = ", ".join(f"v{number}" for number in versions)
        raise ProjectError(f"{name} v{version['number']} is not supported ({known})", at=Location(file))
    results = raw.get("results")
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise ProjectError("`results` is not a list of results", at=Location(file))
    return results
