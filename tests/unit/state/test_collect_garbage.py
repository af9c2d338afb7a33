"""`store gc` forgets old runs of which nothing current remains, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from penstock.app.reading import collect_garbage, export_store, reading, store_status
from penstock.errors import SelectionError, StateError, WarehouseBusy
from penstock.state.reader import read_state
from penstock.state.store import SCHEMA_VERSION, Statements, migrate
from penstock.warehouse.duckdb import open_duckdb
from penstock.warehouse.failpoints import InjectedFault, arm
from penstock.warehouse.lock import DatabaseLock, Holder
from state_builders import NOON, Story, graph, rows_of


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Any]:
    """What the read side asks of the settings, with a store of three runs."""
    found = SimpleNamespace(
        database_path=tmp_path / "w.duckdb", profile=SimpleNamespace(raw={}), file=SimpleNamespace(state_schema='My "state"')
    )
    _fill(found)
    yield found
    arm(None)


def _fill(settings: Any) -> None:
    def filled(sql: Statements) -> None:
        migrate(sql)
        story = Story(sql)
        story.writer.record_graph("run1", graph("model.a -> model.b"), "hash")
        for run in ("run1", "run2", "run3"):
            story.start(run, {"model.a": "BUILD"}, {"file:x": "same", f"file:{run}": "v"})
            version = story.build("model.a", rows=int(run[-1]))
            if run == "run2":
                story.build("model.b", inputs={"model.a": version})
            story.check("test.t", "pass")
            if run == "run1":
                story.check("test.u", "fail")
            story.end()

    look(settings, filled)


def look(settings: Any, use: Any) -> Any:
    warehouse = open_duckdb(settings.database_path, {})
    try:
        return use(Statements(warehouse.connect(), settings.file.state_schema))
    finally:
        warehouse.close()


def everything(settings: Any) -> dict[str, list[Any]]:
    tables = (
        "run",
        "run_end",
        "decision",
        "attempt",
        "materialization",
        "materialization_input",
        "observation",
        "check_result",
        "claim",
        "asset",
    )
    return look(settings, lambda sql: {name: rows_of(sql, f"select * from {{state}}.{name} order by all") for name in tables})


def test_a_run_of_which_something_is_current_is_kept_whole(settings: Any) -> None:
    before = everything(settings)
    snapshot = look(settings, read_state)
    assert collect_garbage(settings, NOON + timedelta(days=10)) == 1
    after = everything(settings)
    assert [row[0] for row in after["run"]] == ["run2", "run3"]
    for table in ("run_end", "decision", "attempt", "materialization", "materialization_input"):
        assert after[table] == [row for row in before[table] if row[0] != "run1"], table
    assert (after["claim"], after["asset"]) == (before["claim"], before["asset"])
    assert look(settings, read_state) == snapshot


def test_the_latest_result_of_each_check_and_the_latest_sight_of_each_input_are_kept(settings: Any) -> None:
    collect_garbage(settings, NOON + timedelta(days=10))
    after = everything(settings)
    assert [(row[0], row[1]) for row in after["check_result"]] == [("run1", "test.u"), ("run2", "test.t"), ("run3", "test.t")]
    kept = {(row[0], row[1]) for row in after["observation"]}
    assert kept == {("run1", "file:run1"), ("run2", "file:run2"), ("run2", "file:x"), ("run3", "file:run3"), ("run3", "file:x")}


def test_a_younger_run_is_kept_and_a_second_call_finds_nothing(settings: Any) -> None:
    before = everything(settings)
    assert collect_garbage(settings, NOON) == 0
    assert everything(settings) == before
    assert [collect_garbage(settings, NOON + timedelta(days=10)) for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("place", ["gc_decision.after", "gc_materialization.after", "gc_run.after"])
def test_forgetting_is_cut_off_whole(settings: Any, place: str) -> None:
    before = everything(settings)
    arm(f"{place}=1:raise")
    with pytest.raises(InjectedFault):
        collect_garbage(settings, NOON + timedelta(days=10))
    arm(None)
    assert everything(settings) == before
    assert not DatabaseLock(settings.database_path).held_by_other()


def test_a_run_with_an_open_claim_is_kept(settings: Any) -> None:
    def crash(sql: Statements) -> None:
        story = Story(sql)
        story.start("run0")
        story.claim("model.c")

    look(settings, crash)
    collect_garbage(settings, NOON + timedelta(days=10))
    assert "run0" in {row[0] for row in everything(settings)["run"]}
    assert "model.c" in look(settings, read_state).crashed


def test_nothing_is_forgotten_while_a_build_runs(settings: Any) -> None:
    lock = DatabaseLock(settings.database_path)
    lock.acquire(Holder("penstock build", 7, "noon", "run9"), 0)
    with pytest.raises(WarehouseBusy, match=r"`penstock build` \(pid 7, run run9, since noon\)"):
        collect_garbage(settings, NOON)
    lock.release()


def test_status_and_export_read_the_same_store(settings: Any, tmp_path: Path) -> None:
    found = store_status(settings)
    assert (found["schema"], found["version"], found["pending"], found["last_run"][0]) == ('My "state"', SCHEMA_VERSION, [], "run3")
    assert found["rows"]["run"] == 3
    written = export_store(settings, tmp_path / "out")
    assert (tmp_path / "out" / "run_history.csv").read_text().count("\nrun") == 3
    assert all(path.read_text().strip() for path in written)


def test_a_run_is_found_by_the_beginning_of_its_id(settings: Any) -> None:
    with reading(settings) as reader:
        assert reader.find_run("")[0] == "run3"
        assert reader.find_run("run2")[0] == "run2"
        for prefix, message in (("run", "several runs begin with `run`"), ("nope", "there is no run `nope`")):
            with pytest.raises(SelectionError, match=message):
                reader.find_run(prefix)


def test_a_database_without_a_store_says_what_to_do(settings: Any, tmp_path: Path) -> None:
    settings.database_path = tmp_path / "other.duckdb"
    for ask in (store_status, lambda one: collect_garbage(one, NOON), lambda one: export_store(one, tmp_path)):
        with pytest.raises(StateError, match=r"other\.duckdb holds no state yet") as caught:
            ask(settings)
        assert "penstock build" in caught.value.hint
    open_duckdb(settings.database_path, {}).close()
    with pytest.raises(StateError, match="holds no state yet"), reading(settings):
        pass
    assert (store_status(settings)["version"], store_status(settings)["pending"]) == (0, list(range(1, SCHEMA_VERSION + 1)))
