"""Verdicts for the tests of reports: one with everything, and words that try to be more than words."""

from __future__ import annotations

from typing import Any

from penstock.plan.difference import AssetChange, Category, ColumnChange, Difference, Impact, RowDiff
from penstock.plan.verdict import BuildOutcome, CheckOutcome, Finding, Severity, Verdict

ORDERS, MART, GONE, BOARD = "model.shop.orders", "model.shop.mart", "model.shop.gone", "exposure.shop.board"

HOSTILE = (
    "x\n::error::pwned", "a,line=9::b", "%0A::set-output name=x::1", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>',
    "`code` ``` end", "a | b\n| c", "[link](https://evil.example)", "![pixel](//evil.example/x.png)", "@everyone fixes #1",
    "```\n# heading", "{{ env_var('X') }}", "\u202egpj.exe", "\x00\x1b[31mred", '"]\n  click n0 "https://evil.example"',
    "##[add-mask]word", "]]>&lt;!--", "<!-- -->", "--><b>", "\ud7ff\ufffe", "a\\", "www.evil.example", "é" * 300,
)  # fmt: skip


def change(key: str = ORDERS, category: Category = Category.BREAKING, **more: Any) -> AssetChange:
    name = key.rsplit(".", maxsplit=1)[-1]
    found = {"name": name, "kind": "model", "path": f"models/{name}.sql", "change": "modified", "reason": "an expression differs", **more}
    return AssetChange(asset=key, category=category, **found)


def full(word: str = "amount") -> Verdict:
    """A verdict in which everything occurs, and one foreign word everywhere it can."""
    difference = Difference(
        base=f"origin/{word}", head="working tree",
        changes=(
            change(name=word, path=word, reason=word, columns=(ColumnChange(word, "redefined", word, word), ColumnChange("other", "redefined")), expressions=((word, word),)),
            change(GONE, change="removed", contract_breaks=(word,)),
            change(MART, Category.COSMETIC),
        ),
        edges_removed=((GONE, MART),),
        impact=Impact((ORDERS, MART), ((MART, word),), ("test.shop.t",), ((BOARD, word),), 3, 1234),
        row_diffs=(
            RowDiff(MART, (word,), 1, 2, 3, 4, {word: 3}, ({word: word},), 1, 2, word), RowDiff(ORDERS, ("id",), same=9),
        ),
        problems=(word,),
    )  # fmt: skip
    findings = (
        Finding("owner", Severity.WARN, word, MART, "models/mart.sql", 0, word),
        Finding("naming", Severity.ERROR, word, ORDERS, word, 7, word),
        Finding("unique_key", Severity.ERROR, word),
    )
    checks = (
        CheckOutcome(word, MART, "fail", 2, word, 0.25, ({word: word, "n": "1"},), "models/mart.yml"),
        CheckOutcome("fine", MART, "pass", 0, "", 0.1), CheckOutcome("so_so", MART, "warn", 1), CheckOutcome(word, word, "error", None, word),
        CheckOutcome("later", MART, "skipped", None, word),
    )  # fmt: skip
    builds = (BuildOutcome(ORDERS, word, "success", 1.5, 12_345), BuildOutcome(MART, word, "error", 0.00001, None, word, "models/mart.sql"))
    return Verdict(difference, findings, builds, checks, ((ORDERS, MART), (GONE, MART)), (word,), {ORDERS: word, MART: word})
