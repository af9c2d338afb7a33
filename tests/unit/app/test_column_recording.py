"""What a build records of columns: of what it selected, from what stands, with what it has at hand, and never at the cost of the run."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from penstock.app.column_lineage import keys_of_relations, record_column_lineage
from penstock.assets import redact
from penstock.assets.asset import Asset, Column, EdgeKind, IngestSpec, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.assets.records import StateSnapshot
from penstock.errors import ProjectError
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts
from penstock.state.store import Statements, migrate
from penstock.warehouse.duckdb import DuckDBWarehouse

RAW = "source.shop.raw.orders"
QUERIES = {
    "model.shop.stg": "select id, amount as price from db.raw.orders where state > 0",
    "model.shop.kept": "select id, price from db.main.stg",
    "model.shop.rep": "select sum(price) as total from db.main.stg",
    "test.shop.t": "select total from db.main.rep where total < 0",
    "function.shop.f": "x / 2",
    "snapshot.shop.snap": "select id, price from db.main.stg",
}


def asset(key: str, **more: Any) -> Asset:
    kind, _, *_, name = key.split(".")
    relation = RelationName("db", "raw" if kind == "source" else "main", name) if kind not in ("test", "exposure", "metric") else None
    more.setdefault("materialized", "snapshot" if kind == "snapshot" else "view")
    return Asset(key=key, kind=Kind(kind), name=name, fingerprint=f"code of {name}", relation=relation, **more)


SNAPSHOT = {"strategy": "timestamp", "unique_key": "id", "updated_at": "price"}
ASSETS = (
    asset(RAW, columns=(Column("id"), Column("amount")), source=SourceSpec("raw")),
    asset("model.shop.stg"), asset("model.shop.kept", materialized="ephemeral"), asset("model.shop.rep"), asset("test.shop.t"),
    asset("function.shop.f"), asset("snapshot.shop.snap", config=SNAPSHOT), asset("model.shop.py", language="python"),
    asset("metric.shop.m"), asset("exposure.shop.board"), asset("model.shop.never", materialized="incremental"),
)  # fmt: skip
EDGES = (
    (RAW, "model.shop.stg"), ("model.shop.stg", "model.shop.kept"), ("model.shop.stg", "model.shop.rep"), ("model.shop.rep", "test.shop.t"),
    ("model.shop.stg", "snapshot.shop.snap"), ("model.shop.stg", "model.shop.py"), ("model.shop.rep", "metric.shop.m"),
    ("metric.shop.m", "exposure.shop.board"), ("model.shop.py", "exposure.shop.board"), ("model.shop.stg", "model.shop.never"),
)  # fmt: skip


def graph(assets: Iterable[Asset] = ASSETS) -> AssetGraph:
    keys = {one.key for one in assets}
    return AssetGraph(assets, [(above, below, EdgeKind.DATA) for above, below in EDGES if {above, below} <= keys])


class Queries:
    """Queries that are at hand, and those that only dbt could give; what was asked for is noted."""

    def __init__(self, compiled: Mapping[str, str] = QUERIES) -> None:
        self.compiled = dict(compiled)
        self.asked: list[str] = []

    def has(self, one: Asset) -> bool:
        return one.kind in (Kind.MODEL, Kind.TEST) and one.materialized != "incremental"

    def get(self, one: Asset) -> tuple[str, None]:
        self.asked.append(one.name)
        if one.key not in self.compiled:
            raise ProjectError(f"{one.name} cannot be compiled")
        return self.compiled[one.key], None


class World:
    """A store, and builds on it."""

    def __init__(self) -> None:
        self.warehouse = DuckDBWarehouse.in_memory()
        self.sql = Statements(self.warehouse.connect(), "penstock")
        migrate(self.sql)
        self.said: list[str] = []
        self.runs = 0

    def build(
        self, built: Iterable[str] = (), queries: Queries | None = None, graph: AssetGraph | None = None, *, compiles: bool = True,
        columns: Mapping[str, tuple[str, ...]] | None = None, selected: tuple[str, ...] = (), stopping: bool = False,
        statements: Any = None, declared: AssetGraph | None = None,
    ) -> Queries:  # fmt: skip
        queries, graph = queries or Queries(), graph or GRAPH
        self.runs += 1
        stop = threading.Event()
        if stopping:
            stop.set()
        standing = {RelationName("db", *name.split(".")): names for name, names in (columns or {}).items()}
        catalog = {name: SimpleNamespace(columns=tuple((one, "integer") for one in names)) for name, names in standing.items()}
        context = SimpleNamespace(
            run_id=f"run{self.runs}", stopping=stop, statements=statements or (lambda: self.sql),
            facts=Facts(graph, StateSnapshot(), frozenset(), columns=standing, database="db"),
            warehouse=SimpleNamespace(capabilities=self.warehouse.capabilities, catalog=lambda schemas: catalog),
        )  # fmt: skip
        planned: Any = SimpleNamespace(
            graph=graph,
            selection=SimpleNamespace(keys=selected or tuple(graph.ids)),
            project=SimpleNamespace(graph=declared or graph, graph_hash=str(len(graph))),
        )
        record_column_lineage(planned, context, queries, frozenset(built), self.said.append, compiles=compiles)  # type: ignore[arg-type]
        return queries

    def edges(self, name: str) -> set[str]:
        found = self.sql.connection.execute(
            "select from_asset, from_column, kind, to_column from penstock.column_lineage where to_asset like '%.' || $name", {"name": name}
        )
        return {f"{row[0].split('.')[-1]}.{row[1]} {row[2]} {row[3]}".strip() for row in found}

    def reason(self, name: str) -> str:
        found = self.sql.connection.execute(
            "select reason from penstock.current_column_coverage where asset like '%.' || $name", {"name": name}
        )
        return str(found[0][0])


GRAPH = graph()
STANDING = {"raw.orders": ("id", "amount", "state"), "main.py": ("id", "cost")}


@pytest.fixture
def world() -> World:
    return World()


def test_every_node_with_a_query_has_lineage(world: World) -> None:
    world.build(["snapshot.shop.snap", "function.shop.f"], columns=STANDING)
    assert world.said == []
    assert world.edges("stg") == {"orders.id passthrough id", "orders.amount renamed price", "orders.state filter"}
    assert world.edges("rep") == {"stg.price aggregated total"}
    assert world.edges("t") == {"rep.total passthrough total", "rep.total filter"}
    assert "stg.price renamed dbt_valid_from" in world.edges("snap")
    assert world.edges("py") == {"stg.* unknown *", "stg.* unknown"} and world.reason("py") == "python code is not SQL"
    assert world.edges("board") == {"rep.total passthrough total", "py.id passthrough id", "py.cost passthrough cost"}, "through a metric"
    assert world.edges("kept") == world.edges("f") == set()


def test_columns_of_a_source_that_nobody_reads_are_on_record_and_do_not_count_as_known(world: World) -> None:
    world.build(["x"], columns={**STANDING, "raw.orders": ("id", "amount", "state", "unread")})
    found = "select names, columns, known from penstock.current_column_coverage where asset = 'source.shop.raw.orders'"
    assert world.sql.connection.execute(found) == [(["id", "amount", "state", "unread"], 0, 0)]
    rows = "select count(*) from penstock.column_coverage where asset = 'source.shop.raw.orders'"
    world.build(["x"], columns={**STANDING, "raw.orders": ("id", "amount", "state", "unread")})
    assert world.sql.connection.execute(rows) == [(1,)]


def test_a_model_that_is_read_in_another_target_keeps_what_is_known_of_it(world: World) -> None:
    world.build(["x"], columns=STANDING)
    before = world.edges("stg")
    deferred = Asset(**{**_fields(ASSETS[1]), "kind": Kind.SOURCE, "source": SourceSpec("deferred")})
    world.build(
        ["model.shop.rep"],
        columns={**STANDING, "main.stg": ("id", "price")},
        graph=graph([ASSETS[0], deferred, *ASSETS[2:]]),
        declared=GRAPH,
    )
    assert world.edges("stg") == before != set()


def test_columns_that_do_not_stand_yet_are_those_declared_and_perhaps_others(world: World) -> None:
    world.build()
    assert world.edges("stg") == {"orders.id passthrough id", "orders.amount renamed price", "orders.state filter"}
    star = Queries({**QUERIES, "model.shop.stg": "select * from db.raw.orders"})
    edited = Asset(**{**_fields(ASSETS[1]), "fingerprint": "another"})
    world.build(["x"], star, graph([ASSETS[0], edited]))
    assert {"orders.id passthrough id", "orders.amount passthrough amount", "orders.* unknown *"} <= world.edges("stg")


def _fields(one: Asset) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Asset.__slots__}


def test_what_only_dbt_could_compile_is_read_in_the_run_that_built_it(world: World) -> None:
    queries = Queries({**QUERIES, "model.shop.never": "select id from db.main.stg"})
    assert "never" not in world.build([], queries, compiles=False, columns=STANDING).asked
    assert world.reason("never") == "its query was never compiled" and world.edges("never") == {"stg.* unknown *", "stg.* unknown"}
    world.build(["model.shop.never"], queries, compiles=False, columns=STANDING)
    world.build(["model.shop.rep"], queries, columns=STANDING)
    assert "never" not in queries.asked, "dbt is not opened for it, nor does it compile what was not built"
    world.build(["model.shop.never"], queries, columns=STANDING)
    assert world.edges("never") == {"stg.id passthrough id"}
    world.build(["model.shop.rep"], Queries({}), columns=STANDING)
    assert world.edges("never") == {"stg.id passthrough id"}, "what is on record stays"


def test_nothing_is_asked_for_where_nothing_changed(world: World) -> None:
    world.build(["x"], columns=STANDING)
    assert world.build(columns=STANDING).asked == []
    assert world.build(["model.shop.rep"], columns=STANDING).asked == []
    assert world.build(["model.shop.rep"], columns={**STANDING, "raw.orders": ("id", "amount", "state", "more")}).asked == ["stg"]


def test_with_nothing_built_of_the_same_project_one_question_is_asked(world: World) -> None:
    world.build(["x"], columns=STANDING)
    world.sql.connection.execute("drop table penstock.column_coverage")
    world.build(columns=STANDING)
    assert world.said == []
    world.build(columns=STANDING, selected=("model.shop.rep",))
    assert "column_coverage" in world.said[0]


def test_only_what_is_selected_is_read(world: World) -> None:
    assert world.build(selected=("model.shop.rep",), columns={**STANDING, "main.stg": ("id", "price")}).asked == ["rep"]
    assert world.edges("rep") == {"stg.price aggregated total"} and world.edges("stg") == set()


def test_what_left_the_project_has_no_lineage(world: World) -> None:
    world.build(columns=STANDING)
    world.build(columns=STANDING, graph=graph([one for one in ASSETS if one.name not in ("rep", "t", "board", "m")]))
    assert world.edges("rep") == world.edges("board") == set() and world.edges("stg") != set()


def test_what_cannot_be_compiled_hides_nobody(world: World) -> None:
    world.build(queries=Queries({key: text for key, text in QUERIES.items() if key != "model.shop.stg"}), columns=STANDING)
    assert world.reason("stg") == "stg cannot be compiled"
    assert "stg.price aggregated total" in world.edges("rep")


def test_a_recording_that_fails_is_said_and_fails_nothing(world: World) -> None:
    def broken() -> Statements:
        raise RuntimeError("no connection")

    world.build(statements=broken)
    assert world.said == ["column lineage was not recorded: no connection"]


def test_a_run_that_is_being_stopped_records_nothing(world: World) -> None:
    assert world.build(stopping=True).asked == []


def test_ingestion_queries_are_read_as_they_are_written(world: World) -> None:
    loaded = Asset(
        key="ingest.raw.clicks", kind=Kind.INGEST, name="clicks", relation=RelationName("db", "raw", "clicks"), fingerprint="1",
        ingest=IngestSpec("ingest/raw/clicks.sql", "select a, $day::date as day from read_csv('data/' || $day || '.csv')"),
    )  # fmt: skip
    wrong = Asset(**{**_fields(loaded), "key": "ingest.raw.bad", "ingest": IngestSpec("ingest/raw/bad.sql", "", error="no query")})
    world.build(graph=AssetGraph([loaded, wrong], []), columns={"raw.clicks": ("a", "day")})
    assert world.sql.connection.execute("select from_asset, from_column, to_column from penstock.column_lineage") == [
        ("file:data/*.csv", "a", "a")
    ]
    assert world.reason("bad") == "no query"


def test_a_secret_in_the_name_of_a_file_is_not_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_own_secrets", lambda: ("hunter2hunter2",))
    secret = Queries({**QUERIES, "model.shop.stg": "select id from 'https://example.org/a.csv?key=hunter2hunter2'"})
    world.build(queries=secret)
    assert world.sql.connection.execute("select from_asset from penstock.column_lineage where to_column = 'id'") == [
        ("file:https://example.org/a.csv?key=*****",)
    ]


def test_a_relation_is_an_asset_however_it_is_written() -> None:
    key_of = keys_of_relations(GRAPH, "db")
    for name in (RelationName("DB", "Main", "STG"), RelationName("", "main", "stg"), RelationName("", "", "stg")):
        assert key_of(name) == "model.shop.stg"
    assert key_of(RelationName("", "", "data/a.csv")) == "file:data/a.csv"
    assert key_of(RelationName("", "main", "nobody")) is None and key_of(RelationName("db", "main", "f")) is None
