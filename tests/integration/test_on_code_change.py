"""Incremental models written by hand, whose code changes: they go on, begin anew, or refuse, as their config says."""

from __future__ import annotations

import pytest
from conftest import Make
from small_project import PLACE
from workspace import Workspace

MODEL = """\
{{{{ config(materialized='incremental', on_code_change='{wish}') }}}}
select id, {value} as v from (values (1), (2)) as t (id)
{{% if is_incremental() %}} where id > (select max(id) from {{{{ this }}}}) {{% endif %}}
"""


def edited(make: Make, wish: str) -> Workspace:
    workspace = make(
        {**PLACE, "models/grows.sql": MODEL.format(wish=wish, value="1"), "models/reads.sql": "select * from {{ ref('grows') }}"}
    )
    workspace.penstock("build").expect(0)
    workspace.write({"models/grows.sql": MODEL.format(wish=wish, value="2")})
    return workspace


@pytest.mark.parametrize(("wish", "values"), [("run", [1, 1]), ("full_refresh", [2, 2])])
def test_it_goes_on_or_begins_anew(make: Make, wish: str, values: list[int]) -> None:
    workspace = edited(make, wish)
    assert workspace.decisions()["grows"] == ("BUILD", "code_changed")
    workspace.penstock("build").expect(0)
    assert [row[0] for row in workspace.query("select v from grows order by id")] == values
    workspace.penstock("build").expect(0)  # it reads its own rows, which were others
    assert [row[0] for row in workspace.query("select v from grows order by id")] == values
    assert workspace.decisions()["grows"][0] == "REUSE"


def test_it_refuses_and_holds_back_its_readers_until_it_is_told(make: Make) -> None:
    workspace = edited(make, "fail")
    assert workspace.decisions()["grows"] == ("BLOCKED", "code_change_refused")
    assert workspace.decisions()["reads"] == ("BLOCKED", "upstream_failed")
    workspace.penstock("build").expect(1)
    assert [row[0] for row in workspace.query("select v from grows order by id")] == [1, 1]
    workspace.penstock("build", "--full-refresh").expect(0)
    assert [row[0] for row in workspace.query("select v from grows order by id")] == [2, 2]


def test_a_wish_nobody_understands_is_told(make: Make) -> None:
    workspace = make({**PLACE, "models/grows.sql": MODEL.format(wish="stop", value="1")})
    assert "on_code_change cannot be `stop`" in workspace.penstock("plan").expect(2).text
