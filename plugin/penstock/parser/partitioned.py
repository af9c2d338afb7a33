"""How an asset says that it is partitioned: an ingestion file's header, dbt's microbatch, or `meta.penstock.partitions`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.assets.asset import Asset
from penstock.assets.partitions import UNPARTITIONED, PartitionSpec
from penstock.errors import ConfigError, Location
from penstock.parser.partitions import parse_partitions


def spec_of(asset: Asset) -> PartitionSpec | None:
    """Return the partitions of an asset, None where it has none. Raises ParseError, or Problems, for what cannot be understood."""
    spec: PartitionSpec | None
    if asset.ingest is not None:
        spec = parse_partitions(asset.ingest.partitions, Location(asset.ingest.path))
    elif asset.microbatch:
        spec = _batches(asset)
    elif asset.penstock.get("partitions") and asset.builds_relation:
        spec = _sliced(asset)
    else:
        return None
    return spec if spec != UNPARTITIONED else None


def is_partitioned(asset: Asset) -> bool:
    """Whether an asset says that it has partitions, well or not."""
    if asset.ingest is not None:
        return bool(asset.ingest.partitions)
    return asset.microbatch or bool(asset.penstock.get("partitions"))


def _batches(asset: Asset) -> PartitionSpec | None:
    """Return the batches of a microbatch model; one that dbt itself will refuse has none. Source: dbt's `MicrobatchBuilder`."""
    size, begin, event_time = (asset.config.get(key) for key in ("batch_size", "begin", "event_time"))
    if not size or not begin or not event_time:
        return None
    start = str(begin).replace("T", " ")
    return parse_partitions({str(size): {"every": str(size), "start": start, "column": str(event_time).strip('"')}}, Location(asset.path))


def _sliced(asset: Asset) -> PartitionSpec:
    if asset.materialized not in ("table", "incremental"):
        raise ConfigError(
            f"{asset.name}: a {asset.materialized} has no partitions", at=Location(asset.path), hint="Materialize it as a table."
        )
    return parse_partitions(_in_order(asset.penstock["partitions"]), Location(asset.path))


def _in_order(raw: Any) -> Any:
    """Return dimensions with time first, then by name: from one parse to the next dbt shuffles what `config(...)` in SQL says."""
    if not isinstance(raw, Mapping):
        return raw
    return dict(sorted(raw.items(), key=lambda one: (not (isinstance(one[1], Mapping) and "every" in one[1]), str(one[0]))))
