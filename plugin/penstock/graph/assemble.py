"""From a manifest and ingestion files to one graph: merging, producers, and every problem reported together."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from penstock.assets.asset import Asset, EdgeKind, IngestSpec, Kind
from penstock.assets.code_version import rows_by
from penstock.assets.fingerprint import fingerprint
from penstock.assets.names import AssetKey, RelationName
from penstock.errors import GraphError, Location, PenstockError, raise_all, with_remedies
from penstock.graph.asset_graph import AssetGraph, Edge
from penstock.parser.ingest import NOT_ITS_CODE, IngestFile, problems_of
from penstock.parser.manifest import ParsedManifest

INGEST_PREFIX = "ingest"


def assemble(manifest: ParsedManifest, ingests: Sequence[IngestFile], database: str) -> AssetGraph:
    """Build the graph; `database` is the target's own, for relations that name none.

    Raises Problems holding every duplicate, second writer, missing reference and cycle, each with file and line.
    """
    problems: list[PenstockError] = []
    assets = {asset.key: asset for asset in manifest.assets}
    edges: list[Edge] = list(manifest.edges)
    for parent, child in manifest.missing:
        problems.append(GraphError(f"{child} reads {parent}, which is not there", at=Location(assets[child].path)))
    linked = _link_sources(ingests, assets, database, problems)
    for file in ingests:
        key = linked.get(file.path) or f"{INGEST_PREFIX}.{file.schema}.{file.table}"
        if key in assets and assets[key].ingest is not None:
            problems.append(GraphError(f"{_place(assets[key])} writes {file.schema}.{file.table} too", at=file.at("relation")))
            continue
        assets[key] = _merge(key, file, assets.get(key), database, manifest.session)
        edges += _declared_edges(key, file, assets, problems)
    edges += _producers(assets, database, problems)
    known_edges = [edge for edge in edges if edge[0] in assets and edge[1] in assets]
    try:
        graph = AssetGraph(assets.values(), known_edges)
    except GraphError as error:
        problems.append(error)
    if problems:
        raise_all([*problems, *(problem for file in ingests for problem in problems_of(file))])
    return graph


def _link_sources(
    ingests: Iterable[IngestFile], assets: Mapping[AssetKey, Asset], database: str, problems: list[PenstockError]
) -> dict[str, AssetKey]:
    """Find the dbt source each file loads: by header, then by the source's own meta, then by equal relation."""
    sources = [asset for asset in assets.values() if asset.source is not None and not asset.source.external_location]
    by_name = {f"{asset.source.source_name}.{asset.name}": asset.key for asset in sources if asset.source}
    by_meta = {str(path): asset.key for asset in sources if (path := _declared_ingest(asset))}
    by_relation: dict[tuple[str, str, str], list[AssetKey]] = defaultdict(list)
    for asset in sources:
        if asset.relation:
            by_relation[asset.relation.normalised(database)].append(asset.key)
    links: dict[str, AssetKey] = {}
    for file in ingests:
        if file.header.source:
            if file.header.source not in by_name:
                problems.append(GraphError(f"there is no dbt source `{file.header.source}`", at=file.at("source")))
                continue
            links[file.path] = by_name[file.header.source]
        elif file.path in by_meta:
            links[file.path] = by_meta[file.path]
        else:
            found = by_relation.get(RelationName(database, file.schema, file.table).normalised(), [])
            if len(found) > 1:
                names = ", ".join(found)
                problems.append(
                    GraphError(f"several dbt sources have this relation: {names}", at=file.at(), hint="Say `source:` in the header.")
                )
            elif found:
                links[file.path] = found[0]
    return links


def _declared_ingest(source: Asset) -> str | None:
    """Return the path that a source's own `meta.penstock.ingest` names."""
    found = ((source.config.get("meta") or {}).get("penstock") or {}).get("ingest")
    return str(found) if found else None


def _merge(key: AssetKey, file: IngestFile, source: Asset | None, database: str, session: str) -> Asset:
    """Make the asset of an ingestion file; a dbt source it loads keeps its unique_id, columns, tests and freshness."""
    header = file.header
    base = source or Asset(
        key=key,
        kind=Kind.INGEST,
        name=file.table,
        fqn=(INGEST_PREFIX, file.schema, file.table),
        relation=RelationName(database, file.schema, file.table),
    )
    spec = IngestSpec(
        path=file.path,
        sql=file.sql,
        write=header.write,
        watch=tuple([header.watch] if isinstance(header.watch, str) else header.watch),
        attach=tuple(header.attach),
        extensions=tuple(header.extensions),
        error=with_remedies(problems_of(file)),
        first_line=file.first_line,
        partitions=header.partitions,
        key=tuple(header.key),
        cursor=header.cursor.model_dump(mode="json") if header.cursor else {},
        batch=header.batch,
        schema_change=header.schema_change,
        required=header.required,
        retries=header.retries,
        timeout=header.timeout,
        pool=header.pool,
    )
    header_values = header.model_dump(mode="json", exclude=set(NOT_ITS_CODE)) | {"partitions": rows_by(header.partitions)}
    written = {"header": header_values, "relation": str(base.relation), "error": spec.error, "session": session}
    return dataclasses.replace(
        base,
        path=base.path or file.path,
        ingest=spec,
        materialized=spec.write,
        tags=tuple(dict.fromkeys((*base.tags, *header.tags))),
        owner=base.owner or header.owner,
        group=base.group or header.group,
        description=base.description or header.description,
        config={**base.config, "meta": {**(base.config.get("meta") or {}), **header.meta}} if header.meta else base.config,
        obstacles=(),
        fingerprint=fingerprint({"sql": file.sql, **written}),
        config_version=fingerprint(written),
    )


def _declared_edges(key: AssetKey, file: IngestFile, assets: Mapping[AssetKey, Asset], problems: list[PenstockError]) -> list[Edge]:
    by_ref = {asset.name: asset.key for asset in assets.values() if asset.kind in (Kind.MODEL, Kind.SEED, Kind.SNAPSHOT)}
    by_source = {(asset.source.source_name, asset.name): asset.key for asset in assets.values() if asset.source}
    edges: list[Edge] = []
    for ref in file.refs:
        if ref[-1] in by_ref:
            edges.append((by_ref[ref[-1]], key, EdgeKind.DATA))
        else:
            problems.append(GraphError(f"there is no model `{ref[-1]}`", at=Location(file.path, file.first_line)))
    for source in file.sources:
        if source in by_source:
            edges.append((by_source[source], key, EdgeKind.DATA))
        else:
            problems.append(GraphError(f"there is no source `{'.'.join(source)}`", at=Location(file.path, file.first_line)))
    return edges


def _producers(assets: dict[AssetKey, Asset], database: str, problems: list[PenstockError]) -> list[Edge]:
    """Connect every source to the seed, snapshot, model or ingest that writes its relation; refuse two writers."""
    writers: dict[tuple[str, str, str], Asset] = {}
    for asset in assets.values():
        if not asset.builds_relation or asset.relation is None or asset.kind is Kind.FUNCTION:
            continue
        name = asset.relation.normalised(database)
        if name in writers:
            other = writers[name]
            problems.append(
                GraphError(
                    f"{asset.key} and {other.key} ({_place(other)}) both write {asset.relation}",
                    at=Location(_place(asset), 1),
                    hint="Give one of them another schema or alias.",
                )
            )
        writers[name] = asset
    edges: list[Edge] = []
    for asset in assets.values():
        if asset.is_plain_source and asset.relation is not None:
            writer = writers.get(asset.relation.normalised(database))
            if writer is not None:
                edges.append((writer.key, asset.key, EdgeKind.PRODUCER))
    return edges


def _place(asset: Asset) -> str:
    return asset.ingest.path if asset.ingest else asset.path
