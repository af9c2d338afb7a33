"""Builds record column lineage: of every kind of node, of what changed alone, and whatever else fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_project import PLACE
from workspace import Workspace

EVERY_KIND = {
    **PLACE,
    "data/orders.csv": "id,amount,state,day\n1,10,new,2024-01-01\n2,20,old,2024-01-02\n",
    "ingest/raw/orders.sql": "-- ---\n-- watch: 'data/orders.csv'\n-- ---\nselect * from read_csv('data/orders.csv')\n",
    "seeds/rates.csv": "state,rate\nnew,2\nold,3\n",
    "macros/functions.sql": """\
{% macro duckdb__scalar_function_create_replace_signature_sql(target_relation) %}
  create or replace macro {{ target_relation.render() }} (x) as
{% endmacro %}
{% macro duckdb__scalar_function_body_sql() %} ({{ model.compiled_code }}) {% endmacro %}
""",
    "functions/half_of.sql": "x / 2",
    "functions/functions.yml": "functions:\n  - name: half_of\n    arguments: [{name: x, data_type: double}]\n    returns: {data_type: double}\n",
    "models/sources.yml": "version: 2\nsources: [{name: raw, schema: raw, tables: [{name: orders}]}]\n",
    "models/passing.sql": "{{ config(materialized='ephemeral') }}\nselect id, amount as price, state, day from {{ source('raw', 'orders') }}",
    "models/priced.sql": "select p.id, p.price * r.rate as total, p.day from {{ ref('passing') }} as p join {{ ref('rates') }} as r using (state)",
    "models/grown.sql": """\
{{ config(materialized='incremental', incremental_strategy='append') }}
select id, {{ function('half_of') }}(total) as half, day from {{ ref('priced') }}
{% if is_incremental() %} where day > (select max(day) from {{ this }}) {% endif %}
""",
    "models/from_python.py": (
        "def model(dbt, session):\n    dbt.config(materialized='table')\n    return dbt.ref('priced').project('id, total as cost')\n"
    ),
    "models/broken.sql": "{{ config(materialized='table') }}\nselect id, total / nothing as x from {{ ref('priced') }}",
    "models/everything.sql": "select * from {{ ref('priced') }}",
    "models/daily.sql": "{{ config(materialized='table') }}\nselect day, sum(half) as sold from {{ ref('grown') }} group by day",
    "models/models.yml": """\
version: 2
models:
  - name: daily
    columns: [{name: sold, data_tests: [not_null]}]
exposures:
  - {name: board, type: dashboard, owner: {name: Ann}, depends_on: [ref('daily'), ref('from_python')]}
""",
    "snapshots/kept.sql": """\
{% snapshot kept %}
{{ config(target_schema='main', unique_key='id', strategy='timestamp', updated_at='day') }}
select id, amount, day from {{ source('raw', 'orders') }}
{% endsnapshot %}
""",
}
EDGES = "select from_asset, from_column, to_column, kind from penstock.column_lineage where to_asset like '%.' || ? order by all"


def edges(project: Workspace, name: str) -> set[str]:
    rows = project.query(EDGES, [name])
    names = {row[0]: row[0] if row[0].startswith("file:") else row[0].split(".", 2)[-1] for row in rows}
    return {f"{names[row[0]]}.{row[1]} {row[3]} {row[2]}".strip() for row in rows}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("lineage") / "project"
    place = Workspace(folder, folder / "warehouse.duckdb")
    place.write(EVERY_KIND)
    done = place.penstock("build").expect(1)
    assert "lineage was not recorded" not in done.text
    return place


def test_every_kind_of_node_has_its_lineage(built: Workspace) -> None:
    assert edges(built, "raw.orders") == {
        f"file:data/orders.csv.{column} passthrough {column}" for column in ("id", "amount", "state", "day")
    }  # fmt: skip
    assert edges(built, "priced") == {
        "raw.orders.id passthrough id", "raw.orders.day passthrough day", "raw.orders.amount derived total", "rates.rate derived total",
        "raw.orders.state join", "rates.state join",
    }, "the ephemeral model is looked through"  # fmt: skip
    assert edges(built, "grown") == {
        "priced.id passthrough id",
        "priced.total derived half",
        "priced.day passthrough day",
        "priced.day filter",
        "grown.day filter",
    }
    assert {"raw.orders.id passthrough id", "raw.orders.day renamed dbt_valid_from", "raw.orders.id window dbt_valid_to"} <= edges(
        built, "kept"
    )
    assert edges(built, "daily") == {"grown.day passthrough day", "grown.day group", "grown.half aggregated sold"}
    assert edges(built, "from_python") == {"priced.* unknown *", "priced.* unknown"}
    assert edges(built, "board") == {
        "daily.day passthrough day", "daily.sold passthrough sold", "from_python.id passthrough id", "from_python.cost passthrough cost",
    }  # fmt: skip


def test_tests_have_lineage_too(built: Workspace) -> None:
    found = built.query(
        "select from_column, kind from penstock.column_lineage where to_asset like 'test.small.not_null_daily_sold%' order by all"
    )
    assert found == [("sold", "filter"), ("sold", "passthrough")]


def test_what_is_not_known_says_why_and_hides_nothing(built: Workspace) -> None:
    coverage = {
        row[0].split(".")[-1]: row[1:] for row in built.query("select asset, columns, known, reason from penstock.current_column_coverage")
    }
    assert coverage["from_python"] == (2, 0, "python code is not SQL")
    assert coverage["broken"][:2] == (2, 1) and "nothing" in coverage["broken"][2]
    assert coverage["daily"] == (2, 2, "")
    details = built.query("select distinct detail from penstock.column_lineage where to_asset = 'model.small.from_python'")
    assert details == [("python code is not SQL",)]


def test_exposures_that_read_a_column_are_one_query_away(built: Workspace) -> None:
    found = built.query("""
        select r.asset, r."column" from penstock.column_readers('source.small.raw.orders', 'amount') as r
        join penstock.asset_status using (asset) where kind = 'exposure'
    """)
    assert set(found) == {("exposure.small.board", column) for column in ("", "cost", "id", "sold")}, "Python may do anything with it"


def test_only_what_changed_is_read_again_and_history_keeps_what_was(built: Workspace, tmp_path: Path) -> None:
    project = built.copy_to(tmp_path / "project")
    (first,) = project.query("select max(run_id) from penstock.run")[0]
    readings = "select asset from penstock.column_coverage where run_id > ?"
    project.replace("models/daily.sql", "sum(half)", "max(id)")
    project.replace("models/priced.sql", "p.day", "p.day, p.price as unit")
    project.write({"models/broken.sql": None})
    project.penstock("build").expect(0)
    assert edges(project, "daily") == {"grown.day passthrough day", "grown.day group", "grown.id aggregated sold"}
    assert "priced.unit passthrough unit" in edges(project, "everything"), "a column that is new goes on through a star"
    assert edges(project, "broken") == set()
    read = {asset.split(".")[2] for (asset,) in project.query(readings, [first])}
    assert read == {"priced", "everything", "grown", "daily", "broken"}, "neither orders nor kept, not even the test"
    past = "select from_column from penstock.column_lineage_as_of(?) where to_asset = 'model.small.daily' and kind = 'aggregated'"
    assert project.query(past, [first]) == [("half",)]
    (last,) = project.query("select max(run_id) from penstock.run")[0]
    project.penstock("build", "--select", "priced").expect(0)
    assert project.query(readings, [last]) == [], "nothing was due, and nothing was read"


def test_lineage_of_a_column_on_the_command_line(built: Workspace) -> None:
    done = built.penstock("lineage", "daily.SOLD").expect(0)
    assert done.stdout.splitlines()[:3] == ["daily.sold  upstream: 12", "├─ grown.day  (group)", "│  ├─ grown.day  (filter) …"]
    assert "file" not in done.stdout and "data/orders.csv.amount  (passthrough)" in done.stdout
    assert done.stdout.splitlines()[-1] == "└─ exposure.small.board.sold  (passthrough)"
    assert done.stderr.startswith("Column lineage is known of ") and "python code is not SQL" in done.stderr
    near = built.penstock("lineage", "daily.sld").expect(2)
    assert "no column `sld` of daily is on record" in near.stderr and "Did you mean daily.sold?" in near.stderr
    assert built.penstock("lineage", "nothing.sold").expect(2).stdout == ""


def test_lineage_of_a_column_for_machines(built: Workspace) -> None:
    found = built.json("lineage", "daily.sold", "--up", "1", "--down", "0", "--output", "json")
    assert {(row["from_column"], row["to_column"], row["kind"]) for row in found} == {("half", "sold", "aggregated"), ("day", "", "group")}
    events = built.json("lineage", "daily", "--up", "1", "--down", "0", "--output", "openlineage")
    fields = {event["job"]["name"]: event["outputs"][0]["facets"]["columnLineage"]["fields"] for event in events}
    assert fields.keys() == {"model.small.daily"} and fields["model.small.daily"].keys() == {"day", "sold"}
    columns = json.dumps(built.json("lineage", "daily", "--columns", "--output", "json"))
    assert "from_python" not in columns and "read_csv" not in columns


def test_a_column_selects_its_readers(built: Workspace) -> None:
    def listed(selector: str) -> set[str]:
        kinds = ("--resource-type", "model", "--resource-type", "exposure", "--resource-type", "source")
        return {line.rpartition(".")[2] for line in built.penstock("ls", "--select", selector, *kinds).expect(0).stdout.splitlines()}

    assert listed("column:grown.half") == {"grown"}
    assert listed("column:grown.half+") == {"grown", "daily", "board"}
    assert listed("column:grown.id+") == {"grown"}
    assert listed("1+column:daily.sold") == {"grown", "daily"}
    assert "Did you mean grown.half?" in built.penstock("ls", "--select", "column:grown.haf+").expect(2).stderr
