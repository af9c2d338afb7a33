"""What is due of one asset's partitions, one change at a time: a daily reader of a daily source and of a dimension table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from penstock.assets.asset import Asset, EdgeKind, Kind, SourceSpec
from penstock.assets.dimensions import StaticDimension, TimeDimension
from penstock.assets.grains import Grain
from penstock.assets.names import RelationName
from penstock.assets.partitions import PartitionSpec
from penstock.assets.records import InputVersion, Materialization, Observation, PartitionRecord, StateSnapshot, Strength
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts, Looked
from penstock.plan.partitioning import UNKNOWN_FILES, Partitioning, touched
from penstock.plan.planner import make_plan
from penstock.plan.reasons import Decision

NOW = datetime(2024, 1, 4, 12)
DAYS = PartitionSpec((TimeDimension("day", Grain.DAY, "2024-01-01", column="day"),))
RAW, DIM, FACT, TOTAL = "source.s.raw.events", "source.s.raw.dim", "model.s.fact", "model.s.total"
HELD = ("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04")


def relation(name: str) -> RelationName:
    return RelationName("", "main", name)


def record(key: str, version: str, token: int = 5, code: str = "1:code:", fingerprint: str = "code") -> PartitionRecord:
    return PartitionRecord("run1", token, code, f"{version}:{key}", 3, NOW, fingerprint)


@dataclass
class World:
    """The reader holds all four days of an ingested source that holds them too."""

    ledgers: dict[str, dict[str, PartitionRecord]] = field(
        default_factory=lambda: {RAW: {key: record(key, "raw") for key in HELD}, FACT: {key: record(key, "fact") for key in HELD}}
    )
    consumed: dict[str, dict[str, tuple[InputVersion, ...]]] = field(default_factory=lambda: {
        FACT: {key: (InputVersion(RAW, f"raw:{key}"), InputVersion(DIM, "dim1")) for key in HELD}
    })  # fmt: skip
    specs: dict[str, PartitionSpec] = field(default_factory=lambda: {RAW: DAYS, FACT: DAYS})
    more: dict[str, object] = field(default_factory=dict)
    state: dict[str, object] = field(default_factory=dict)
    config: dict[str, object] = field(default_factory=dict)
    fingerprint: str = "code"
    dim: str = "dim1"
    looked: Looked = Looked()

    def facts(self) -> Facts:
        graph = AssetGraph(
            [
                Asset(RAW, Kind.SOURCE, "events", relation=relation("events"), source=SourceSpec("raw"), ingest=None),
                Asset(DIM, Kind.SOURCE, "dim", relation=relation("dim"), source=SourceSpec("raw")),
                Asset(
                    FACT,
                    Kind.MODEL,
                    "fact",
                    relation=relation("fact"),
                    materialized="table",
                    fingerprint=self.fingerprint,
                    config=self.config,
                ),
                Asset(TOTAL, Kind.MODEL, "total", relation=relation("total"), materialized="table", fingerprint="code"),
            ],
            [(RAW, FACT, EdgeKind.DATA), (DIM, FACT, EdgeKind.DATA), (FACT, TOTAL, EdgeKind.DATA)],
        )
        made = {
            key: Materialization(
                key, "2024-01-04", "run1", 5, "1:code:", "v", 3, f"main.{key.split('.')[-1]}", NOW, "table", "", frozenset({"code"})
            )
            for key in (FACT, TOTAL)
        }
        state = StateSnapshot(
            materializations=made,
            inputs={TOTAL: (InputVersion(FACT, "v"),)},
            partitions=self.ledgers,
            partition_inputs=self.consumed,
            **self.state,
        )
        facts = Facts(
            graph, state, frozenset({graph.ids[FACT], graph.ids[TOTAL]}), standing={relation(name): "table" for name in ("fact", "total")},
            observed={DIM: Observation(DIM, self.dim, Strength.CONTENT), RAW: Observation(RAW, "x", Strength.CONTENT)},
            specs=self.specs, now=NOW,
        )  # fmt: skip
        return replace(facts, looked={FACT: self.looked}, **self.more)

    def due(self) -> dict[str, str]:
        """Return the reason for each partition of the reader that is due."""
        facts = self.facts()
        one = Partitioning(facts, facts.versions, facts.graph.ids[FACT], self.looked)
        return {key: due.reason.value for due in one.due() for key in due.partitions.keys()}  # noqa: SIM118 (no mapping)


def test_where_all_is_held_and_current_nothing_is_due() -> None:
    assert World().due() == {}


def test_a_day_that_began_is_missing_and_no_day_before_the_first() -> None:
    world = World()
    del world.ledgers[FACT]["2024-01-02"]
    assert world.due() == {"2024-01-02": "partition_missing"}


def test_an_asset_without_any_record_was_never_built() -> None:
    world = World()
    world.ledgers[FACT] = {}
    assert world.due() == dict.fromkeys(HELD, "never_built")


def test_a_changed_day_of_the_source_makes_that_day_due() -> None:
    world = World()
    world.ledgers[RAW]["2024-01-02"] = record("2024-01-02", "other")
    assert world.due() == {"2024-01-02": "upstream_newer"}


def test_a_window_reads_the_days_before_too() -> None:
    world = World(config={"meta": {"penstock": {"inputs": {"events": {"day": {"from": -1, "to": 0}}}}}})
    facts = world.facts()
    one = Partitioning(facts, facts.versions, facts.graph.ids[FACT])
    reading = next(reading for reading in one.readings if reading.name == RAW)
    days = list(one.existing)
    world.consumed[FACT] = {day.key: (InputVersion(RAW, one.version(reading, day) or ""), InputVersion(DIM, "dim1")) for day in days}
    assert world.due() == {}
    world.ledgers[RAW]["2024-01-02"] = record("2024-01-02", "other")
    assert world.due() == {"2024-01-02": "upstream_newer", "2024-01-03": "upstream_newer"}


def test_what_every_day_reads_as_a_whole_makes_every_day_due() -> None:
    assert World(dim="dim2").due() == dict.fromkeys(HELD, "upstream_newer")


def test_a_change_in_columns_that_are_not_read_makes_no_day_due() -> None:
    world = World(dim="dim2")
    for key, (raw, _) in world.consumed[FACT].items():
        world.consumed[FACT][key] = (raw, InputVersion(DIM, "dim1", ("id",)))
    world.more = {"projections": {(DIM, "dim1", ("id",)): "same", (DIM, "dim2", ("id",)): "same"}}
    assert world.due() == {}


def test_other_code_makes_just_the_days_built_by_it_due() -> None:
    world = World()
    world.ledgers[FACT]["2024-01-01"] = record("2024-01-01", "fact", code="1:old:", fingerprint="old")
    assert world.due() == {"2024-01-01": "code_changed"}
    assert World(fingerprint="new").due() == dict.fromkeys(HELD, "code_changed")


def test_a_day_that_failed_is_due_again() -> None:
    assert World(state={"failed_partitions": {FACT: ("2024-01-03",)}}).due() == {"2024-01-03": "previous_failed"}


def test_a_day_that_was_interrupted_stays_due_for_what_made_it_due() -> None:
    state = {"interrupted_partitions": {FACT: ("2024-01-02", "2024-01-03")}}
    world = World(state=state)
    del world.ledgers[FACT]["2024-01-02"]
    assert world.due() == {"2024-01-02": "partition_missing", "2024-01-03": "previous_failed"}
    assert World(dim="dim2", state=state).due() == dict.fromkeys(HELD, "upstream_newer")


def test_chosen_partitions_bound_what_is_due() -> None:
    chosen = DAYS.parse("2024-01-02..2024-01-03", NOW)
    assert World(dim="dim2", more={"chosen": {FACT: chosen}}).due() == {"2024-01-02": "upstream_newer", "2024-01-03": "upstream_newer"}


def test_force_is_for_all_that_is_wanted() -> None:
    assert World(more={"force": True}).due() == dict.fromkeys(HELD, "forced")


def test_a_table_that_is_gone_is_made_anew_with_all() -> None:
    assert World(more={"standing": {}}).due() == dict.fromkeys(HELD, "relation_missing")


def test_partitions_of_another_definition_make_the_table_anew() -> None:
    world = World()
    world.ledgers[FACT]["2023-12"] = record("2023-12", "fact")
    assert world.due() == dict.fromkeys(HELD, "code_changed")


def test_files_are_compared_day_by_day_and_those_without_any_wait() -> None:
    files = {"2024-01-01": "f1", "2024-01-02": "f2", "2024-01-03": "", "2024-01-04": ""}
    world = World(looked=Looked({"file:x/*.csv": files}))
    for key in HELD:
        world.consumed[FACT][key] += (InputVersion("file:x/*.csv", "f1" if key == "2024-01-01" else "old"),)
    del world.ledgers[FACT]["2024-01-04"]
    assert world.due() == {"2024-01-02": "new_files"}, "a held day whose files are gone keeps its rows, one never held waits"


def test_files_that_cannot_be_listed_are_never_the_same() -> None:
    world = World(looked=Looked({"file:s3://x": dict.fromkeys(HELD, UNKNOWN_FILES)}))
    for key in HELD:
        world.consumed[FACT][key] += (InputVersion("file:s3://x", UNKNOWN_FILES),)
    assert world.due() == dict.fromkeys(HELD, "new_files")


def test_a_partition_is_due_for_its_first_reason_alone() -> None:
    world = World(dim="dim2", state={"failed_partitions": {FACT: ("2024-01-03",)}})
    del world.ledgers[FACT]["2024-01-02"]
    assert world.due() == {
        "2024-01-01": "upstream_newer", "2024-01-02": "partition_missing", "2024-01-03": "previous_failed", "2024-01-04": "upstream_newer",
    }  # fmt: skip


def test_the_plan_says_it_of_the_partitions_and_what_reads_them_may_be_due() -> None:
    world = World()
    del world.ledgers[FACT]["2024-01-02"]
    rows = {row.asset: row for row in make_plan(world.facts()).rows}
    assert [(due.reason.value, str(due.partitions)) for due in rows[FACT].slices] == [("partition_missing", "2024-01-02")]
    assert (rows[FACT].decision, rows[TOTAL].decision) == (Decision.BUILD, Decision.MAYBE)


def test_a_reader_of_other_dimensions_follows_what_it_reads() -> None:
    months = PartitionSpec((TimeDimension("month", Grain.MONTH, "2024-01", column="m"), StaticDimension("region", ("a", "b"))))
    world = World(specs={RAW: DAYS, FACT: months})
    facts = world.facts()
    found = touched(facts, {RAW: DAYS.parse("2024-01-02", NOW)}, facts.graph.ids[FACT])
    assert found is not None and list(found.keys()) == ["month=2024-01,region=a", "month=2024-01,region=b"]
    assert touched(facts, {}, facts.graph.ids[FACT]) is None
