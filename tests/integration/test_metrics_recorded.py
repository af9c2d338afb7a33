"""What builds measure of a real project, how much of it each asset wants, and what became of the columns of its relations."""

from __future__ import annotations

from workspace import Workspace

COUNTED = """
    select asset, "column", nulls, smallest, distinct_count is not null from penstock.column_metric_history
    where asset in ('model.small.doubled', 'model.small.coloured', 'ingest.raw.numbers', 'seed.small.colours', 'source.small.raw.numbers')
    qualify row_number() over (partition by asset, "column" order by run_id desc) = 1 order by asset, "column"
"""
LATEST = """
    select "column", data_type, change, before from penstock.column_history where asset = 'model.small.coloured' order by run_id, "column"
"""


def test_each_asset_is_measured_as_much_as_it_wants(small: Workspace) -> None:
    counted = small.query(COUNTED)
    assert {(row[0], row[2]) for row in counted if row[1] in ("colour", "twice", "name")} == {
        ("model.small.coloured", 1), ("model.small.doubled", 0), ("model.small.coloured", 0), ("seed.small.colours", 0),
        ("source.small.raw.numbers", 0),
    }  # fmt: skip
    assert {row[3] for row in counted} == {None}
    small.write({
        "penstock.yml": "metrics: full\n",
        "models/doubled.sql": "{{ config(materialized='table', meta={'penstock': {'mask': ['twice']}}) }}\n"
        "select n, n * 2 as twice, 'x' as more from {{ ref('stg_numbers') }}\n",
        "models/coloured.sql": "{{ config(materialized='table', meta={'penstock': {'metrics': 'off'}}) }}\n"
        "select n, 'x' as colour from {{ ref('doubled') }}\n",
    })  # fmt: skip
    small.penstock("build").expect(0)
    assert small.query(f"select * from ({COUNTED}) where asset = 'model.small.doubled'") == [
        ("model.small.doubled", "more", 0, "x", True), ("model.small.doubled", "n", 0, "1", True),
        ("model.small.doubled", "twice", 0, None, True),
    ]  # fmt: skip
    coloured = "where asset = 'model.small.coloured' and run_id = (select max(run_id) from penstock.run)"
    assert small.query(f"select nulls from penstock.materialization {coloured}") == [(None,)]


def test_levels_that_do_not_exist_are_told_before_anything_is_built(small: Workspace) -> None:
    for name in ("doubled", "coloured"):
        small.write(
            {f"models/{name}.sql": "{{ config(materialized='table', meta={'penstock': {'metrics': 'ful'}}) }}\nselect 1 as n, 2 as twice\n"}
        )
    said = small.penstock("build").expect(2).text
    assert said.count("`metrics: ful` is no level of metrics") == 2
    assert "Did you mean `full`?" in said


def test_columns_are_recorded_when_they_change_and_only_then(small: Workspace) -> None:
    added = [("colour", "VARCHAR", "added", None), ("n", "INTEGER", "added", None), ("twice", "INTEGER", "added", None)]
    assert small.query(LATEST) == added
    assert small.query("select count(distinct asset) from penstock.relation_column") == [(5,)]
    before = small.query("select count(*) from penstock.relation_column")
    small.penstock("build", "--force").expect(0)
    assert small.query("select count(*) from penstock.relation_column") == before
    small.write(
        {"models/coloured.sql": "{{ config(materialized='table') }}\nselect n::bigint as n, twice, 'x' as more from {{ ref('doubled') }}\n"}
    )
    small.penstock("build").expect(0)
    assert small.query(LATEST) == [
        *added,
        ("colour", "VARCHAR", "removed", "VARCHAR"),
        ("more", "VARCHAR", "added", None),
        ("n", "BIGINT", "retyped", "INTEGER"),
    ]
