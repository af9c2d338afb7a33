"""Retries, timeouts, pools and `penstock retry`: natively and through dbt, each attempt on record, each command a process of its own."""

from __future__ import annotations

import re

import pytest
from conftest import Make
from workspace import Workspace

ENDLESS = "select count(*) as n from range(100000000) a(i), range(100000000) b(j) where i * j % 7 = 3"
ANY = "'retries': {'attempts': 3, 'backoff': 0, 'on': ['any']}"


def table(query: str, limits: str) -> str:
    """A model that is a table, with limits."""
    return f"{{{{ config(materialized='table', meta={{'penstock': {{{limits}}}}}) }}}}\n{query}\n"


def flaky(sequence: str, times: int, words: str) -> str:
    """A query that fails that many times of a process: a sequence does not go back when a transaction does."""
    return f"select case when nextval('{sequence}') <= {times} then error('{words}') else 42 end as n"


FAILING = {
    "models/lost.sql": table(flaky("one", 1, "connection lost"), "'retries': {'attempts': 3, 'backoff': 0}"),
    "models/rainy.sql": table(flaky("two", 2, "it rains"), ANY),
    "models/hopeless.sql": table(flaky("three", 99, "it rains"), "'retries': {'attempts': 3, 'backoff': 0}"),
    "models/wrong.sql": table("select nosuch from (select 1 as n)", ANY),
    "models/slow.sql": table(ENDLESS, "'timeout': '1s'"),
    "models/below.sql": "{{ config(materialized='table') }}\nselect n from {{ ref('slow') }}\n",
    "models/beside.sql": "{{ config(materialized='table') }}\nselect n from {{ ref('lost') }}\n",
    "models/tests.yml": """\
version: 2
models:
  - name: beside
    columns:
      - name: n
        data_tests:
          - accepted_values:
              name: never_43
              arguments: {values: [43], quote: false}
              config: {meta: {penstock: {when: after, retries: {attempts: 3, backoff: 0, on: [any]}}}}
""",
}


def attempts(place: Workspace) -> dict[str, list[str]]:
    """Return the statuses of the attempts of the last run at each asset, in order."""
    found: dict[str, list[str]] = {}
    sql = 'select asset, "partition", status from penstock.attempt where run_id = (select max(run_id) from penstock.run) order by token'
    for asset, partition, status in place.query(sql):
        found.setdefault(f"{asset.split('.')[-1]}{':' if partition else ''}{partition}", []).append(status)
    return found


@pytest.mark.parametrize("executor", ["auto", "dbt"])
def test_what_may_be_mended_is_tried_again_and_retry_goes_on_with_the_rest(executor: str, make: Make) -> None:
    place = make(FAILING)
    place.execute("create sequence one; create sequence two; create sequence three")
    done = place.penstock("build", "--executor", executor).expect(1)
    assert attempts(place) == {
        "lost": ["failed", "success"], "rainy": ["failed", "failed", "success"], "hopeless": ["failed"], "wrong": ["failed"],
        "slow": ["failed"], "beside": ["success"],
    }  # fmt: skip
    assert "timed out after 1s" in done.stdout and "SELECT 1 (attempt 2)" in done.stdout and "SELECT 1 (attempt 3)" in done.stdout
    assert "lost: attempt 1 of 3 failed (transient), the next in 0.0s" in done.stdout
    assert place.query("select error from penstock.attempt where asset = 'model.small.slow'") == [("timed out after 1s",)]
    assert place.query("select count(*) from penstock.check_result") == [(1,)]
    assert place.query("select n from lost union all select n from rainy union all select n from beside") == [(42,)] * 3

    place.write({
        "models/hopeless.sql": table("select 7 as n", "'retries': {'attempts': 3}"),
        "models/wrong.sql": table("select 8 as n", ANY),
        "models/slow.sql": table("select 9 as n", "'timeout': '1s'"),
        "models/tests.yml": FAILING["models/tests.yml"].replace("[43]", "[42]"),
        "models/beside.sql": "{{ config(materialized='table') }}\nselect n, 'new code, but that run did build it' as why from {{ ref('lost') }}\n",
    })  # fmt: skip
    again = place.penstock("retry", "--executor", executor).expect(0)
    assert "Retrying 5 assets and tests of run" in again.stdout
    assert re.search(r"  failed: .*hopeless", again.stdout) and "  skipped: below" in again.stdout and "  fail: never_43" in again.stdout
    assert attempts(place) == {"hopeless": ["success"], "wrong": ["success"], "slow": ["success"], "below": ["success"]}
    assert place.query("select command, status from penstock.run_history order by run_id desc limit 1") == [("retry", "success")]
    assert "left nothing to retry" in place.penstock("retry").expect(0).stdout


def test_a_run_is_found_by_the_start_of_its_id_and_an_unknown_one_is_told_its_neighbours(small: Workspace) -> None:
    ((run,),) = small.query("select run_id from penstock.run")
    assert f"Run {run} (success) left nothing to retry" in small.penstock("retry", run[:9]).expect(0).stdout
    unknown = small.penstock("retry", run[:-1] + "!").expect(2)
    assert f"there is no run `{run[:-1]}!`" in unknown.stderr and f"Did you mean {run}?" in unknown.stderr
    assert f"The last runs: {run}." in small.penstock("retry", "????").expect(2).stderr


def test_what_a_killed_process_left_is_retried(small: Workspace) -> None:
    small.replace("models/doubled.sql", "n * 2", "n * 3")
    small.env["PENSTOCK_FAILPOINT"] = "commit.before=1:kill"
    assert small.penstock("build").code < 0
    small.env.clear()
    again = small.penstock("retry").expect(0)
    assert re.search(r"Retrying \d+ assets and tests of run \w+ \(unfinished", again.stdout), again.stdout
    assert small.query("select sum(twice) from doubled") == [(18,)]
    assert attempts(small) == {"doubled": ["success"], "coloured": ["success"]}


def test_a_forced_build_is_retried_by_force_on_its_own_target(small: Workspace) -> None:
    small.replace(
        "profiles.yml",
        "  target: dev\n  outputs:\n",
        '  target: dev\n  outputs:\n    other: {type: duckdb, path: "{{ flags.PROFILES_DIR }}/warehouse.duckdb", schema: elsewhere}\n',
    )
    small.env["PENSTOCK_FAILPOINT"] = "write.after=1:raise"
    small.penstock("build", "--target", "other", "--force", "-s", "stg_numbers", "doubled", "--no-checks", "--threads", "1")
    small.env.clear()
    again = small.penstock("retry").expect(0)
    assert "target other" in again.stdout
    ((run,),) = small.query("select max(run_id) from penstock.run")
    rows = small.query("select target, selection <> '' from penstock.run where run_id = ?", [run])
    assert rows == [("other", True)]
    decisions = small.query("select asset, decision, reason from penstock.decision where run_id = ? and decision <> 'MAYBE'", [run])
    assert {(decision, reason) for _, decision, reason in decisions} == {("BUILD", "forced")}
    assert small.query("select count(*) from elsewhere.doubled") == [(3,)]


def test_no_more_of_a_pool_run_at_once_than_it_has_slots(make: Make) -> None:
    busy = "select count(*) as n from range(7000) a(i), range(7000) b(j) where i * j % 7 = 3"
    place = make({
        "penstock.yml": "pools: {api: 1}\n",
        **{f"models/p{number}.sql": table(busy, "'pool': 'api'") for number in range(3)},
        "models/q.sql": table(busy, "'timeout': '1h'"),
    })  # fmt: skip
    place.penstock("build").expect(0)
    spans = place.query("select started_at, finished_at from penstock.attempt where asset like 'model.small.p_' order by started_at")
    assert len(spans) == 3
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False)), spans
    ((started,),) = place.query("select started_at from penstock.attempt where asset = 'model.small.q'")
    assert started < spans[1][0], "who is in no pool does not wait for one"

    place.write({"models/p0.sql": table(busy, "'pool': 'apy'"), "models/p1.sql": table(busy, "'timeout': 'soon'")})
    wrong = place.penstock("build").expect(2)
    assert "models/p0.sql: the pool `apy` is not in penstock.yml" in wrong.stderr and "Did you mean `api`?" in wrong.stderr
    assert "models/p1.sql: `timeout: soon` is not a duration" in wrong.stderr
    assert place.query("select count(*) from penstock.run") == [(1,)]


DAILY = """\
-- ---
-- partitions: {day: {every: day, start: 2024-01-01, end: 2024-01-04, column: day}}
-- retries: {attempts: 2, backoff: 0, on: [any]}
-- ---
select $day::date as day, n::integer as n from read_csv('data/' || $day || '.csv', header = true, columns = {'n': 'varchar'})
"""
HELD = "select \"partition\", token from penstock.current_materialization where asset = 'ingest.raw.days' order by 1"


def test_of_partitions_only_those_that_failed_are_tried_again_and_only_those_of_the_run_are_retried(make: Make) -> None:
    place = make({
        "ingest/raw/days.sql": DAILY, "models/below.sql": "{{ config(materialized='table') }}\nselect 1 as n\n",
        **{f"data/2024-01-0{day}.csv": "n\n1\n" for day in (1, 3)}, "data/2024-01-02.csv": "n\nbad\n",
    })  # fmt: skip
    place.penstock("build").expect(1)
    days = {f"days:2024-01-0{day}": ["success"] for day in (1, 3)}
    assert attempts(place) == {**days, "days:2024-01-02": ["failed", "failed"], "below": ["success"]}
    before = dict(place.query(HELD))
    place.write({"data/2024-01-01.csv": "n\n5\n", "data/2024-01-02.csv": "n\n2\n"})
    again = place.penstock("retry").expect(0)
    assert "  failed: raw.days (1 partitions)" in again.stdout or "  failed: ingest.raw.days (1 partitions)" in again.stdout
    assert attempts(place) == {"days:2024-01-02": ["success"]}
    after = dict(place.query(HELD))
    assert sorted(after) == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert {key: after[key] for key in before} == before
    assert place.query("select sum(n) from raw.days") == [(4,)]
