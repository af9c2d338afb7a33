"""`penstock backfill` as a user meets it: counted, run in order, gone on with, cancelled; and builds that would surprise."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest
from penstock.ui.cli import _run
from workspace import Workspace

Say = Callable[..., str]

ORDERS = """\
-- ---
-- partitions: {day: {every: day, start: 2024-01-01, end: 2024-01-06}}
-- ---
select order_id, day, case when amount < 0 then error('negative') else amount end as amount from raw.said where day = $day
"""
MONTHLY = """\
{{ config(materialized='table', meta={'penstock': {'partitions': {'month': {'every': 'month', 'start': '2024-01', 'end': '2024-02'}}}}) }}
select date_trunc('month', day)::date as month, sum(amount) as amount from {{ source('raw', 'orders') }} group by 1
"""
RAW = """
create schema raw;
create table raw.said as select i as order_id, date '2024-01-01' + (i % 6)::int as day, i as amount from range(30) as r(i);
"""
FILES = {
    "ingest/raw/orders.sql": ORDERS,
    "models/sources.yml": "version: 2\nsources: [{name: raw, tables: [{name: orders}]}]\n",
    "models/monthly.sql": MONTHLY,
}
BROKEN = "update raw.said set amount = -amount where day = '2024-01-04'"
MENDED = "update raw.said set amount = abs(amount)"
IN_ORDER = (
    "select \"partition\" from penstock.attempt where asset = 'source.small.raw.orders' and status = 'success' order by started_at, token"
)


@pytest.fixture
def place(make: Callable[[dict[str, str]], Workspace], monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    workspace = make(FILES)
    workspace.execute(RAW)
    monkeypatch.chdir(workspace.folder)
    monkeypatch.setenv("NO_COLOR", "1")
    yield workspace
    gc.unfreeze()


@pytest.fixture
def say(place: Workspace, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command that must end with a code, and return all that it says."""

    def run(*words: str, code: int = 0) -> str:
        ended = _run(words)
        said = capsys.readouterr()
        assert ended == code, said
        return said.out + said.err

    return run


def test_a_backfill_is_counted_run_newest_first_and_listed(place: Workspace, say: Say) -> None:
    assert "needs --partition" in say("backfill", code=2)
    wish = ("backfill", "-s", "source:raw.orders+", "--partition", "day=2024-01-02..2024-01-05")
    counted = say(*wish, "--dry-run")
    assert "raw.orders  4           2024-01-02..2024-01-05" in counted
    assert "monthly     1           2024-01" in counted
    assert "Nothing was executed" in counted
    said = say(*wish, "--order", "newest")
    assert "Backfill of 5 partitions of 2 assets, newest first" in said
    assert place.query(IN_ORDER) == [(f"2024-01-0{day}",) for day in (5, 4, 3, 2)]
    assert place.query("select * from monthly") == place.query("select date '2024-01-01', sum(amount) from raw.orders")
    assert "5           5      success" in say("backfill", "--list")
    assert "there is no open backfill" in say("backfill", "--resume", code=2)
    assert "Backfill of 0 partitions of 0 assets" in say(*wish)


def test_a_backfill_goes_on_with_what_is_missing_and_nothing_else(place: Workspace, say: Say) -> None:
    place.execute(BROKEN)
    said = say("backfill", "--partition", "day=2024-01-02..2024-01-05", code=1)
    assert said.count("negative") == 1
    assert "Go on with: penstock backfill --resume " in said
    assert "5           3      open" in say("backfill", "--list")
    place.execute(MENDED)
    left = say("backfill", "--resume", "--dry-run")
    assert "raw.orders  1           2024-01-04" in left
    assert "2024-01-06" not in left, "it was not asked for"
    assert "Backfill of 2 partitions of 2 assets" in say("backfill", "--resume")
    assert place.query("select count(*), count(distinct order_id) from raw.orders") == [(20, 20)]
    assert "5           5      success" in say("backfill", "--list")


def test_a_cancelled_backfill_has_ended(place: Workspace, say: Say) -> None:
    assert "there is no open backfill" in say("backfill", "--cancel", code=2)
    place.execute(BROKEN)
    say("backfill", "--partition", "day=2024-01-02..2024-01-05", code=1)
    one = place.query("select backfill_id from penstock.backfill")[0][0]
    assert f"Backfill {one} is cancelled." in say("backfill", "--cancel", one[:9])
    assert "has ended: cancelled" in say("backfill", "--resume", one, code=2)
    assert place.query("select count(*) from raw.orders") == [(15,)], "what was built stays"


def test_more_partitions_than_expected_are_refused_with_the_way_to_go_on(place: Workspace, say: Say) -> None:
    said = say("build", "--max-partitions", "5", code=2)
    assert "6 partitions of raw.orders are due, more than --max-partitions 5" in said
    assert "penstock build --max-partitions 6" in said
    say("build", "--max-partitions", "6")
    assert place.query("select count(*) from raw.orders") == [(30,)]


def test_a_plan_says_how_many_and_from_history_how_much(place: Workspace, say: Say) -> None:
    assert "never_built  (6 partitions)" in say("plan")
    say("build", "--partition", "2024-01-01..2024-01-02")
    assert "partition_missing  (4 partitions, about 20 rows in " in say("plan")
    assert "raw.orders  4           2024-01-03..2024-01-06  20    " in say("backfill", "--dry-run", "--partition", "day=2024-01-01..")


def test_a_map_shows_what_is_held_missing_and_failed(place: Workspace, say: Say) -> None:
    place.execute(BROKEN)
    say("build", "--partition", "2024-01-02..2024-01-05", code=1)
    said = say("status", "--partitions", "raw.orders")
    assert "2024-01  .##x#." in said
    assert "# 3 held, . 2 missing, x 1 failed" in said


@pytest.mark.parametrize("command", ["backfill", "build", "plan"])
def test_a_selection_of_nothing_ends_well_with_a_warning(command: str, say: Say) -> None:
    assert "the selection criterion 'nothing' matches nothing" in say(command, "-s", "nothing", "--partition", "2024-01-02")
