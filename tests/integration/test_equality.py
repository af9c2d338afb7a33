"""A project holds the same relations, column types and rows, whoever builds it: Penstock, Penstock through dbt, or dbt."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from changing_projects import changing
from compare import compare, read
from feature_projects import features
from project_writer import Scenario, layered
from workspace import Dbt, Workspace


@pytest.mark.parametrize(
    "scenario",
    [layered(), changing(), features(), pytest.param(changing("changing_more", more=True), marks=pytest.mark.slow)],
    ids=lambda scenario: scenario.name,
)
def test_a_generated_project_is_the_same_whoever_builds_it_round_after_round(scenario: Scenario, tmp_path: Path, dbt: Dbt) -> None:
    native, through, plain = (_place(tmp_path, way) for way in ("native", "through", "plain"))
    for number, step in enumerate(scenario.rounds):
        for workspace in (native, through, plain):
            workspace.write(step.files)
            workspace.execute(step.raw or "select 1")
        native.penstock("build", *step.flags).expect(0)
        through.penstock("build", "--executor", "dbt", *step.flags).expect(0)
        dbt("build", *step.flags, project=plain.folder)
        left_out = scenario.leave_out if number else frozenset()
        assert len(read(plain.database)) > 5
        for built in (native, through):
            problems = compare(built.database, plain.database, clock=scenario.clock, leave_out=left_out)
            assert not problems, f"round {number + 1}, {built.folder.name}:\n" + "\n".join(problems)


def test_the_demo_is_the_same_whoever_builds_it_and_again_after_new_files(demo: Workspace, tmp_path: Path, dbt: Dbt) -> None:
    through, plain = demo.copy_to(tmp_path / "through"), demo.copy_to(tmp_path / "plain")
    for number in range(2):
        if number:
            for workspace in (demo, through, plain):
                workspace.write({"data/orders/day=2024-03-15/orders_0.csv": _NEW_ORDERS})
                workspace.replace("dbt_project/seeds/products.csv", "14.50", "15.25")
        demo.penstock("build").expect(0)
        through.penstock("build", "--executor", "dbt").expect(0)
        tables = ("orders", "customers", "events")
        copies = [f"create or replace table shop.raw.{table} as from loaded.raw.{table};" for table in tables]
        plain.execute(f"attach '{demo.database}' as loaded (read_only); create schema if not exists raw; {' '.join(copies)}")
        dbt("build", project=plain.folder / "dbt_project")
        assert len(read(plain.database)) == 12
        for built in (demo, through):
            problems = compare(built.database, plain.database)
            assert not problems, f"round {number + 1}, {built.folder.name}:\n" + "\n".join(problems)
    assert demo.query("select sum(amount) from fct_orders where order_date = '2024-03-15'") == [(Decimal("61.15"),)]


_NEW_ORDERS = """\
order_id,customer_id,product_id,quantity,status,ordered_at
900001,1,1,3,placed,2024-03-15 08:00:00
900002,300,11,1,shipped,2024-03-15 09:30:00
900003,2,12,1,returned,2024-03-15 10:00:00
"""


def _place(tmp_path: Path, way: str) -> Workspace:
    folder = tmp_path / way
    return Workspace(folder, folder / "warehouse.duckdb")
