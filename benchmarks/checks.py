"""Compare data tests: `dbt test` and `penstock check`, of 20 tests on one large table, and of 200 on 100 small models."""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import Cost, run
from report import GOAL_HEAD, Verdict, aligned

BIN = Path(sys.executable).parent
PROJECT = """\
name: tested
version: '1.0'
profile: tested
flags: {send_anonymous_usage_stats: false}
"""
PROFILES = "tested: {target: dev, outputs: {dev: {type: duckdb, path: tested.duckdb, threads: 2}}}\n"
BIG = """\
{{{{ config(materialized='table') }}}}
select range as id, (hash(range) % 1000)::integer as amount, (hash(range) % 7)::utinyint as weekday, 'c' || (range % 50) as country,
    'name ' || (hash(range) % 100000) as name, timestamp '2020-01-01' + to_seconds(range) as seen_at, (hash(range) % 100) / 100.0 as share
from range({rows})
"""
BIG_TESTS = """\
models:
  - name: big
    columns:
      - {name: id, data_tests: [not_null, unique, {at_least: {arguments: {value: 0}}}]}
      - {name: amount, data_tests: [not_null, {at_least: {arguments: {value: 0}}}, {at_most: {arguments: {value: 999}}}]}
      - name: weekday
        data_tests:
          - not_null
          - accepted_values: {arguments: {values: [0, 1, 2, 3, 4, 5, 6], quote: false}}
          - at_most: {arguments: {value: 6}}
      - {name: country, data_tests: [not_null, {matches: {arguments: {pattern: '^c[0-9]+$'}}}, {shorter: {arguments: {length: 4}}}]}
      - {name: name, data_tests: [not_null, {matches: {arguments: {pattern: '^name '}}}, {shorter: {arguments: {length: 20}}}]}
      - {name: seen_at, data_tests: [not_null, {at_least: {arguments: {value: "timestamp '2020-01-01'"}}}]}
      - {name: share, data_tests: [not_null, {at_least: {arguments: {value: 0}}}, {at_most: {arguments: {value: 1}}}]}
"""
MACROS = """\
{% test at_least(model, column_name, value) %}select * from {{ model }} where {{ column_name }} < {{ value }}{% endtest %}
{% test at_most(model, column_name, value) %}select * from {{ model }} where {{ column_name }} > {{ value }}{% endtest %}
{% test matches(model, column_name, pattern) %}
select * from {{ model }} where not regexp_matches({{ column_name }}, '{{ pattern }}')
{% endtest %}
{% test shorter(model, column_name, length) %}select * from {{ model }} where length({{ column_name }}) > {{ length }}{% endtest %}
"""
SMALL = "{{ config(materialized='table') }}\nselect range as id, 'v' || range as v from range(100)\n"


@dataclass(frozen=True)
class Case:
    """One project: its models and properties, how many tests these make, and the goal as a share of dbt's seconds."""

    name: str
    files: Mapping[str, str]
    tests: int
    goal: float


def cases(rows: int) -> list[Case]:
    """Return both projects; `rows` is the large table's number of rows."""
    small = {f"models/m{number:03}.sql": SMALL for number in range(100)}
    columns = "columns: [{name: id, data_tests: [unique]}, {name: v, data_tests: [not_null]}]"
    models = "\n".join(f"  - {{name: m{number:03}, {columns}}}" for number in range(100))
    return [
        Case(f"20 tests on {rows:,} rows", {"models/big.sql": BIG.format(rows=rows), "models/big.yml": BIG_TESTS}, 20, 0.35),
        Case("200 tests on 100 small models", {**small, "models/small.yml": f"models:\n{models}\n"}, 200, 0.15),
    ]


def write_project(folder: Path, case: Case) -> None:
    """Write a project, and build its models."""
    files = {"dbt_project.yml": PROJECT, "profiles.yml": PROFILES, "macros/tests.sql": MACROS, **case.files}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run((BIN / "penstock", "run", "-q"), cwd=folder, check=True)


def measured(case: Case, rounds: int) -> tuple[Cost, Cost]:
    """Return the best of some rounds of `dbt test` and of `penstock check`, turn by turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, case)
        found: dict[str, list[Cost]] = {"dbt test": [], "penstock check": []}
        for _ in range(rounds + 1):  # the first of each reads the project and compiles
            for words, costs in found.items():
                costs.append(run([str(BIN / words.split()[0]), *words.split()[1:]], folder))
        dbt, penstock = (min(costs[1:], key=lambda cost: cost.wall) for costs in found.values())
        return dbt, penstock


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and return 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args(arguments)
    costs, verdicts = [], []
    for case in cases(options.rows):
        dbt, penstock = measured(case, options.rounds)
        share = penstock.wall / dbt.wall
        for words, cost in (("dbt test", dbt), ("penstock check", penstock)):
            costs.append((f"{case.name}: {words}", f"{cost.wall:.2f}", f"{cost.cpu:.2f}", f"{cost.peak_mb:.0f}"))
        verdicts.append(Verdict(f"{case.name}: wall <= {case.goal} x dbt test", f"{share:.3f} x", share <= case.goal))
    print(aligned(("checks", "wall s", "CPU s", "peak MB"), costs))
    print()
    print(aligned(GOAL_HEAD, [verdict.cells() for verdict in verdicts]))
    return 0 if all(verdict.met for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
