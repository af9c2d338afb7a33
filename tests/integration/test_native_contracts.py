"""Enforced contracts that Penstock checks itself: the same models pass and fail as in dbt, with the same columns in the same order."""

from __future__ import annotations

from pathlib import Path

from compare import compare, read
from small_project import PLACE
from workspace import Dbt, Workspace

CONTRACTS = {
    # name: query, columns of the contract, whether it holds
    "same": ("select 1 as id, 'x' as name", "id: integer, name: varchar", True),
    "other_order": ("select 'x' as name, 1 as id", "id: int, name: text", True),
    "aliases": ("select 1::bigint as a, 1::double as b, true as c", "a: int8, b: double precision, c: bool", True),
    "cast_text": ("select 'longer' as a", "a: varchar(3)", True),
    "exact": ("select 1.5::decimal(18, 3) as a", "a: 'decimal(18, 3)'", True),
    "zoned": ("select timestamptz '2024-01-01 00:00:00+00' as a", "a: timestamp with time zone", True),
    "lists": ("select [1, 2] as a, [[1]] as b", "a: 'integer[]', b: 'integer[][]'", True),
    "nothing": ("select null as a", "a: integer", False),
    "narrower": ("select 1::bigint as a", "a: integer", False),
    "wider": ("select 1 as a", "a: bigint", False),
    "scale": ("select 1.5::decimal(18, 2) as a", "a: 'decimal(18, 3)'", False),
    "more": ("select 1 as a, 2 as b", "a: integer", False),
    "fewer": ("select 1 as a", "a: integer, b: integer", False),
    "renamed": ("select 1 as a, 2 as c", "a: integer, b: integer", False),
    "cased": ("select 1 as A", "a: integer", False),
    "twice": ("select 1 as a, 2 as a", "a: integer, a_1: integer", True),
    "twice_missing": ("select 1 as a, 2 as a", "a: integer, b: integer", False),
    "no_type": ("select 1 as a", "a: no_such_type", False),
    "reserved_off": ('select 1 as "weird name"', "weird_name: integer", False),
}


def project(materialized: str) -> dict[str, str]:
    files = dict(PLACE)
    lines = ["version: 2", "models:"]
    for name, (query, columns, _) in CONTRACTS.items():
        files[f"models/{name}.sql"] = f"{query}\n"
        listed = [column.split(": ", 1) for column in _split(columns)]
        lines.append(f"  - {{name: {name}, config: {{materialized: {materialized}, contract: {{enforced: true}}}},")
        lines.append(f"     columns: [{', '.join(f'{{name: {one}, data_type: {kind}}}' for one, kind in listed)}]}}")
    return {**files, "models/schema.yml": "\n".join(lines) + "\n"}


def _split(columns: str) -> list[str]:
    """Split a list of columns at the commas between them."""
    parts: list[str] = []
    for part in columns.split(", "):
        if ": " in part:
            parts.append(part)
        else:
            parts[-1] += f", {part}"
    return parts


def test_the_same_contracts_hold_and_fail_as_in_dbt_and_leave_the_same_relations(tmp_path: Path, dbt: Dbt) -> None:
    for materialized in ("table", "view"):
        places = [tmp_path / materialized / way for way in ("native", "plain")]
        native, plain = (Workspace(place, place / "warehouse.duckdb") for place in places)
        for workspace in (native, plain):
            workspace.write(project(materialized))
        said = native.penstock("build", "--executor", "native").expect(1)
        assert "does not cover" not in said.text
        _, words = dbt.attempt("build", project=plain.folder)
        holds = {line.split()[1].rsplit(".", 1)[-1]: line.startswith("success") for line in words if line.startswith(("success", "error"))}
        assert holds == {name: held for name, (_, _, held) in CONTRACTS.items()}
        assert {name.removeprefix("main.") for name in read(native.database)} == {name for name, held in holds.items() if held}
        problems = compare(native.database, plain.database)
        assert not problems, "\n".join(problems)
        assert native.query("select distinct executor from penstock.attempt") == [("native",)]


def test_what_is_broken_is_told_column_by_column_and_readers_keep_what_they_had(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "project", tmp_path / "project" / "warehouse.duckdb")
    schema = (
        "version: 2\nmodels:\n  - name: promised\n    config: {contract: {enforced: true}, materialized: table}\n"
        "    columns: [{name: id, data_type: integer}, {name: name, data_type: varchar}]\n"
    )
    place.write({**PLACE, "models/promised.sql": "select 'x' as name, 1 as id\n", "models/schema.yml": schema})
    place.penstock("build").expect(0)
    place.write({"models/promised.sql": "select 1::bigint as id, 2 as more\n"})
    said = place.penstock("build").expect(1).text
    for line in (
        "id: BIGINT in the query, INTEGER in the contract",
        "more: INTEGER in the query, missing in the contract",
        "name: missing in the query, VARCHAR in the contract",
    ):
        assert line in said
    assert place.query("select id, name from promised") == [(1, "x")]
    place.replace("models/schema.yml", "data_type: integer", "data_type: bigint")
    place.replace("models/schema.yml", "{name: name, data_type: varchar}", "{name: more, data_type: integer}")
    place.penstock("build").expect(0)
    assert place.query("select * from promised") == [(1, 2)]


REQUIRED = """\
version: 2
models:
  - name: kept
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: integer, constraints: [{type: not_null}]}
      - {name: name, data_type: varchar}
  - name: broken
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: integer, constraints: [{type: not_null, name: named}]}
      - {name: name, data_type: varchar, constraints: [{type: not_null}]}
"""


def test_columns_that_must_have_values_refuse_rows_and_stand_as_in_dbt(tmp_path: Path, dbt: Dbt) -> None:
    for materialized in ("table", "view"):
        places = [tmp_path / materialized / way for way in ("native", "plain")]
        native, plain = (Workspace(place, place / "warehouse.duckdb") for place in places)
        for workspace in (native, plain):
            files = {**PLACE, "models/schema.yml": REQUIRED}
            for name in ("kept", "broken"):
                files[f"models/{name}.sql"] = (
                    f"{{{{ config(materialized='{materialized}') }}}}\nselect null::varchar as name, {1 if name == 'kept' else 'null'}::int as id\n"
                )
            workspace.write(files)
        planned = native.penstock("plan", "--sql").expect(0).text
        assert (planned.count("set not null") == 3, 'select "id", "name"' in planned) == (materialized == "table",) * 2
        said = native.penstock("build", "--executor", "native").expect(int(materialized == "table")).text
        success, words = dbt.attempt("build", project=plain.folder)
        assert success == (materialized == "view")
        if materialized == "table":
            for text in (said, "\n".join(words)):
                assert "NOT NULL constraint failed: broken" in text
        assert set(read(native.database)) == ({"main.kept"} if materialized == "table" else {"main.kept", "main.broken"})
        assert not compare(native.database, plain.database)


def test_a_table_that_reads_itself_keeps_its_rows_under_a_contract(tmp_path: Path, dbt: Dbt) -> None:
    places = [tmp_path / way for way in ("native", "plain")]
    native, plain = (Workspace(place, place / "warehouse.duckdb") for place in places)
    query = "{{ config(materialized='table') }}\nselect null::varchar as name, count(*)::int as id from {{ this }}\n"
    for workspace in (native, plain):
        workspace.write({**PLACE, "models/schema.yml": REQUIRED.partition("  - name: broken")[0], "models/kept.sql": query})
        workspace.execute("create table kept as select range from range(7)")
    native.penstock("build", "--executor", "native").expect(0)
    dbt("build", project=plain.folder)
    assert native.query("select id from kept") == plain.query("select id from kept") == [(7,)]
