"""A difference on a screen, in a comment and as JSON: worst first, nothing hidden, nothing that is markup."""

from __future__ import annotations

import json

from penstock.plan.difference import AssetChange, Category, ColumnChange, Difference, Impact, RowDiff
from penstock.ui.commands.diff import as_json
from penstock.ui.diff_lines import lines_of
from penstock.ui.diff_markdown import markdown

BROKEN = AssetChange(
    "model.shop.orders", "orders", "model", "models/orders.sql", "modified", Category.BREAKING, "rows may differ: filter",
    (ColumnChange("amount", "redefined", "a", "a + 1"),), (("WHERE a > 1", "WHERE a > 2"), ("", "JOIN u")), ("column x was removed",), 3,
)  # fmt: skip
NEW = AssetChange("model.shop.extra", "extra", "model", "models/extra.sql", "added", Category.ADDITIVE, "new model")
ROWS = (
    RowDiff("model.shop.orders", ("id",), 1, 2, 3, 1000, {"amount": 3, "b": 1}, ({"": "changed", "id": "7", "amount": "1 -> 2"},), 2, 5),
    RowDiff("model.shop.same", ("id",), same=9, slices=1),
    RowDiff("model.shop.gone", problem="main.gone does not stand in the base"),
    RowDiff(
        "model.shop.bags", added=1, same=4, samples=({"": "added", "n": "1"},), compared=1, slices=1, problem="the key n is not unique"
    ),
)
IMPACT = Impact(
    ("model.shop.orders", "model.shop.mart"), (("model.shop.mart", "amount"),), ("test.shop.t",), (("exposure.shop.board", "Sales | team"),), 4, 12345,
)  # fmt: skip
FOUND = Difference(
    "main (abc)", "working tree", (BROKEN, NEW), (("model.shop.orders", "model.shop.extra"),), (("model.shop.a", "model.shop.b"),), IMPACT, ROWS,
    ("packages differ",),
)  # fmt: skip


def screen(found: Difference) -> str:
    return "\n".join(lines_of(found, lambda text, _: text))


def test_a_screen_tells_the_worst_first_and_all_that_it_means() -> None:
    assert screen(FOUND).splitlines() == [
        "Diff from main (abc) to working tree  1 breaking, 1 additive",
        "BREAKING      orders  modified  rows may differ: filter",
        "              - WHERE a > 1",
        "              + WHERE a > 2",
        "              + JOIN u",
        "              column x was removed",
        "ADDITIVE      extra   added     new model",
        "graph         + orders -> extra",
        "graph         - a -> b",
        "Reaches       2 assets, 1 column, 1 check, about 4 partitions to build again, about 12,345 rows to build again",
        "              orders, mart",
        "              exposure shop.board, owned by Sales | team",
        "rows          orders  +1 -2 ~3 =1,000  by id, 2 of 5 slices differ",
        "              changed: amount 3, b 1",
        "              ~ id=7, amount=1 -> 2",
        "rows          same  the same: 9 rows",
        "rows          gone  main.gone does not stand in the base",
        "rows          bags  +1 -0 ~0 =4  as whole rows",
        "              the key n is not unique",
        "              + n=1",
    ]


def test_where_nothing_differs_one_line_says_so() -> None:
    assert screen(Difference("main", "working tree")) == "Diff from main to working tree  nothing differs"
    assert "**Nothing differs** from `main` to `working tree`." in markdown(Difference("main", "working tree"))


def test_long_lists_and_texts_are_cut_on_a_screen() -> None:
    many = AssetChange(
        "model.shop.m", "m", "model", "", "modified", Category.BREAKING, "x", (), tuple((f"{n} " * 90, "") for n in range(9))
    )
    text = screen(Difference("main", "head", (many,), impact=Impact(tuple(f"model.shop.m{n}" for n in range(9)))))
    assert "and 3 more expressions" in text
    assert "m5 and 3 more" in text
    assert max(map(len, text.splitlines())) < 130


def test_a_comment_holds_everything_in_tables_and_cannot_be_broken_out_of() -> None:
    text = markdown(FOUND)
    assert "| breaking | `orders` | modified | rows may differ: filter; column x was removed |" in text
    assert "| `orders` | `id` | 1 | 2 | 3 | 1,000 | `amount` 3, `b` 1 |" in text
    assert "- added: `orders` to `extra`" in text
    assert "- WHERE a > 1\n+ WHERE a > 2\n+ JOIN u" in text
    assert "- packages differ" in text
    hostile = AssetChange(
        "model.shop.x|y", "x", "model", "", "modified", Category.UNKNOWN, "<img src=x> @all | [a](b)", (), (("```\n# out", ""),)
    )
    text = markdown(Difference("`main`", "head", (hostile,)))
    assert "<img" not in text
    assert "\n# out" not in text.replace("\n- # out", "")
    row = next(line for line in text.splitlines() if line.startswith("| unknown"))
    assert row.count(" | ") == 3


def test_a_comment_stays_within_its_bytes() -> None:
    many = [
        AssetChange(f"model.shop.m{n}", "m", "model", "", "modified", Category.BREAKING, "x" * 300, (), (("a" * 500, "b" * 500),))
        for n in range(900)
    ]
    text = markdown(Difference("main", "head", tuple(many)))
    assert len(text.encode()) <= 60_000
    assert "more changed assets" in text


def test_json_has_every_field_and_the_worst_category() -> None:
    found = json.loads(json.dumps(as_json(FOUND)))
    assert found["worst"] == "breaking"
    assert found["changes"][0]["line"] == 3
    assert found["changes"][0]["columns"] == [{"column": "amount", "change": "redefined", "before": "a", "after": "a + 1"}]
    assert found["row_diffs"][0]["samples"] == [{"": "changed", "id": "7", "amount": "1 -> 2"}]
    assert as_json(Difference("a", "b"))["worst"] is None


def test_categories_are_ordered_worst_first() -> None:
    assert [one.value for one in Category] == ["breaking", "unknown", "non_breaking", "additive", "cosmetic"]
    assert Category.BREAKING.at_least(Category.UNKNOWN)
    assert Category.UNKNOWN.at_least(Category.UNKNOWN)
    assert not Category.COSMETIC.at_least(Category.ADDITIVE)
    assert FOUND.worst is Category.BREAKING
    assert FOUND.of(Category.ADDITIVE) == (NEW,)
    assert RowDiff("a", same=1).equal
    assert not RowDiff("a", problem="x").equal
