"""How assets are called on screens."""

from __future__ import annotations

from penstock.assets.asset import Asset, Kind


def short(asset: Asset) -> str:
    """Return the name people use: `raw.orders` for sources and ingests, the model's own name otherwise."""
    if asset.source is not None:
        return f"{asset.source.source_name}.{asset.name}"
    if asset.kind is Kind.INGEST and asset.relation is not None:
        return str(asset.relation)
    return f"{asset.name}.v{asset.version}" if asset.version else asset.name


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
    if asset.is_test:
        return f"{asset.kind.value} {asset.name}"
    materialized = "microbatch" if asset.config.get("incremental_strategy") == "microbatch" else asset.materialized
    return f"{asset.language} {materialized} model {asset.relation}"
