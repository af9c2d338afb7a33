"""Trees and drawings of lineage."""

from __future__ import annotations

from penstock.app.reading import Edge
from penstock.graph.column_walk import ColumnMap, Link, Spot
from penstock.ui.lineage_assets import Surroundings
from penstock.ui.lineage_columns import arrows, as_json, column_trees, coverage_line, label
from penstock.ui.lineage_graphs import dot, mermaid

STG, FCT, REP = "model.shop.stg", "model.shop.fct", "model.shop.rep"
TOTAL = Spot(REP, "total")
LINKS = [
    Link(Spot(STG, "a"), Spot(FCT, "a"), "passthrough"),
    Link(Spot(STG, "state"), Spot(FCT, ""), "filter"),
    Link(Spot(FCT, "a"), TOTAL, "aggregated"),
    Link(Spot(FCT, "a"), TOTAL, "window"),
    Link(Spot(FCT, "b"), Spot(REP, ""), "group"),
    Link(Spot(FCT, "a"), Spot("exposure.shop.board", "*"), "unknown", "no idea"),
]
COLUMNS = ColumnMap(LINKS, [(STG, FCT), (FCT, REP), (REP, "exposure.shop.board")])
EDGES = [Edge(STG, FCT, "data"), Edge(FCT, REP, "data"), Edge(FCT, "model.shop.other", "data")]


def trees(spot: Spot, up: int | None = None, down: int | None = None) -> list[str]:
    return [line for title, lines in column_trees(COLUMNS, spot, up, down) for line in (title, *lines)]


def test_a_column_is_shown_with_what_it_comes_from_and_where_it_goes() -> None:
    assert trees(TOTAL) == [
        "rep.total  upstream: 4",
        "├─ fct.a  (aggregated, window)",
        "│  ├─ stg.a  (passthrough)",
        "│  └─ stg.state  (filter)",
        "└─ fct.b  (group)",
        "   └─ stg.state  (filter)",
        "rep.total  downstream: 0",
    ]
    assert trees(Spot(STG, "state"))[1:] == [
        "stg.state  downstream: 3",
        "└─ fct (rows)  (filter)",
        "   └─ rep (rows)",
        "      └─ exposure.shop.board (rows)",
    ]


def test_columns_stand_before_rows() -> None:
    both = ColumnMap([Link(Spot("a", "x"), Spot("b", ""), "filter"), Link(Spot("a", "x"), Spot("c", "x"), "derived")])
    _, (_, lines) = column_trees(both, Spot("a", "x"), None, None)
    assert lines == ["├─ c.x  (derived)", "└─ b (rows)  (filter)"]


def test_steps_are_bounded() -> None:
    assert trees(TOTAL, up=1)[0] == "rep.total  upstream: 2"
    assert trees(Spot(STG, "a"), down=0)[-1] == "stg.a  downstream: 0"
    assert "exposure.shop.board (any column)" in trees(Spot(STG, "a"), down=2)[3]


def test_a_column_that_was_shown_is_not_gone_into_again() -> None:
    twice = ColumnMap([
        Link(Spot("s", "x"), Spot("a", "x"), "derived"), Link(Spot("a", "x"), Spot("b", "x"), "derived"),
        Link(Spot("a", "x"), Spot("c", "x"), "derived"), Link(Spot("b", "x"), Spot("d", "x"), "derived"),
        Link(Spot("c", "x"), Spot("d", "x"), "derived"),
    ])  # fmt: skip
    (_, lines), _ = column_trees(twice, Spot("d", "x"), None, None)
    assert lines == ["├─ b.x  (derived)", "│  └─ a.x  (derived)", "│     └─ s.x  (derived)", "└─ c.x  (derived)", "   └─ a.x  (derived) …"]


def test_a_table_that_reads_itself_does_not_repeat_what_decides_about_its_rows() -> None:
    itself = ColumnMap([Link(Spot("a", "x"), Spot("a", ""), "filter"), Link(Spot("s", "y"), Spot("a", ""), "filter")])
    (_, lines), _ = column_trees(itself, Spot("a", "z"), None, None)
    assert lines == ["├─ a.x  (filter)", "└─ s.y  (filter)"]


def test_a_drawing_has_one_arrow_between_two_columns() -> None:
    links = COLUMNS.between([TOTAL], None, None)
    assert list(dot(arrows(links), label))[2:4] == [
        '  "fct.a" -> "rep.total" [label="aggregated, window"];',
        '  "fct.b" -> "rep (rows)" [label="group"];',
    ]
    drawn = list(mermaid([TOTAL], arrows(links), label))
    assert drawn[:3] == ["flowchart LR", '  n0["rep.total"]', '  n1["fct.a"]']
    assert "  n1 -->|aggregated, window| n0" in drawn


def test_names_cannot_break_out_of_a_drawing() -> None:
    hostile = [Link(Spot('a"]; end', 'x\\"|y'), Spot("b", "z"), "derived")]
    assert list(dot(arrows(hostile), label))[2] == r'  "a\"]; end.x\\\"|y" -> "b.z" [label="derived"];'
    assert '  n0["a#quot;]; end.x\\#quot;#124;y"]' in list(mermaid([], arrows(hostile), label))


def test_links_are_plain_values_with_their_reason() -> None:
    assert as_json(LINKS[-1:]) == [{
        "from_asset": FCT, "from_column": "a", "to_asset": "exposure.shop.board", "to_column": "*", "kind": "unknown", "detail": "no idea",
    }]  # fmt: skip
    assert "detail" not in as_json(LINKS[:1])[0]


def test_one_line_says_how_much_is_known() -> None:
    assert coverage_line([(STG, 3, 3, "")]) == "Column lineage is known of 3 of 3 columns."
    some = [(STG, 3, 3, ""), (FCT, 4, 1, "python code is not SQL"), (REP, 2, 0, "")]
    assert coverage_line(some) == "Column lineage is known of 4 of 9 columns; not of fct: python code is not SQL; rep: some columns."
    assert coverage_line([*some, ("model.shop.x", 1, 0, "")]).endswith("; rep: some columns and 1 more.")


def test_assets_are_drawn_among_the_edges_around_them() -> None:
    around = Surroundings(FCT, EDGES, None, 0)
    assert around.arrows() == [(STG, FCT, "")]
    titles = [(title, lines) for title, lines in Surroundings(FCT, EDGES, None, None).trees({STG: "never_built"})]
    assert titles == [("fct  upstream: 1", ["└─ stg  (never built)"]), ("fct  downstream: 2", ["├─ other", "└─ rep"])]
