"""Checks of `checks/*.sql` in builds: what they keep from readers, what they only tell, and how people let them fail for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from checked_project import Checked, check, ended
from penstock.errors import SelectionError
from penstock.runner.outcomes import Status

BAD = "update raw.t set v = -v where id = 2"
GOOD = "update raw.t set v = abs(v)"


def run(project: Checked, *select: str, ok: bool = True) -> dict[str, Status]:
    return {name: outcome.status for name, outcome in ended(project.build(*select, ok=ok)).items()}


def test_on_a_first_build_nothing_that_a_check_refuses_becomes_visible(unbuilt: Checked) -> None:
    unbuilt.checks({"positive": check("one")})
    unbuilt.workspace.execute(BAD)
    found = run(unbuilt, ok=False)
    assert (found["one"], found["positive"], found["two"]) == (Status.ERROR, Status.FAIL, Status.SKIPPED)
    assert unbuilt.workspace.query("select count(*) from duckdb_tables() where table_name in ('one', 'two')") == [(0,)]
    status, error = unbuilt.last_attempt("one")
    assert status == "failed" and error.startswith("not published: positive: Got 1 result")
    assert unbuilt.results("positive") == [("model.small.one", "", "fail", 1, None, "before_publish")]
    assert unbuilt.samples("positive") == ['{"id":2,"v":-20}']


def test_on_a_rebuild_readers_keep_the_old_rows_until_the_check_passes(project: Checked) -> None:
    project.checks({"positive": check("one")})
    project.build()
    project.workspace.execute(BAD)
    assert run(project, ok=False)["two"] is Status.SKIPPED
    assert project.values("one") == project.values("two") == [10, 20, 30]
    assert run(project, ok=False) == {"one": Status.ERROR, "positive": Status.FAIL, "two": Status.SKIPPED}, "the block holds"
    project.workspace.execute(GOOD)
    project.workspace.execute("update raw.t set v = 21 where id = 2")
    assert run(project)["positive"] is Status.PASS
    assert project.values("one") == project.values("two") == [10, 21, 30]
    assert [row[2:4] for row in project.results("positive")] == [("pass", 0), ("fail", 1), ("fail", 1), ("pass", 0)]


def test_what_reads_a_blocked_asset_alone_is_blocked_until_the_check_is_waived(project: Checked) -> None:
    project.checks({"positive": check("one")})
    project.workspace.execute(BAD)
    run(project, ok=False)
    project.workspace.replace("models/two.sql", "select id, v", "select id, v + 1 as v")
    report = project.build("two", ok=False)
    (row,) = [row for row in report.planned.plan.rows if row.asset == "model.small.two"]
    assert (row.decision.value, row.reason.value) == ("BLOCKED", "check_blocked") and "positive failed on one" in row.detail
    project.waive("positive", project.now + timedelta(days=1))
    assert run(project, "two") == {"two": Status.SUCCESS}
    assert project.values("two") == [11, 21, 31]


@pytest.mark.parametrize(
    ("header", "status", "ok"),
    [
        ({"severity": "warn"}, Status.WARN, True),
        ({"blocking": "false"}, Status.FAIL, False),
        ({"error_if": "'> 1'"}, Status.WARN, True),
        ({"error_if": "'> 50% of total'", "warn_if": "'> 1% of total'"}, Status.WARN, True),
        ({"warn_if": "'>= 50% of total'", "severity": "warn"}, Status.PASS, True),
        ({"blocking": "false", "when": "before_publish"}, Status.FAIL, False),
    ],
)
def test_what_does_not_block_is_told_and_published(project: Checked, header: dict[str, object], status: Status, ok: bool) -> None:
    project.checks({"positive": check("one", **header)})
    project.workspace.execute(BAD)
    found = run(project, ok=ok)
    assert (found["one"], found["two"], found["positive"]) == (Status.SUCCESS, Status.SUCCESS, status)
    assert project.values("one") == project.values("two") == [10, -20, 30]


def test_a_share_of_all_rows_is_told_with_their_number(project: Checked) -> None:
    project.checks({"positive": check("one", error_if="'> 30% of total'")})
    project.workspace.execute(BAD)
    project.build(ok=False)
    assert project.results("positive") == [("model.small.one", "", "fail", 1, 3, "before_publish")]
    assert "Got 1 result of 3, configured to fail if > 30% of total" in project.last_attempt("one")[1]


def test_a_blocking_check_that_looks_afterwards_holds_back_readers_but_not_the_rows(project: Checked) -> None:
    project.checks({"positive": check("one", when="after")})
    project.workspace.execute(BAD)
    found = run(project, ok=False)
    assert (found["one"], found["two"], found["positive"]) == (Status.SUCCESS, Status.SKIPPED, Status.FAIL)
    assert (project.values("one"), project.values("two")) == ([10, -20, 30], [10, 20, 30])
    assert project.results("positive")[-1][-1] == "after"
    assert run(project, ok=False) == {"positive": Status.FAIL, "two": Status.SKIPPED}, "the block holds"


def test_a_waiver_lets_rows_out_with_a_warning_until_it_ends(project: Checked) -> None:
    project.checks({"positive": check("one")})
    project.workspace.execute(BAD)
    project.build(ok=False)
    ends = project.now + timedelta(hours=1)
    assert project.waive("positive", ends, "counted twice, see #7") == ["check.positive.model.small.one"]
    report = project.build()
    assert ended(report)["positive"].status is Status.WARN
    assert f"waived until {ends:%Y-%m-%d}: counted twice, see #7" in ended(report)["positive"].message
    assert project.values("one") == project.values("two") == [10, -20, 30]
    assert run(project) == {"positive": Status.WARN}, "it is asked again: the waiver ends some day"
    project.now = ends
    found = run(project, ok=False)
    assert found["positive"] is Status.FAIL
    project.workspace.execute("update raw.t set v = -30 where id = 3")
    assert run(project, ok=False)["one"] is Status.ERROR
    assert project.values("one") == [10, -20, 30]


def test_a_waiver_is_taken_back_by_a_day_that_is_past(project: Checked) -> None:
    project.checks({"positive": check("one")})
    project.workspace.execute(BAD)
    project.waive("positive", project.now + timedelta(days=9))
    project.waive("positive", project.now)
    assert run(project, ok=False)["one"] is Status.ERROR
    assert project.values("one") == [10, 20, 30]


def test_a_waiver_of_an_unknown_check_names_near_ones(project: Checked) -> None:
    project.checks({"positive": check("one")})
    with pytest.raises(SelectionError, match="no test or check `positiv`") as told:
        project.waive("positiv", project.now + timedelta(days=1))
    assert told.value.hint == "Did you mean positive?"


def test_a_waiver_of_one_check_says_nothing_of_another(project: Checked) -> None:
    project.checks({"positive": check("one"), "even": check("one", "select * from this where v % 20 <> 0")})
    project.workspace.execute(BAD)
    project.waive("positive", project.now + timedelta(days=9))
    found = run(project, ok=False)
    assert (found["one"], found["even"]) == (Status.ERROR, Status.FAIL)


def test_a_broken_check_that_does_not_block_keeps_no_rows_from_readers(project: Checked) -> None:
    project.checks({
        "broken": check("one", "select * from this where cast('x' || v as integer) > 0", blocking="false", when="before_publish"),
        "also": check("one", "select * from this where cast('y' || v as integer) > 0", blocking="false", when="before_publish"),
        "positive": check("one"),
        "small": check("one", "select * from this where v > 20", severity="warn", when="before_publish"),
    })  # fmt: skip
    project.workspace.execute("update raw.t set v = 40 where id = 3")
    report = project.build(ok=False)
    found = ended(report)
    assert {name: (found[name].status, found[name].failures) for name in ("broken", "also", "positive", "small", "one", "two")} == {
        "broken": (Status.ERROR, None), "also": (Status.ERROR, None), "positive": (Status.PASS, 0), "small": (Status.WARN, 1),
        "one": (Status.SUCCESS, None), "two": (Status.SUCCESS, None),
    }  # fmt: skip
    assert "Could not convert string 'x10'" in found["broken"].message
    assert project.values("one") == project.values("two") == [10, 20, 40]
    assert project.workspace.query(
        "select count(*) from penstock.materialization where run_id = ? and asset = 'model.small.one'", [report.run_id]
    ) == [(1,)]


def test_a_broken_check_that_blocks_keeps_rows_from_readers_and_others_say_what_they_found(project: Checked) -> None:
    project.checks({
        "broken": check("one", "select * from this where cast('x' || v as integer) > 0"),
        "loose": check("one", "select * from this where cast('y' || v as integer) > 0", blocking="false", when="before_publish"),
        "positive": check("one"),
    })  # fmt: skip
    project.workspace.execute("update raw.t set v = 40 where id = 3")
    found = ended(project.build(ok=False))
    assert found["one"].status is Status.ERROR and "not published: broken: " in found["one"].message
    assert found["broken"].status is Status.ERROR
    assert found["two"].status is Status.SKIPPED
    assert found["positive"].status is Status.SKIPPED, "rows that were rolled back do not count as passed"
    assert project.values("one") == project.values("two") == [10, 20, 30]


def test_a_failing_check_blocks_also_beside_one_that_breaks(project: Checked) -> None:
    project.checks({
        "broken": check("one", "select * from this where cast('x' || v as integer) > 0", blocking="false", when="before_publish"),
        "positive": check("one"),
    })  # fmt: skip
    project.workspace.execute(BAD)
    found = ended(project.build(ok=False))
    assert (found["one"].status, found["positive"].status, found["positive"].failures) == (Status.ERROR, Status.FAIL, 1)
    assert project.values("one") == [10, 20, 30]
    assert project.samples("positive") == ['{"id":2,"v":-20}']


def test_nothing_is_asked_again_where_nothing_changed(project: Checked) -> None:
    project.checks({"positive": check("one two")})
    project.build()
    assert run(project) == {}
    project.checks({"positive": check("one two", "-- said in other words\nselect * from this where v < 0")})
    assert run(project) == {}, "a comment is no change"
    project.checks({"positive": check("one two", warn_if="'> 0'")})
    assert set(run(project).values()) == {Status.PASS}
    assert len(project.results("positive")) == 4
