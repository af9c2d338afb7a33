"""What a change of config, of how rows are written, or of a description means; queries have cases of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from penstock.assets.asset import Asset, Column, IngestSpec, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.parser.changed_query import ChangedColumn, ChangedQuery
from penstock.plan.change_rules import Pair, added, expressions, findings, removed, touched, verdict
from penstock.plan.difference import Category

MODEL = Asset(
    "model.p.m", Kind.MODEL, "m", relation=RelationName("db", "main", "m"), materialized="table", fingerprint="1", config_version="c",
    config={"materialized": "table", "meta": {"team": "sales"}},
)  # fmt: skip
INGEST = Asset(
    "ingest.raw.o",
    Kind.INGEST,
    "o",
    relation=RelationName("db", "raw", "o"),
    materialized="replace",
    fingerprint="1",
    ingest=IngestSpec("ingest/raw/o.sql", "select 1"),
)
SEED = Asset("seed.p.s", Kind.SEED, "s", relation=RelationName("db", "main", "s"), fingerprint="1")
SOURCE = Asset("source.p.r.s", Kind.SOURCE, "s", relation=RelationName("db", "raw", "s"), fingerprint="1", source=SourceSpec("r"))
OTHER = ChangedQuery(columns=(ChangedColumn("a", "added", "", "b"),))


def configured(asset: Asset, **config: object) -> Asset:
    return replace(asset, fingerprint="2", config={**asset.config, **config})


def judged(before: Asset, after: Asset, **more: object) -> tuple[str, str]:
    return tuple(verdict(findings(Pair(before, after, **more))))


EDITS = [
    ("a description", MODEL, replace(MODEL, description="All orders"), ("non_breaking", "description")),
    ("a column's description", MODEL, replace(MODEL, columns=(Column("a", "", "x"),)), ("non_breaking", "description; documented columns")),
    ("tags", MODEL, replace(MODEL, tags=("daily",)), ("non_breaking", "tags")),
    ("an owner", MODEL, replace(MODEL, owner="Sales"), ("non_breaking", "owner")),
    ("meta", MODEL, configured(MODEL, meta={"team": "finance"}), ("non_breaking", "meta")),
    ("persisted docs", MODEL, configured(MODEL, persist_docs={"relation": True}), ("non_breaking", "config persist_docs")),
    ("a contract", MODEL, configured(MODEL, contract={"enforced": True}), ("non_breaking", "contract")),
    ("a contract not enforced", MODEL, configured(MODEL, contract={"enforced": False}), ("cosmetic", "comments, layout or aliases")),
    ("nothing but the text", MODEL, replace(MODEL, fingerprint="2"), ("cosmetic", "comments, layout or aliases")),
    ("a view", MODEL, replace(MODEL, materialized="view"), ("non_breaking", "materialized view, was table")),
    ("ephemeral", MODEL, replace(MODEL, materialized="ephemeral", relation=None), ("breaking", "materialized ephemeral, was table: its relation goes")),
    ("no longer ephemeral", replace(MODEL, materialized="ephemeral"), MODEL, ("non_breaking", "materialized table, was ephemeral")),
    ("another schema", MODEL, replace(MODEL, relation=RelationName("db", "marts", "m")), ("breaking", "main.m is now called marts.m")),
    ("a hook", MODEL, replace(configured(MODEL, **{"post-hook": [{"sql": "analyze"}]}), config_version=""), ("unknown", "config post-hook; its query is not all that makes it: hooks, or macros in place of dbt's own")),
    ("a config nobody knows", MODEL, configured(MODEL, sql_header="set x = 1"), ("unknown", "config sql_header")),
    ("partitions", MODEL, configured(MODEL, meta={"team": "sales", "penstock": {"partitions": {"day": {}}}}), ("unknown", "meta.penstock.partitions")),
    ("a policy", MODEL, configured(MODEL, meta={"team": "sales", "penstock": {"retries": 3}}), ("cosmetic", "comments, layout or aliases")),
    ("a mask", MODEL, configured(MODEL, meta={"team": "sales", "penstock": {"mask": ["a"]}}), ("non_breaking", "meta.penstock.mask")),
    ("a Python model", replace(MODEL, language="python"), replace(MODEL, language="python", fingerprint="2"), ("unknown", "a python model cannot be read")),
    ("SQL instead of Python", replace(MODEL, language="python"), replace(MODEL, fingerprint="2"), ("unknown", "it is something else now")),
    ("a seed's file", SEED, replace(SEED, fingerprint="2"), ("breaking", "other rows in the file")),
    ("a seed's types", SEED, configured(SEED, column_types={"a": "varchar"}), ("breaking", "other rows in the file; config column_types")),
    ("a source's place", SOURCE, replace(SOURCE, relation=RelationName("db", "raw", "t")), ("breaking", "raw.s is now called raw.t")),
    ("a source's freshness", SOURCE, replace(SOURCE, source=SourceSpec("r", freshness={"warn_after": {}})), ("non_breaking", "freshness")),
    ("a source that a file loads now", SOURCE, replace(SOURCE, ingest=INGEST.ingest), ("unknown", "an ingestion file loads it now")),
    ("how a file writes", INGEST, replace(INGEST, ingest=replace(INGEST.ingest, write="append")), ("unknown", "`write` of the ingestion file")),
    ("what a file watches", INGEST, replace(INGEST, ingest=replace(INGEST.ingest, watch=("*.csv",))), ("non_breaking", "how it is loaded")),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), [pytest.param(*edit[1:], id=edit[0]) for edit in EDITS])
def test_an_edit_that_is_no_query_has_its_category(before: Asset, after: Asset, expected: tuple[str, str]) -> None:
    assert judged(before, after) == expected


def test_a_table_with_hooks_is_not_only_its_query() -> None:
    hooked = replace(MODEL, config_version="")
    assert judged(hooked, replace(hooked, fingerprint="2"))[0] == "unknown"
    ephemeral = replace(hooked, materialized="ephemeral")
    assert judged(ephemeral, replace(ephemeral, fingerprint="2"))[0] == "cosmetic"


def test_config_that_nothing_else_tells_of_is_unknown_and_another_contract_is_not() -> None:
    other = replace(MODEL, fingerprint="2", config_version="d")
    assert judged(MODEL, other) == ("unknown", "config")
    assert judged(MODEL, other, contract_differs=True) == ("non_breaking", "contract")
    assert judged(MODEL, other, moved_place=True)[0] == "cosmetic"


def test_where_a_relation_stands_does_not_count_between_targets() -> None:
    assert judged(MODEL, replace(MODEL, relation=RelationName("db", "dev", "m")), moved_place=True)[0] == "cosmetic"


@pytest.mark.parametrize(
    ("asset", "category"),
    [
        (MODEL, "additive"),
        (replace(MODEL, materialized="incremental", config_version=""), "unknown"),
        (replace(MODEL, materialized="incremental", config_version="", config={"on_code_change": "full_refresh"}), "additive"),
        (replace(MODEL, materialized="incremental"), "additive"),
        (replace(MODEL, kind=Kind.SNAPSHOT, materialized="snapshot", config_version=""), "unknown"),
        (replace(INGEST, ingest=replace(INGEST.ingest, write="append")), "unknown"),
        (INGEST, "additive"),
    ],
    ids=["table", "incremental by hand", "incremental that starts again", "incremental by partitions", "snapshot", "append", "replace"],
)
def test_rows_that_stand_make_a_change_of_code_unknown(asset: Asset, category: str) -> None:
    assert judged(asset, replace(asset, fingerprint="2"), query=OTHER)[0] == category


def test_a_comment_in_an_incremental_model_is_not_believed() -> None:
    asset = replace(MODEL, materialized="incremental", config_version="")
    assert judged(asset, replace(asset, fingerprint="2")) == ("unknown", "incremental: rows that stand were made by the old code")


def test_a_query_that_could_not_be_read_is_unknown() -> None:
    assert judged(MODEL, replace(MODEL, fingerprint="2"), unread="its query cannot be read") == ("unknown", "its query cannot be read")


def test_a_broken_contract_is_breaking_whatever_else_changed() -> None:
    assert judged(MODEL, replace(MODEL, tags=("x",)), contract_breaks=("column a was removed",)) == (
        "breaking",
        "column a was removed; tags",
    )


@pytest.mark.parametrize("kind", [Kind.TEST, Kind.UNIT_TEST, Kind.CHECK])
def test_checks_break_nothing(kind: Kind) -> None:
    check = Asset("test.p.t", kind, "t", fingerprint="1")
    assert {added(check).category, removed(check).category} == {Category.NON_BREAKING}
    assert judged(check, replace(check, fingerprint="2"))[0] == "non_breaking"


@pytest.mark.parametrize(
    ("kind", "new", "gone"),
    [
        (Kind.MODEL, "additive", "breaking"),
        (Kind.SOURCE, "additive", "breaking"),
        (Kind.EXPOSURE, "additive", "non_breaking"),
        (Kind.METRIC, "additive", "breaking"),
        (Kind.OPERATION, "unknown", "unknown"),
    ],
)
def test_what_comes_and_goes_has_its_category(kind: Kind, new: str, gone: str) -> None:
    asset = Asset("x.p.x", kind, "x")
    assert (added(asset).category, removed(asset).category) == (new, gone)


def test_only_columns_that_changed_are_touched_and_all_where_rows_or_more_did() -> None:
    columns = ChangedQuery(columns=(ChangedColumn("a", "redefined", "x", "y"), ChangedColumn("b", "added", "", "z")))
    for query, expected in (
        (columns, frozenset({"a"})),
        (OTHER, frozenset()),
        (replace(columns, other_rows=True, kinds=("where",)), None),
        (ChangedQuery(columns=(ChangedColumn("*", "unknown"),)), None),
    ):
        pair = Pair(MODEL, replace(MODEL, fingerprint="2"), query)
        assert touched(pair, findings(pair)) == expected
    hooked = Pair(MODEL, configured(MODEL, sql_header="x"), columns)
    assert touched(hooked, findings(hooked)) is None


def test_expressions_are_told_once_and_those_of_rows_first() -> None:
    query = ChangedQuery(
        True, (ChangedColumn("a", "redefined", "x", "y"), ChangedColumn("b", "redefined", "x", "y")), (("where p", ""),), ("where",)
    )
    assert expressions(query) == (("where p", ""), ("x", "y"))
    assert expressions(None) == ()
