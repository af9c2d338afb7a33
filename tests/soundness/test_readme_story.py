"""The README's story on a small project: build, build again, then one edit at a time."""

from __future__ import annotations

import gc
import json
import shutil
from contextlib import chdir, closing
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from penstock.ui.cli import cli

FILES = {
    "dbt_project.yml": 'name: shop\nversion: "1.0"\nconfig-version: 2\nprofile: shop\n',
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: '{{ flags.PROFILES_DIR }}/warehouse.duckdb', schema: main, threads: 2}\n",
    "models/schema.yml": "version: 2\nsources:\n  - {name: raw, schema: raw, tables: [{name: orders}, {name: customers}]}\n",
    "models/stg_orders.sql": """\
with source as (select * from {{ source('raw', 'orders') }}),
renamed as (select id as order_id, customer_id, amount from source)
select * from renamed
""",
    "models/stg_customers.sql": """\
with source as (select * from {{ source('raw', 'customers') }}),
renamed as (select id as customer_id, name from source)
select * from renamed
""",
    "models/orders.sql": "{{ config(materialized='table') }}\nselect order_id, customer_id, amount * 2 as paid from {{ ref('stg_orders') }}\n",
    "models/revenue.sql": """\
{{ config(materialized='table') }}
select customer_id, sum(paid) as revenue from {{ ref('orders') }} group by customer_id
""",
    "models/named_revenue.sql": """\
{{ config(materialized='table') }}
select c.name, r.revenue from {{ ref('revenue') }} as r join {{ ref('stg_customers') }} as c using (customer_id)
""",
    "models/names.sql": "{{ config(materialized='table') }}\nselect upper(name) as name from {{ ref('stg_customers') }}\n",
}
SOURCES = """\
create schema raw;
create table raw.orders as select i::integer as id, i % 3 as customer_id, i * 10 as amount from range(12) as r(i);
create table raw.customers as select i::integer as id, 'customer ' || i as name from range(3) as r(i);
"""
ALL = {"stg_orders", "stg_customers", "orders", "revenue", "named_revenue", "names"}


class Shop:
    """The project in a folder, driven through `penstock` as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def made(self) -> Shop:
        (self.folder / "models").mkdir(parents=True)
        for name, text in FILES.items():
            (self.folder / name).write_text(text)
        self.sql(SOURCES)
        return self

    def sql(self, script: str) -> None:
        with closing(duckdb.connect(str(self.folder / "warehouse.duckdb"))) as connection:
            connection.execute(script)

    def edit(self, model: str, old: str, new: str) -> None:
        path = self.folder / "models" / f"{model}.sql"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def penstock(self, *words: str) -> str:
        """Call the command line in this process, where dbt is imported once; return what it wrote to stdout."""
        with chdir(self.folder):
            done = CliRunner().invoke(cli, list(words), standalone_mode=False)
        gc.unfreeze()  # the command line does it when the process ends
        assert done.exception is None and done.return_value == 0, done.output
        return done.stdout

    def plan(self) -> dict[str, str]:
        """Return the decision of each asset, by name."""
        return {row["name"]: row["decision"] for row in json.loads(self.penstock("plan", "--output", "json"))}

    def build(self) -> tuple[set[str], dict[str, str]]:
        """Build; return the names of what was built, and the reason of each that was reused."""
        self.penstock("build")
        with closing(duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=True)) as connection:
            steps = connection.execute(
                "select split_part(asset, '.', 3), status, reason from penstock.run_steps where run_id = (select max(run_id) from penstock.run_history)"
            ).fetchall()
        assert {name for name, _, _ in steps} == ALL
        return {name for name, status, _ in steps if status == "success"}, {
            name: reason for name, status, reason in steps if status == "reused"
        }


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Shop(tmp_path_factory.mktemp("template") / "shop").made()
    assert made.build()[0] == ALL
    return made.folder


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Shop:
    return Shop(shutil.copytree(template, tmp_path / "shop"))


def test_a_second_build_reuses_everything(shop: Shop) -> None:
    assert shop.build() == (set(), dict.fromkeys(ALL, "fresh"))


def test_after_a_comment_nothing_is_due(shop: Shop) -> None:
    shop.edit("orders", "select order_id", "-- what was paid\nSELECT  order_id")
    assert set(shop.plan().values()) == {"REUSE"}
    assert shop.build()[0] == set()


def test_after_an_expression_it_and_its_true_descendants_are_built(shop: Shop) -> None:
    shop.edit("orders", "amount * 2", "amount * 3")
    assert shop.build()[0] == {"orders", "revenue", "named_revenue"}
    assert shop.build()[0] == set()


def test_after_an_expression_nobody_reads_only_the_model_itself_is_built(shop: Shop) -> None:
    shop.edit("orders", "select order_id", "select order_id + 1 as order_id")
    assert shop.build()[0] == {"orders"}


def test_after_a_new_row_only_the_readers_of_its_source_are_built(shop: Shop) -> None:
    shop.sql("insert into raw.orders values (100, 1, 55)")
    assert shop.build()[0] - {"stg_orders"} == {"orders", "revenue", "named_revenue"}
    with closing(duckdb.connect(str(shop.folder / "warehouse.duckdb"), read_only=True)) as connection:
        assert connection.execute("select revenue from revenue where customer_id = 1").fetchall() == [(2 * (10 + 40 + 70 + 100 + 55),)]


def test_after_new_names_of_customers_the_orders_are_reused(shop: Shop) -> None:
    shop.sql("update raw.customers set name = 'nobody' where id = 0")
    assert shop.build()[0] - {"stg_customers"} == {"names", "named_revenue"}


def test_a_source_loaded_anew_with_equal_rows_makes_nothing_due(shop: Shop) -> None:
    shop.sql("create or replace table raw.orders as select * from raw.orders order by id desc")
    assert shop.build()[0] == set()


def test_a_table_rebuilt_with_equal_rows_stops_what_reads_it(shop: Shop) -> None:
    shop.edit("orders", "amount * 2", "amount + amount")
    plan = shop.plan()
    assert plan.pop("orders") == "BUILD"
    assert plan == {"revenue": "MAYBE", "named_revenue": "MAYBE", "stg_orders": "REUSE", "stg_customers": "REUSE", "names": "REUSE"}
    built, reused = shop.build()
    assert built == {"orders"}
    assert (reused["revenue"], reused["named_revenue"]) == ("unchanged_input", "unchanged_input")
    assert shop.build() == (set(), dict.fromkeys(ALL, "fresh"))


def test_a_forced_table_with_equal_rows_stops_what_reads_it_later(shop: Shop) -> None:
    shop.penstock("build", "--force", "--select", "orders")
    assert shop.build()[0] == set()
