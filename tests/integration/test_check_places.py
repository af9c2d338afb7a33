"""What a check can look at, what else it reads, and the ways to choose it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from checked_project import Checked, check, ended
from penstock.runner.outcomes import Status

KEPT = "select * from this where v < 0 and dbt_valid_to is null"
PLACES = [
    ("source:raw.t", "source.small.raw.t"),
    ("one", "model.small.one"),
    ("seen", "model.small.seen"),
    ("listed", "seed.small.listed"),
    ("kept", "snapshot.small.kept"),
    ("ingest:raw.taken", "ingest.raw.taken"),
]
WHEN = {
    "source:raw.t": "after", "one": "before_publish", "seen": "after", "listed": "after", "kept": "after",
    "ingest:raw.taken": "before_publish",
}  # fmt: skip
"""What dbt writes, and what nobody does, can be looked at afterwards alone; the view is not made anew."""


@pytest.mark.parametrize(("select", "key"), PLACES)
def test_a_check_looks_at_everything_that_has_rows(project: Checked, select: str, key: str) -> None:
    project.checks({"positive": check(select, KEPT if select == "kept" else "select * from this where v < 0")})
    project.workspace.execute("update raw.t set v = -v where id = 2")
    project.workspace.write({"seeds/listed.csv": "id,v\n1,-3\n"})
    project.now += timedelta(days=1)
    found = ended(project.build(ok=False))
    assert (found["positive"].status, found["positive"].failures) == (Status.FAIL, 1)
    assert [row[0] for row in project.results("positive")] == [key]
    assert found["positive"].when == WHEN[select]
    hidden = project.rows("select 'one' from one where v < 0 union all select 'taken' from raw.taken where v < 0")
    assert (select.rpartition(".")[2],) not in hidden
    assert len(project.samples("positive")) == 1


def test_a_check_on_a_view_keeps_its_old_text(project: Checked) -> None:
    project.checks({"positive": check("seen")})
    project.workspace.replace("models/seen.sql", "select id, v", "select id, -v as v")
    found = ended(project.build("seen", ok=False))
    assert found["seen"].status is Status.ERROR
    assert project.values("seen") == [10, 20, 30]


def test_a_check_on_a_source_holds_back_what_reads_it(project: Checked) -> None:
    project.checks({"positive": check("source:raw.t")})
    project.workspace.execute("update raw.t set v = -v where id = 2")
    found = ended(project.build(ok=False))
    assert (found["positive"].status, found["one"].status, found["two"].status) == (Status.FAIL, Status.SKIPPED, Status.SKIPPED)
    assert project.values("one") == [10, 20, 30]
    project.checks({"positive": check("source:raw.t", severity="warn")})
    found = ended(project.build())
    assert (found["positive"].status, found["one"].status) == (Status.WARN, Status.SUCCESS)
    assert project.values("one") == [10, -20, 30]


def test_one_check_on_several_assets_is_a_result_for_each(project: Checked) -> None:
    project.checks({"positive": check("[one, seen two]", "select * from this where v < -100", exclude="seen")})
    project.build()
    assert sorted(str(row[0]) for row in project.results("positive")) == ["model.small.one", "model.small.two"]
    project.workspace.execute("update raw.t set v = -v * 100 where id = 2")
    found = [(one.asset.key, one.status) for one in project.build(ok=False).outcomes if one.asset.is_test]
    assert sorted(found) == [("check.positive.model.small.one", Status.FAIL), ("check.positive.model.small.two", Status.SKIPPED)]


def test_what_a_check_names_by_ref_and_source_comes_before_it(project: Checked) -> None:
    both = "select id from this anti join {{ ref('two') }} as two using (id) semi join {{ source('raw', 't') }} as t using (id)"
    project.checks({"same": check("one", both)})
    report = project.build()
    graph = report.planned.graph
    (key,) = [asset.key for asset in graph.assets if asset.name == "same"]
    parents = {graph.assets[number].key for number in graph.parents[graph.ids[key]]}
    assert parents == {"model.small.one", "model.small.two", "source.small.raw.t"}
    project.workspace.execute("insert into raw.t values (4, 40)")
    found = ended(project.build())
    assert (found["same"].status, found["same"].when) == (Status.PASS, "after"), "`two` is built after `one`"
    assert list(found).index("same") > list(found).index("two")


def test_a_check_that_reads_what_lies_upstream_comes_before_publishing(project: Checked) -> None:
    project.checks({"same": check("two", "select id from {{ ref('one') }} anti join this using (id)")})
    project.build()
    project.workspace.write({"models/two.sql": "{{ config(materialized='table') }}\nselect id, v from {{ ref('one') }} where id > 1\n"})
    found = ended(project.build(ok=False))
    assert (found["same"].status, found["same"].when, found["two"].status) == (Status.FAIL, "before_publish", Status.ERROR)
    assert project.values("two") == [10, 20, 30]


@pytest.mark.parametrize(
    ("select", "more", "found"),
    [
        (("one",), {}, {"positive", "even"}),
        (("two",), {}, {"positive"}),
        (("check:even",), {}, {"even"}),
        (("check:po*",), {}, {"positive"}),
        (("one", "check:even"), {"exclude": ("check:even",)}, {"positive"}),
        ((), {}, {"positive", "even", "listed_ones"}),
        ((), {"resource_types": ("check",)}, {"positive", "even", "listed_ones"}),
        (("tag:slow",), {}, {"even"}),
        (("owner:data",), {}, {"listed_ones"}),
        (("path:checks/listed_ones.sql",), {}, {"listed_ones"}),
        (("check:nothing",), {}, set()),
    ],
)
def test_checks_are_chosen_by_asset_name_tag_owner_and_path(
    project: Checked, select: tuple[str, ...], more: dict[str, tuple[str, ...]], found: set[str]
) -> None:
    project.checks({
        "positive": check("one two"),
        "even": check("one", "select * from this where v % 10 <> 0", tags="[slow]"),
        "listed_ones": check("listed", "select * from this where id <> 1", owner="data"),
    })  # fmt: skip
    assert {one.asset.name for one in project.build(*select, command="check", force=True, builds=False, **more).outcomes} == found


def test_failed_checks_are_chosen_by_their_last_result(project: Checked) -> None:
    project.checks({"positive": check("one"), "large": check("one", "select * from this where v > 20"), "even": check("one")})
    project.ask(ok=False)
    assert set(project.ask("check:failed", ok=False)) == {"large"}
    project.workspace.execute("delete from one where v > 20")
    assert project.ask("check:failed")["large"].status is Status.PASS
    assert project.ask("check:failed") == {}


def test_a_check_is_asked_whether_due_or_not_and_builds_nothing(project: Checked) -> None:
    project.checks({"positive": check("one")})
    project.build()
    project.workspace.execute("update raw.t set v = -v; update one set v = -1 where id = 1")
    for _ in range(2):
        found = project.ask("one", ok=False)
        assert {name: one.failures for name, one in found.items()} == {"positive": 1}
    assert project.values("two") == [10, 20, 30]
    assert project.samples("positive") == ['{"id":1,"v":-1}']
