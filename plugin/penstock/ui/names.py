"""How assets are called on screens."""

from __future__ import annotations

from penstock.assets.asset import Asset, Kind
from penstock.assets.dimensions import Dimension, StaticDimension, TimeDimension
from penstock.assets.partitions import PartitionSet, PartitionSpec
from penstock.plan.names import display


def short(asset: Asset) -> str:
    """Return the name people use: `raw.orders` for sources and ingests, the model's own name otherwise."""
    if asset.source is not None:
        return f"{asset.source.source_name}.{asset.name}"
    if asset.kind is Kind.INGEST and asset.relation is not None:
        return str(asset.relation)
    return f"{asset.name}.v{asset.version}" if asset.version else asset.name


def ranges(partitions: PartitionSet, most: int = 2) -> str:
    """Return partitions as ranges, `day=2024-01-01..2024-01-31`, and how many more ranges there are."""
    words = [str(part) for part in partitions.ranges()]
    return " ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def described(spec: PartitionSpec) -> str:
    """Return how an asset is partitioned, in words: `day from 2024-01-01 on x region (emea, amer)`."""
    return " x ".join(map(_dimension, spec.dimensions))


def _dimension(one: Dimension) -> str:
    if isinstance(one, TimeDimension):
        name = str(one.grain) if one.name == one.grain else f"{one.name} (each {one.grain})"
        return f"{name} from {one.start} {f'to {one.end}' if one.end else 'on'}{f' {one.tz}' if one.tz != 'UTC' else ''}"
    if isinstance(one, StaticDimension):
        return f"{one.name} ({', '.join(one.values[:5])}{f' and {len(one.values) - 5} more' if len(one.values) > 5 else ''})"
    return f"{one.name} (from a query)"


def describe(asset: Asset) -> str:
    """Return an asset as dbt's run lines call it: `sql view model main.stg_orders`."""
    if asset.ingest is not None:
        return f"ingest {asset.ingest.write} {asset.relation}"
    if asset.kind is Kind.SEED:
        return f"seed file {asset.relation}"
    if asset.kind is Kind.SNAPSHOT:
        return f"snapshot {asset.relation}"
    if asset.kind is Kind.FUNCTION:
        return f"function {asset.relation}"
    if asset.check is not None and asset.test is not None and asset.test.attached_node:
        return f"check {asset.name} on {display(asset.test.attached_node)}"
    if asset.is_test:
        return f"{asset.kind.value} {asset.name}"
    materialized = "microbatch" if asset.config.get("incremental_strategy") == "microbatch" else asset.materialized
    return f"{asset.language} {materialized} model {asset.relation}"
