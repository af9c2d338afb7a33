"""dbt projects made from a seed, in rounds: what the files and the raw tables are before each build."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from small_project import PLACE

Files = Mapping[str, str | None]


@dataclass(frozen=True)
class Round:
    """What changes before a build: files (None removes one), a script for the raw tables, and flags of the build."""

    files: Files
    raw: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """A project and its rounds; `clock` and `leave_out` are for `compare`, the latter from the second round on."""

    name: str
    rounds: tuple[Round, ...]
    clock: frozenset[str] = frozenset()
    leave_out: frozenset[str] = frozenset()


def raw_tables(seed: int, rows: int) -> str:
    """Return the script that makes `raw.facts` and `raw.groups`; another seed changes some rows, more rows add some."""
    return f"""
create schema if not exists raw;
create or replace table raw.facts as
select
  i::bigint as id,
  ['north', 'south', 'Öst', 'it''s "west"', null][1 + (md5_number('g' || i) % 5)::integer] as grp,
  ((md5_number('v' || i || case when i % 7 = 0 then '{seed}' else '' end) % 100000)::bigint / 100)::decimal(18, 2) as val,
  date '2024-01-01' + (md5_number('d' || i) % 60)::integer as day
from range({rows}) as r(i);
create or replace table raw.groups as
select * from (values ('north', 1), ('south', 2), ('Öst', 3), ('it''s "west"', 4)) as g(grp, rank);
"""


_TYPES_MODEL = """\
{{ config(materialized='table') }}
select
  grp,
  list(id order by id) as ids,
  {'first': min(day), 'last': max(day)} as span,
  map([grp], [count(*)]) as counted,
  count(*)::hugeint as many,
  avg(val)::decimal(20, 4) as mean,
  min(day)::timestamp + interval 90 minutes as moment,
  interval 3 days as gap,
  'a'::blob as bytes,
  timestamptz '2024-02-03 04:05:06+00' as zoned,
  uuid '00112233-4455-6677-8899-aabbccddeeff' as known_id,
  'x'::enum('x', 'y') as letter,
  null as nothing,
  bool_and(val > 0) as positive
from {{ ref('base') }}
where grp is not null
group by grp
"""


class _Layers:
    """Writes models of one shape (id, grp, val, day), each made from earlier ones by a random operation."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = ["base"]

    def models(self, count: int) -> dict[str, str]:
        """Return that many models by path."""
        written = {}
        for number in range(count):
            name = f"m{number:02}"
            operation = self.random.choice(self.operations)
            kind = self.random.choice(["view", "view", "table", "ephemeral"])
            body = operation(self)
            written[f"models/layer{number // 5}/{name}.sql"] = f"{{{{ config(materialized='{kind}') }}}}\n{body}\n"
            self.names.append(name)
        return written

    def any(self) -> str:
        return "{{ ref('" + self.random.choice(self.names[-6:]) + "') }}"

    def filtered(self) -> str:
        return f"select id, grp, val, day from {self.any()} where id % {self.random.randint(3, 6)} <> 1 -- a filter"

    def united(self) -> str:
        return f"select id, grp, val, day from {self.any()}\nunion\nselect id + 1000, grp, val / 2, day from {self.any()} where id % 5 = 0"

    def windowed(self) -> str:
        return (
            "with ranked as (\n  select *, sum(val) over (partition by grp order by day, id) as running\n"
            f"  from {self.any()}\n)\nselect id, grp, running::decimal(18, 2) as val, day from ranked where id % 9 <> 4"
        )

    def grouped(self) -> str:
        return f"select min(id) as id, grp, sum(val)::decimal(18, 2) as val, day from {self.any()} group by grp, day"

    def joined(self) -> str:
        return (
            "select a.id, a.grp, (a.val + coalesce(b.val, 0))::decimal(18, 2) as val, greatest(a.day, b.day) as day\n"
            f"from {self.any()} as a\nleft join (select grp, max(val) as val, min(day) as day from {self.any()} group by grp) as b\n"
            "  on a.grp = b.grp"
        )

    operations: tuple[Callable[[_Layers], str], ...] = (filtered, united, windowed, grouped, joined)


def layered(seed: int = 7, models: int = 22) -> Scenario:
    """Views, tables and ephemeral models over a source, with generic and singular tests; three rounds of edits."""
    files = _Layers(seed).models(models)
    leaf = f"m{models - 1:02}"
    tests = f"""\
version: 2
sources:
  - name: raw
    schema: raw
    tables:
      - name: facts
        columns: [{{name: id, data_tests: [not_null, unique]}}]
      - name: groups
models:
  - name: base
    columns:
      - name: id
        data_tests: [not_null, {{unique: {{config: {{where: "id > 3", limit: 10}}}}}}]
      - name: grp
        data_tests:
          - not_null: {{config: {{severity: warn}}}}
          - not_null: {{name: few_unknown_groups, config: {{error_if: ">1000", warn_if: ">2", fail_calc: "count(*)"}}}}
          - relationships: {{arguments: {{to: "source('raw', 'groups')", field: grp}}}}
  - name: {leaf}
    columns:
      - name: day
        data_tests: [not_null]
"""
    first = {
        **PLACE, **files, "models/schema.yml": tests, "models/types.sql": _TYPES_MODEL,
        "models/base.sql": "{{ config(materialized='view') }}\nselect id, grp, val, day from {{ source('raw', 'facts') }}",
        "models/ranked.sql": "select g.rank, l.* from {{ ref('" + leaf + "') }} as l join {{ source('raw', 'groups') }} g using (grp)",
        "tests/no_negative.sql": "select * from {{ ref('base') }} where val < 0",
    }  # fmt: skip
    as_table = {
        path: text.replace("'view'", "'tmp'").replace("'table'", "'view'").replace("'tmp'", "'table'") for path, text in files.items()
    }
    second = {"models/base.sql": str(first["models/base.sql"]) + " where id <> 5", "models/types.sql": _TYPES_MODEL + "having count(*) > 1"}
    return Scenario(
        "layered",
        (
            Round(first, raw_tables(1, 200)),
            Round(second, raw_tables(2, 230)),
            Round({**as_table, "models/ranked.sql": None}),
        ),
    )
