"""Several partitions in one query hold what each query by itself would have given, or they are not put into one query."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path

import pytest
from clocked import Clocked, clocked
from workspace import Workspace

NOW = datetime(2024, 1, 9, 12)
TOGETHER = {
    "plain": "select id, day, k, v from {base}",
    "filtered": "select id, day, v from {base} where v > 20 and k <> 2",
    "computed": "select b.id, b.v * 2 as v, upper(d.name) as name, b.day from {base} as b join {dim} as d using (k)",
    "grouped": "select day, k, sum(v) as v, count(distinct id) as ids, list(v order by id) as all_v from {base} group by day, k",
    "having": "select day, max(v) as v from {base} group by day having count(*) > 3",
    "distinct_rows": "select distinct day, k from {base}",
    "within_the_day": "select id, day, row_number() over (partition by day order by v, id) as place from {base}",
    "kept_within_the_day": "select id, day, v from {base} qualify row_number() over (partition by day, k order by v desc, id) = 1",
    "with_cte": "with picked as (select * from {base} where k = 1), more as (select day, count(*) as n from picked group by day) select * from more",
    "in_subquery": "select day, s from (select day, sum(v) as s from {base} group by 1) as t where s > 10",
    "joined_whole": "select b.day, b.id, d.name, d.total from {base} as b left join (select k, name, sum(k) over () as total from {dim}) as d using (k)",
    "renamed": "select id as k, b.day as day, k as id from {base} as b",
    "united": "select day, id, 'a' as side from {base} where k = 0 union all select day, id, 'b' from {base} where k = 1",
    "semi_joined": "select day, id from {base} where k in (select k from {dim} where name <> 'n1')",
}
ALONE = {
    "running": "select id, day, sum(v) over (order by day, id) as running from {base}",
    "lagging": "select id, day, lag(v) over (partition by k order by day, id) as before from {base}",
    "latest_of_each": "select k, day, v from {base} qualify row_number() over (partition by k order by day desc, id desc) = 1",
    "distinct_on": "select distinct on (k) k, day, v from {base} order by k, day, id",
    "first_of_all": "select id, day, v from {base} order by v desc, id limit 4",
    "last_day_of_each": "select k, max(day) as day, sum(v) as v from {base} group by k",
    "share_of_all": "select id, day, v / (select sum(v) from {base}) as share from {base}",
    "first_seen": "select id, day from {base} as b where not exists (select 1 from {base} as e where e.k = b.k and e.day < b.day)",
    "self_joined": "select a.id, a.day, count(b.id) as others from {base} as a left join {base} as b on a.k = b.k group by all",
    "with_totals": "select coalesce(day, date '2024-01-03') as day, k, sum(v) as v from {base} group by rollup (day, k)",
    "days_in_all": "with days as (select count(distinct day) as n from {base}) select id, day, n from {base}, days",
    "moved": "select id, day + 1 as day, v from {base}",
    "once_anywhere": "select day, id from {base} except all select day + 1, id from {base}",
    "any_of_each": "select id, min(day) over (partition by id) as day, v from {base}",
    "outer_side": "select d.k, b.day, count(b.id) over () as rows_seen from {dim} as d left join {base} as b using (k)",
}
SHAPES = TOGETHER | ALONE
META = "materialized='table', meta={'penstock': {'partitions': {'day': {'every': 'day', 'start': '2024-01-01'}}MORE}}"
MICROBATCH = "materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='day', begin='2024-01-01'"
NAMES = {"base": "{{ ref('base') }}", "dim": "{{ source('raw', 'dim') }}"}


def model(kind: str, query: str, *, single: bool) -> str:
    """Return a model of one of the two kinds, one partition a query or as many as there may be."""
    if kind == "meta":
        config = META.replace("MORE", ", 'batch': 1" if single else "")
    else:
        config = MICROBATCH + (", meta={'penstock': {'batch': 1}}" if single else "")
    return f"{{{{ config({config}) }}}}\n{query.format(**NAMES)}\n"


def raw(seed: int) -> str:
    """Return a script for small random tables."""
    made = random.Random(seed)
    rows = ", ".join(
        f"({made.randint(1, 30)}, date '2024-01-01' + {made.choice([0, 0, 1, 2, 3, 5, 6, 7, 8])}, {made.randint(0, 3)}, {made.randint(0, 50)})"
        for _ in range(made.randint(1, 60))
    )
    return f"""create schema if not exists raw;
    create or replace table raw.ev as select distinct on (id, day) * from (values {rows}) as t(id, day, k, v);
    create or replace table raw.dim as select i as k, 'n' || i as name from range({made.randint(1, 4)}) as r(i);"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Clocked:
    """Each shape four times: by microbatch and by `meta`, one partition at a time and as the shape allows."""
    folder: Path = tmp_path_factory.mktemp("coalescing") / "project"
    place = Workspace(folder, folder / "warehouse.duckdb")
    files = {
        "models/sources.yml": "version: 2\nsources: [{name: raw, tables: [{name: ev, config: {event_time: day}}, {name: dim}]}]\n",
        "models/base.sql": f"{{{{ config({MICROBATCH}) }}}}\nselect * from {{{{ source('raw', 'ev') }}}}\n",
        **{
            f"models/{kind}_{name}_{'single' if single else 'free'}.sql": model(kind, query, single=single)
            for kind in ("meta", "batch")
            for name, query in SHAPES.items()
            for single in (True, False)
        },
    }
    return clocked(place, NOW, files)


def queries(project: Clocked, run_id: str, name: str) -> int:
    """Return with how many queries a run wrote the partitions of a model."""
    sql = "select count(distinct started_at) from penstock.attempt where run_id = ? and asset = ?"
    return int(project.workspace.query(sql, [run_id, f"model.small.{name}"])[0][0])


def check(project: Clocked) -> None:
    """Check that one query and many made the same of everything."""
    different = [
        f"{kind}_{name}" for kind in ("meta", "batch") for name in SHAPES
        if project.rows(f"from {kind}_{name}_free") != project.rows(f"from {kind}_{name}_single")
    ]  # fmt: skip
    assert not different


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 8))])
def test_many_partitions_in_one_query_are_what_each_by_itself_is(seed: int, project: Clocked) -> None:
    project.workspace.execute(raw(seed))
    report = project.build(full_refresh=True)
    assert len(project.held("base")) == 9
    check(project)
    project.workspace.execute(
        """update raw.ev set v = v + 7 where day in ('2024-01-03', '2024-01-04', '2024-01-08');
        update raw.dim set name = name || 'x' where k = 0"""
    )
    project.build()
    check(project)
    for kind in ("meta", "batch"):
        counted = {name: queries(project, report.run_id, f"{kind}_{name}_free") for name in SHAPES}
        assert not {name for name, count in counted.items() if count == 1} - set(TOGETHER), "these must not be put into one query"
        assert not {name for name, count in counted.items() if count > 1} - set(ALONE), "these can be"
