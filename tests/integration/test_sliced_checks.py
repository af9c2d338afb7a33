"""Checks of assets with partitions: they look at the slices just written, say which, and at the whole table where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from checked_project import PARTED, Checked, check, checked_in, ended
from partition_projects import RAW
from penstock.runner.outcomes import Status

LATE = "insert into raw.ev values ({id}, timestamp '2024-01-0{day} 05:00', 1, {v}, 0);"
REPEATED = "select id from this group by id having count(*) > 1"
ALL_DAYS = "2024-01-01..2024-01-06"
WITHIN = ("2024-01-02..2024-01-05",)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    return checked_in(tmp_path_factory.mktemp("parted") / "project", PARTED, RAW)


@pytest.fixture
def days(template: Checked, tmp_path: Path) -> Checked:
    """Three assets by day, built: slices of a model, dbt's microbatches, and an ingestion file."""
    return Checked(template.workspace.copy_to(tmp_path / "project"), template.now)


def late(project: Checked, *rows: tuple[int, int, int]) -> None:
    """Bring rows: id, day, value."""
    project.workspace.execute("".join(LATE.format(id=number, day=day, v=v) for number, day, v in rows))


def statuses(project: Checked, asset: str, run_id: str) -> dict[str, str]:
    """Return how the attempts at an asset's partitions ended in a run."""
    sql = "select \"partition\", status from penstock.attempt where split_part(asset, '.', -1) = ? and run_id = ?"
    return dict(project.workspace.query(sql, [asset, run_id]))


@pytest.mark.parametrize(
    ("asset", "table", "wanted"),
    [
        ("events", "events", {"force": True, "partitions": WITHIN}),
        ("batched", "batched", {}),
        ("batched", "batched", {"force": True, "partitions": WITHIN}),
        ("ingest:raw.taken", "raw.taken", {"force": True, "partitions": WITHIN}),
    ],
)
def test_a_bad_slice_is_not_published_while_others_are(days: Checked, asset: str, table: str, wanted: dict[str, Any]) -> None:
    days.checks({"positive": check(asset), "known": check(asset, "select * from this where id < 0", severity="warn")})
    late(days, (90, 3, -5), (91, 5, 7))
    if asset == "events":
        days.build("batched")
    report = days.build(asset, ok=False, **wanted)
    found = ended(report)["positive"]
    tried = [2, 3, 4, 5] if wanted else [3, 5]
    assert (found.status, found.failures, found.partition) == (Status.FAIL, 1, WITHIN[0] if wanted else "2024-01-03 2024-01-05")
    assert found.message == "2024-01-03: Got 1 result, configured to fail if != 0"
    assert days.rows(f"select id from {table} where id >= 90") == [(91,)]
    ended_so = statuses(days, table.rsplit(".", 1)[-1], report.run_id)
    assert ended_so == {f"2024-01-0{day}": "failed" if day == 3 else "success" for day in tried}
    (sample,) = days.samples("positive")
    assert '"id":90' in sample and '"v":-5' in sample
    days.workspace.execute("update raw.ev set v = abs(v)")
    days.build()
    assert days.rows(f"select id from {table} where id >= 90") == [(90,), (91,)]


def test_failures_of_several_slices_are_counted_once_and_each_is_named(days: Checked) -> None:
    days.checks(
        {"positive": check("events"), "large": check("events", "select * from this where v > 0", severity="warn", when="before_publish")}
    )
    late(days, *((90 + day, day, -day) for day in (2, 4)))
    days.build("batched")
    found = ended(days.build("events", ok=False, force=True, partitions=(ALL_DAYS,)))
    assert (found["positive"].failures, found["positive"].partition) == (2, ALL_DAYS)
    assert found["positive"].message.split("; ") == [f"2024-01-0{day}: Got 1 result, configured to fail if != 0" for day in (2, 4)]
    published = days.rows("select count(*) from events where v > 0 and day not in (date '2024-01-02', date '2024-01-04')")
    assert [(found["large"].failures,)] == published


def test_the_record_names_the_partitions_that_a_check_covered(days: Checked) -> None:
    days.checks({"positive": check("batched", error_if="'> 0% of total'")})
    days.build()
    late(days, (90, 3, 5), (91, 5, 7))
    days.build()
    late(days, (92, 2, 5), (93, 3, 7), (94, 6, 7))
    days.build()
    held = days.workspace.query("select count(*) filter (where ts::date in ('2024-01-03', '2024-01-05')) from raw.ev where id < 92")[0][0]
    assert [row[1:3] for row in days.results("positive")] == [
        ("", "pass"), ("2024-01-03 2024-01-05", "pass"), ("2024-01-02..2024-01-03 2024-01-06", "pass"),
    ]  # fmt: skip
    assert [row[4:] for row in days.results("positive")][:2] == [(20, "after"), (held, "before_publish")]


@pytest.mark.parametrize(("scope", "holds"), [("table", True), ("partition", False)])
def test_only_the_whole_table_shows_a_key_that_an_older_slice_has(days: Checked, scope: str, holds: bool) -> None:
    days.checks({"once": check("batched", REPEATED, scope=scope)})
    late(days, (0, 3, 5))
    found = ended(days.build("batched", ok=not holds))
    assert found["once"].status is (Status.FAIL if holds else Status.PASS)
    assert found["once"].partition == ("" if holds else "2024-01-03")
    assert days.rows("select count(*) from batched where id = 0") == [(1 if holds else 2,)]


def test_one_slice_that_fails_by_the_whole_table_leaves_the_others_published(days: Checked) -> None:
    days.checks({"once": check("batched", REPEATED, scope="table")})
    late(days, (0, 3, 5), (90, 5, 5))
    report = days.build("batched", ok=False)
    assert statuses(days, "batched", report.run_id) == {"2024-01-03": "failed", "2024-01-05": "success"}
    assert ended(report)["once"].status is Status.FAIL


def test_a_check_by_itself_looks_at_the_whole_table(days: Checked) -> None:
    late(days, (90, 3, -5), (91, 5, -7))
    days.build()
    days.checks({"positive": check("events")})
    found = days.ask("check:positive", ok=False)["positive"]
    assert (found.failures, found.partition) == (2, "")
    assert len(days.samples("positive")) == 2


@pytest.mark.parametrize(
    ("partitions", "failures", "where"),
    [
        (("2024-01-03",), 1, "2024-01-03"),
        (("2024-01-01..2024-01-02", "2024-01-05"), 1, "2024-01-01..2024-01-02 2024-01-05"),
        (("2024-01-06",), 0, "2024-01-06"),
    ],
)
def test_a_check_looks_at_the_partitions_that_are_named(days: Checked, partitions: Sequence[str], failures: int, where: str) -> None:
    late(days, (90, 3, -5), (91, 5, -7))
    days.build()
    days.checks({"positive": check("events")})
    found = days.ask("check:positive", ok=not failures, partitions=partitions)["positive"]
    assert (found.failures, found.partition) == (failures, where)
    assert days.results("positive")[-1][1] == where
    assert len(days.samples("positive")) == failures


def test_a_broken_check_of_slices_is_asked_again_in_each_of_them(days: Checked) -> None:
    days.checks({
        "broken": check("batched", "select * from this where cast('x' || v as integer) > 0", blocking="false", when="before_publish"),
        "positive": check("batched"),
    })  # fmt: skip
    late(days, (90, 3, -5), (91, 5, 7))
    report = days.build("batched", ok=False)
    found = ended(report)
    assert found["broken"].status is Status.ERROR
    assert (found["positive"].status, found["positive"].failures) == (Status.FAIL, 1)
    assert statuses(days, "batched", report.run_id) == {"2024-01-03": "failed", "2024-01-05": "success"}


def test_what_reads_slices_waits_for_the_one_that_a_check_refused(days: Checked) -> None:
    days.checks({"positive": check("batched")})
    late(days, (90, 3, -5), (91, 5, 7))
    found = ended(days.build(ok=False))
    assert found["events"].status is Status.SKIPPED
    assert days.rows("select id from events where id >= 90") == []
    days.workspace.execute("update raw.ev set v = abs(v)")
    days.build()
    assert days.rows("select id from events where id >= 90") == [(90,), (91,)]
