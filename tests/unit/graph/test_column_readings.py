"""Column lineage kept up to date: what is read again, what is not, and what is said where nothing can be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import pytest
from penstock.assets.names import RelationName
from penstock.errors import ProjectError
from penstock.graph.column_readings import ColumnReading, ColumnsOnRecord, NodeQuery, changed_readings, reading_of_all

KNOWN = {"raw": ("id", "amount", "noise")}


def key_of(name: RelationName) -> str | None:
    return None if "/" in name.identifier or name.identifier.startswith("foreign") else name.identifier.lower()


def node(key: str, sql: str, code: str = "1", parents: tuple[str, ...] = ()) -> NodeQuery:
    return NodeQuery(key, code, partial(str, sql), parents)


def failing(key: str, error: Exception, parents: tuple[str, ...] = ()) -> NodeQuery:
    def text() -> str:
        raise error

    return NodeQuery(key, "1", text, parents)


STG = node("stg", "select id, amount * 2 as price, noise from raw")
FCT = node("fct", "select * exclude (noise) from stg")
REP = node("rep", "select sum(price) as total from fct group by id")
SHOP = (STG, FCT, REP)


def read(
    queries: Iterable[NodeQuery] = SHOP,
    recorded: Mapping[str, ColumnReading] | None = None,
    known: Mapping[str, tuple[str, ...]] | None = None,
    standing: tuple[str, ...] = (),
) -> dict[str, ColumnReading]:
    on_record = {key: reading.on_record for key, reading in (recorded or {}).items()}
    return {one.key: one for one in changed_readings(queries, key_of, KNOWN | (known or {}), on_record, standing=standing)}


def edges(reading: ColumnReading) -> set[str]:
    return {f"{edge.from_asset}.{edge.from_column} {edge.flow} {edge.to_column}".strip() for edge in reading.edges}


def test_a_first_reading_reads_everything_in_order() -> None:
    found = read()
    assert [*found] == ["stg", "fct", "rep"]
    assert found["fct"].on_record.columns == ("id", "price")
    assert edges(found["rep"]) == {"fct.price aggregated total", "fct.id group"}
    assert found["rep"].on_record.inputs == ("fct",)


def test_nothing_is_read_again_and_no_text_is_asked_for_where_nothing_changed() -> None:
    silent = [NodeQuery(one.key, one.code, failing("x", AssertionError("asked for")).text) for one in SHOP]
    assert read(silent, recorded=read()) == {}


def test_a_change_that_gives_the_same_columns_is_read_alone() -> None:
    before = read()
    assert [*read([node("stg", "select id, amount * 3 as price, noise from raw", "2"), FCT, REP], recorded=before)] == ["stg"]


def test_a_change_of_columns_is_read_and_so_are_its_readers_as_far_as_they_change() -> None:
    after = read([node("stg", "select id, amount as price, noise, 1 as one from raw", "2"), FCT, REP], recorded=read())
    assert [*after] == ["stg", "fct", "rep"]
    renamed = read([STG, node("fct", "select id, price from stg -- at last", "2"), REP], recorded=read())
    assert [*renamed] == ["fct"]


def test_columns_of_a_source_that_became_others_are_a_change() -> None:
    assert [*read(recorded=read(), known={"raw": ("id", "amount", "noise", "more")})] == ["stg"]


def test_what_was_found_again_is_what_a_first_reading_finds() -> None:
    changed = (node("stg", "select id, amount as price, noise, 1 as one from raw", "2"), FCT, REP)
    before = read()
    assert before | read(changed, recorded=before) == read(changed)


@pytest.mark.parametrize("error", [ProjectError("Python code is not SQL"), KeyError("columns")])
def test_what_has_no_text_may_depend_on_all_of_its_parents_and_hides_nobody(error: Exception) -> None:
    found = read([failing("stg", error, ("raw",)), FCT, REP], known={"stg": ("id", "price")})
    assert edges(found["stg"]) == {"raw.* unknown *", "raw.* unknown"}
    assert found["stg"].unknown == (str(error),)
    assert (found["stg"].known, len(found["stg"].on_record.columns)) == (0, 2)
    assert edges(found["rep"]) == {"fct.price aggregated total", "fct.id group"}


def test_a_text_that_cannot_be_read_says_so() -> None:
    found = read([node("stg", "select from where (", parents=("raw",))])["stg"]
    assert edges(found) == {"raw.* unknown *", "raw.* unknown"}
    assert found.unknown and found.known == 0 and found.on_record.columns == ("*",)


def test_a_star_over_a_file_has_the_columns_of_the_table_that_was_made_of_it() -> None:
    star = node("stg", "select *, $day::date as day from read_csv('data/' || $day || '.csv')")
    found = read([star], known={"stg": ("id", "amount", "day")})["stg"]
    assert edges(found) == {"data/*.csv.id passthrough id", "data/*.csv.amount passthrough amount"}
    assert found.on_record.columns == ("id", "amount", "day") and found.known == 3 and not found.unknown


def test_a_star_over_a_file_without_such_a_table_is_unknown() -> None:
    found = read([node("stg", "select * from 'data/a.csv'")])["stg"]
    assert edges(found) == {"data/a.csv.* unknown *"}
    assert found.known == 0


def test_a_star_whose_filter_reads_a_column_that_is_not_kept_is_not_guessed() -> None:
    found = read([node("stg", "select * exclude (z) from foreign_table where z > 0")], known={"stg": ("id", "amount")})["stg"]
    assert "foreign_table.* unknown *" in edges(found)


def test_a_star_over_one_of_two_files_has_its_columns() -> None:
    star = node("stg", "select y.* from 'data/a.csv' as x join 'data/b.csv' as y on x.id = y.id where x.z > 0")
    found = read([star], known={"stg": ("id", "amount")})["stg"]
    assert edges(found) == {
        "data/b.csv.id passthrough id", "data/b.csv.amount passthrough amount", "data/a.csv.id join", "data/b.csv.id join",
        "data/a.csv.z filter",
    }  # fmt: skip


def test_a_star_over_two_tables_that_nobody_knows_is_not_guessed() -> None:
    found = read([node("stg", "select * from 'data/a.csv', 'data/b.csv'")], known={"stg": ("id", "amount")})["stg"]
    assert edges(found) == {"data/a.csv.* unknown *", "data/b.csv.* unknown *"}


def test_what_a_query_tells_comes_before_the_table_as_it_stands_but_for_tables_that_keep_their_columns() -> None:
    stands = {"stg": ("id", "amount", "noise")}
    assert read(known=stands)["fct"].on_record.columns == ("id", "price")
    assert read(known=stands, standing=("stg",))["fct"].on_record.columns == ("id", "amount")


def test_a_column_that_a_hook_added_is_there_for_readers() -> None:
    found = read([STG, node("fct", "select id, stamp from stg")], known={"stg": ("id", "price", "noise", "Stamp")})
    assert edges(found["fct"]) == {"stg.id passthrough id", "stg.Stamp passthrough Stamp"} and not found["fct"].unknown


def test_an_incremental_query_may_read_the_table_it_writes() -> None:
    itself = node("stg", "select id, amount from raw where id > (select max(id) from stg)")
    found = read([itself], known={"stg": ("id", "amount")}, standing=("stg",))["stg"]
    assert "stg.id filter" in edges(found) and not found.unknown
    assert found.on_record.inputs == ("raw", "stg")


def test_an_exposure_shows_every_column_of_what_it_refers_to() -> None:
    found = reading_of_all("exposure", {"fct": ("id", "price"), "rep": ("total",), "python": None}, "1")
    assert edges(found) == {
        "fct.id passthrough id", "fct.price passthrough price", "rep.total passthrough total", "python.* unknown *",
    }  # fmt: skip
    assert found.known == 3 and len(found.on_record.columns) == 4
    assert found.unknown == ("the columns of python are not known",)
    assert found.on_record != reading_of_all("exposure", {"fct": ("id", "price")}, "1").on_record


def test_what_is_known_counts_columns_not_edges() -> None:
    found = read([node("m", "select id, amount, nothing from raw")])["m"]
    assert (found.known, len(found.on_record.columns)) == (2, 3)
    assert ColumnReading("m", ColumnsOnRecord("", ("a", "b")), ()).known == 2
