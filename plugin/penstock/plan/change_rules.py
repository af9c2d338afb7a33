"""What one asset's change means: findings, each with a category and a reason, of which the worst counts. docs/diff.md has the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from penstock.assets.asset import Asset, Kind
from penstock.assets.freshness import POLICY_KEYS
from penstock.parser.changed_query import ChangedQuery
from penstock.plan.difference import Category, ColumnChange
from penstock.plan.reach import NOTHING, Touched

_HARMLESS_CONFIG = POLICY_KEYS | frozenset(
    "docs meta tags group access enabled packages persist_docs grants begin lookback concurrent_batches batch on_code_change retries"
    " timeout pool full_refresh severity warn_if error_if store_failures store_failures_as limit fail_calc where snapshot_meta_column_names"
    " contract alias schema database materialized".split()
)
"""Config keys that change no row by themselves; those of the last line have rules of their own."""

_SAME_ROWS = frozenset({"view", "table"})
_WRITE_RULES = ("write", "key", "cursor", "partitions", "attach", "error")
_CLAUSES = {
    "where": "filter", "having": "filter", "qualify": "filter", "join": "join", "from": "source", "group": "grouping",
    "distinct": "DISTINCT", "limit": "LIMIT", "union": "set operation", "unnest": "unnesting", "query": "query",
}  # fmt: skip

_GONE = {Kind.TEST: "the test is gone", Kind.UNIT_TEST: "the unit test is gone", Kind.CHECK: "the check is gone"}


class Finding(NamedTuple):
    """One thing that changed."""

    category: Category
    reason: str


@dataclass(frozen=True, slots=True)
class Pair:
    """An asset on both sides. `query` is None where its queries are canonically the same.

    `unread`: why queries that may differ could not be compared. `moved_place`: the sides are two targets, so that where a
    relation stands does not count. `defined_otherwise`: dbt's own comparison finds that it was modified; `contract_differs`: that an
    enforced contract is another one.
    """

    before: Asset
    after: Asset
    query: ChangedQuery | None = None
    unread: str = ""
    moved_place: bool = False
    defined_otherwise: bool = False
    contract_breaks: tuple[str, ...] = ()
    contract_differs: bool = False

    @property
    def code_differs(self) -> bool:
        """Whether anything differs that goes into the raw code version."""
        return self.before.fingerprint != self.after.fingerprint and (not self.moved_place or self.defined_otherwise)


def verdict(findings: list[Finding]) -> Finding:
    """Return the worst category and all reasons, the worst first; nothing found is a change of comments or layout."""
    if not findings:
        return Finding(Category.COSMETIC, "comments, layout or aliases")
    ranked = sorted(dict.fromkeys(findings), key=lambda one: one.category.rank)
    return Finding(ranked[0].category, "; ".join(dict.fromkeys(one.reason for one in ranked)))


def added(asset: Asset) -> Finding:
    """Say what a new asset means: nothing that reads anything else can notice."""
    if asset.is_test or asset.kind is Kind.CHECK:
        return Finding(Category.NON_BREAKING, f"new {asset.kind.value.replace('_', ' ')}")
    if asset.kind is Kind.OPERATION:
        return Finding(Category.UNKNOWN, "a hook that runs before or after everything")
    return Finding(Category.ADDITIVE, f"new {asset.kind.value.replace('_', ' ')}")


def removed(asset: Asset) -> Finding:
    """Say what the end of an asset means."""
    if asset.kind in _GONE:
        return Finding(Category.NON_BREAKING, _GONE[asset.kind])
    if asset.kind in (Kind.EXPOSURE, Kind.ANALYSIS):
        return Finding(Category.NON_BREAKING, f"the {asset.kind.value} is gone")
    if asset.kind is Kind.OPERATION:
        return Finding(Category.UNKNOWN, "a hook that ran before or after everything is gone")
    return Finding(Category.BREAKING, f"the {asset.kind.value.replace('_', ' ')} is gone")


def findings(pair: Pair) -> list[Finding]:
    """Return all that changed of an asset, which is more than nothing or its comments."""
    kind = pair.after.kind
    found = [Finding(Category.BREAKING, text) for text in pair.contract_breaks]
    found += _described(pair)
    if pair.before.kind is not kind or pair.before.language != pair.after.language:
        found.append(Finding(Category.UNKNOWN, "it is something else now"))
    if pair.after.is_test or kind is Kind.CHECK:
        return [*found, *([Finding(Category.NON_BREAKING, f"the {kind.value.replace('_', ' ')} differs")] if pair.code_differs else [])]
    if kind is Kind.EXPOSURE or kind is Kind.ANALYSIS:
        return [*found, *([Finding(Category.NON_BREAKING, f"the {kind.value} differs")] if pair.defined_otherwise else [])]
    if kind is Kind.SEED:
        return [
            *found,
            *_place(pair),
            *_config(pair),
            *([Finding(Category.BREAKING, "other rows in the file")] if pair.code_differs else []),
        ]
    if pair.after.is_plain_source:
        return [*found, *_place(pair)]
    if kind in (Kind.MODEL, Kind.SNAPSHOT) or pair.after.ingest is not None:
        settings = [*_place(pair), *_materialized(pair), *_config(pair), *_ingest(pair)]
        return [*found, *(settings or _rest_of_config(pair)), *_code(pair)]
    return [
        *found,
        *([Finding(Category.UNKNOWN, f"the {kind.value} is defined otherwise")] if pair.defined_otherwise or pair.code_differs else []),
    ]


def _described(pair: Pair) -> Iterator[Finding]:
    before, after = pair.before, pair.after
    if before.description != after.description or _descriptions(before) != _descriptions(after):
        yield Finding(Category.NON_BREAKING, "description")
    for name in ("tags", "owner", "group", "access"):
        if getattr(before, name) != getattr(after, name):
            yield Finding(Category.NON_BREAKING, name)
    if _other_meta(before) != _other_meta(after):
        yield Finding(Category.NON_BREAKING, "meta")
    if [(one.name, one.data_type) for one in before.columns] != [(one.name, one.data_type) for one in after.columns]:
        yield Finding(Category.NON_BREAKING, "documented columns")
    freshness = [one.source.freshness if one.source is not None else {} for one in (before, after)]
    if freshness[0] != freshness[1]:
        yield Finding(Category.NON_BREAKING, "freshness")


def _descriptions(asset: Asset) -> dict[str, str]:
    return {one.name: one.description for one in asset.columns if one.description}


def _other_meta(asset: Asset) -> dict[str, Any]:
    meta = asset.config.get("meta")
    return {name: value for name, value in meta.items() if name != "penstock"} if isinstance(meta, Mapping) else {}


def _place(pair: Pair) -> Iterator[Finding]:
    before, after = pair.before.relation, pair.after.relation
    if before is not None and after is not None and not pair.moved_place and before.normalised() != after.normalised():
        yield Finding(Category.BREAKING, f"{before} is now called {after}")


def _materialized(pair: Pair) -> Iterator[Finding]:
    before, after = pair.before.materialized, pair.after.materialized
    if before == after or pair.after.ingest is not None:
        return
    told = f"materialized {after}, was {before}"
    if after == "ephemeral":
        yield Finding(Category.BREAKING, f"{told}: its relation goes")
    else:
        yield Finding(Category.NON_BREAKING if {before, after} <= _SAME_ROWS | {"ephemeral"} else Category.UNKNOWN, told)


def _config(pair: Pair) -> Iterator[Finding]:
    before, after = pair.before.config, pair.after.config
    for key in sorted(before.keys() | after.keys()):
        if (before.get(key) or None) == (after.get(key) or None):
            continue
        if key not in _HARMLESS_CONFIG:
            yield Finding(Category.UNKNOWN, f"config {key}")
        elif key not in ("meta", "tags", "group", "access", "alias", "schema", "database", "materialized", "contract"):
            yield Finding(Category.NON_BREAKING, f"config {key}")
    if not pair.contract_breaks and (pair.contract_differs or _contract(pair.before) != _contract(pair.after)):
        yield Finding(Category.NON_BREAKING, "contract")
    own = [{key: value for key, value in one.penstock.items() if key not in _HARMLESS_CONFIG} for one in (pair.before, pair.after)]
    for key in sorted(own[0].keys() | own[1].keys()):
        if own[0].get(key) != own[1].get(key):
            yield Finding(Category.UNKNOWN if key in ("partitions", "inputs") else Category.NON_BREAKING, f"meta.penstock.{key}")


def _rest_of_config(pair: Pair) -> Iterator[Finding]:
    """What goes into the code version beside the query, and was not recognised as anything else."""
    before, after = pair.before.config_version, pair.after.config_version
    if not (pair.moved_place or pair.contract_breaks) and before and after and before != after:
        yield Finding(Category.UNKNOWN, "config")


def _contract(asset: Asset) -> bool:
    contract = asset.config.get("contract")
    return bool(contract.get("enforced")) if isinstance(contract, Mapping) else False


def _ingest(pair: Pair) -> Iterator[Finding]:
    before, after = pair.before.ingest, pair.after.ingest
    if before is None and after is None:
        return
    if before is None or after is None:
        yield Finding(Category.UNKNOWN, "an ingestion file loads it now" if after is not None else "no ingestion file loads it any more")
        return
    for name in _WRITE_RULES:
        if getattr(before, name) != getattr(after, name):
            yield Finding(Category.UNKNOWN, f"`{name}` of the ingestion file")
    others = ("watch", "extensions", "batch", "schema_change", "required", "retries", "timeout", "pool")
    if any(getattr(before, name) != getattr(after, name) for name in others):
        yield Finding(Category.NON_BREAKING, "how it is loaded")


def _code(pair: Pair) -> Iterator[Finding]:
    after = pair.after
    if pair.query is not None:
        yield from _query(pair.query)
    if after.language != "sql" and pair.code_differs:
        yield Finding(Category.UNKNOWN, f"a {after.language} model cannot be read")
    elif pair.unread:
        yield Finding(Category.UNKNOWN, pair.unread)
    elif _keeps_rows(after) and (pair.query is not None or (pair.code_differs and not after.config_version)):
        yield Finding(Category.UNKNOWN, f"{after.materialized or after.kind.value}: rows that stand were made by the old code")
    elif pair.code_differs and not _is_its_query(after):
        yield Finding(Category.UNKNOWN, "its query is not all that makes it: hooks, or macros in place of dbt's own")


def _is_its_query(asset: Asset) -> bool:
    """Whether query and config are all that makes it; no hook, and nothing of the project's own in place of dbt's macros."""
    starts_again = asset.on_code_change == "full_refresh" and not (asset.config.get("pre-hook") or asset.config.get("post-hook"))
    return bool(asset.config_version) or asset.ingest is not None or asset.ephemeral or starts_again


def _keeps_rows(asset: Asset) -> bool:
    """Whether what an earlier build wrote stays when the code changes."""
    if asset.ingest is not None:
        return asset.ingest.write != "replace" and not asset.ingest.partitions
    if asset.kind is Kind.SNAPSHOT:
        return True
    plain = asset.materialized in _SAME_ROWS or asset.ephemeral
    return not plain and not (asset.materialized == "incremental" and (asset.config_version or asset.on_code_change == "full_refresh"))


def _query(query: ChangedQuery) -> Iterator[Finding]:
    """Say what an edit of a query means; where parts could only be compared as they are written, what differs is not known."""
    unsure = bool(query.doubts) and set(query.kinds) <= {"query"}
    worst = Category.UNKNOWN if unsure else Category.BREAKING
    for one in query.columns:
        if one.change == "removed":
            yield Finding(Category.BREAKING, f"column {one.name} is gone")
        elif one.change == "added":
            yield Finding(Category.ADDITIVE, f"new column {one.name}")
        elif one.change == "unknown":
            yield Finding(Category.UNKNOWN, "columns that are not known may differ")
        else:
            yield Finding(
                worst, f"column {one.name} is {one.change}" + (f": {one.before} to {one.after}" if one.change == "retyped" else "")
            )
    if query.other_rows:
        told = ", ".join(dict.fromkeys(_CLAUSES[kind] for kind in query.kinds)) or "parts of the query stand elsewhere"
        yield Finding(worst, f"{query.doubts[0] if unsure else 'rows may differ'}: {told}")
    if query.moved:
        yield Finding(Category.NON_BREAKING, "columns stand in another order")
    if query.ordered and not query.other_rows:
        yield Finding(Category.NON_BREAKING, "rows come in another order")
    if not (query.columns or query.other_rows or query.moved or query.ordered):
        yield Finding(Category.NON_BREAKING, "written otherwise, with the same rows and columns")


def touched(pair: Pair, found: list[Finding]) -> Touched:
    """Return the columns whose values may be others, None for all; a change of rows is one of all columns."""
    bad = [one for one in found if one.category.at_least(Category.UNKNOWN)]
    if not bad:
        return NOTHING
    query = pair.query
    if query is None or query.other_rows or any(one.change == "unknown" for one in query.columns) or set(bad) - set(_query(query)):
        return None
    return frozenset(one.name for one in query.columns if one.change != "added")


def column_changes(query: ChangedQuery | None) -> tuple[ColumnChange, ...]:
    """Return the columns that changed."""
    return tuple(ColumnChange(one.name, one.change, one.before, one.after) for one in query.columns) if query is not None else ()


def expressions(query: ChangedQuery | None) -> tuple[tuple[str, str], ...]:
    """Return the texts that differ, before and after: those that decide the rows first."""
    if query is None:
        return ()
    columns = ((one.before, one.after) for one in query.columns if one.change in ("redefined", "unknown"))
    return tuple(dict.fromkeys(pair for pair in (*query.rows, *columns) if pair[0] != pair[1]))
