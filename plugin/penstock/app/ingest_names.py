"""What `ref`, `source`, `var` and `env_var` mean in an ingestion file."""

from __future__ import annotations

from typing import Any

from penstock.app.settings import Settings
from penstock.assets.asset import Kind
from penstock.assets.names import RelationName
from penstock.errors import ParseError
from penstock.parser.manifest import ParsedManifest
from penstock.parser.sql_file import Names

_MISSING = object()


def ingest_names(settings: Settings, manifest: ParsedManifest) -> Names:
    """Return the functions, resolved against the manifest; each raises ParseError for a name that is not there."""
    by_ref = {asset.name: asset for asset in manifest.assets if asset.kind in (Kind.MODEL, Kind.SEED, Kind.SNAPSHOT)}
    by_source = {(asset.source.source_name, asset.name): asset for asset in manifest.assets if asset.source is not None}

    def ref(*names: str, **_: Any) -> RelationName:
        asset = by_ref.get(names[-1] if names else "")
        if asset is None or asset.relation is None:
            raise ParseError(f"there is no model `{'.'.join(names)}`", hint="ref() knows models, seeds and snapshots by name.")
        return asset.relation

    def source(source_name: str, table_name: str) -> RelationName:
        asset = by_source.get((source_name, table_name))
        if asset is None or asset.relation is None:
            raise ParseError(f"there is no source `{source_name}.{table_name}`")
        return asset.relation

    def var(name: str, default: Any = _MISSING) -> Any:
        found = settings.place.vars.get(name, settings.dbt.vars.get(name, default))
        if found is _MISSING:
            raise ParseError(f"the variable `{name}` is not set", hint=f"Use --vars '{name}: value', or give a default.")
        return found

    def env_var(name: str, default: str | None = None) -> str:
        found = settings.env.get(name, default)
        if found is None:
            raise ParseError(f"the environment variable {name} is not set", hint=f"Set {name}, or give a default.")
        return found

    return Names(ref=ref, source=source, var=var, env_var=env_var)
