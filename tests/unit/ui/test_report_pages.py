"""The reports people read: Markdown within its limit, worst first, and HTML that loads and runs nothing."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from penstock.plan.difference import Category, Difference, Impact
from penstock.plan.verdict import CheckOutcome, Finding, Severity, Verdict
from penstock.ui.reports.escaping import code, fenced, prose
from penstock.ui.reports.html import html
from penstock.ui.reports.markdown import MOST_BYTES, markdown
from penstock.ui.reports.mermaid import MOST_NODES, mermaid
from penstock.ui.reports.sections import Section, within
from verdict_builders import BOARD, GONE, HOSTILE, MART, ORDERS, change, full

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Page(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    @property
    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}


def shape(page: Page) -> list[str]:
    return [tag for tag, _ in page.tags if tag not in ("code", "br", "span")]


@pytest.mark.parametrize("word", HOSTILE)
def test_foreign_words_do_not_change_the_structure_of_the_markdown(word: str) -> None:
    plain, hostile = Page(RENDERER.render(markdown(full()))), Page(RENDERER.render(markdown(full(word))))
    assert not hostile.names & {"a", "img", "script", "iframe", "em"}
    assert shape(hostile) == shape(plain)


@pytest.mark.parametrize("word", HOSTILE)
def test_foreign_words_do_not_change_the_structure_of_the_page(word: str) -> None:
    plain, hostile = Page(html(full())), Page(html(full(word)))
    pre = {"span", "details", "summary"}
    assert [tag for tag, _ in hostile.tags if tag not in pre] == [tag for tag, _ in plain.tags if tag not in pre]
    assert not any(name.startswith("on") or name in ("src", "href") for _, attributes in hostile.tags for name in attributes)


def test_the_page_loads_nothing_and_forbids_loading() -> None:
    page = Page(html(full()))
    assert not page.names & {"script", "link", "img", "iframe", "object", "base"}
    policy = next(attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    style = re.search(r"<style>(.*?)</style>", html(full()), re.DOTALL)
    assert style is not None and "url(" not in style[1] and "@import" not in style[1] and "prefers-color-scheme: dark" in style[1]


def test_mentions_issues_and_addresses_are_broken_up() -> None:
    assert prose("@team fixes #12 at https://x.y and www.z.w ##[error]") == (
        "@<!-- -->team fixes #<!-- -->12 at https:<!-- -->//x.y and www<!-- -->.z.w ##\\[error\\]"
    )


@given(st.text())
def test_a_code_span_holds_all_its_text_and_ends_with_it(text: str) -> None:
    shown = code(text)
    assert "\n" not in shown and "|" not in shown
    page = Page(RENDERER.render(f"x{shown}x").strip())
    assert page.names <= {"p", "code"}


@given(st.text())
def test_a_fenced_block_cannot_be_left(text: str) -> None:
    page = Page(RENDERER.render("\n".join([*fenced(text), "# after"])))
    assert page.names <= {"pre", "code", "h1"} and page.words.rstrip("\n").endswith("after")


def test_the_report_says_all_it_knows() -> None:
    text = markdown(full())
    for part in (
        "must not be merged", "## What stands in the way", "`models/mart.sql:1`", "🟥 breaking", "`other` redefined", "contract: amount",
        "about 3 partitions to build again, about 1,234 rows", "| `exposure.shop.board` | `amount` |", "```mermaid", "1 relation hold",
        "| `amount` | `amount` | 1 | 2 | 3 | 4 | `amount` 3; amount |", "## Checks: 1 fail, 1 pass, 1 warn, 1 error, 1 skipped",
        "2 failing rows", "12,345", "- amount\n+ amount",
    ):  # fmt: skip
        assert part in text, part


def test_errors_come_before_warnings_and_worse_changes_first() -> None:
    text = markdown(full())
    assert text.index("**naming**") < text.index("**owner**")
    assert text.index("**check**") < text.index("**owner**"), "a failed check is an error"
    assert text.index("🟥") < text.index("⬜")


def test_nothing_to_say_is_said_shortly() -> None:
    assert markdown(Verdict(Difference("origin/main", "working tree"))) == (
        "# Penstock: ✅ Good to merge\n\n**nothing that counts differs** from `origin/main` to `working tree`; 0 errors, 0 warnings.\n"
    )


def huge(count: int) -> Verdict:
    changes = tuple(change(f"model.shop.m{number}", Category.BREAKING, expressions=(("é" * 300, "x" * 300),)) for number in range(count))
    findings = tuple(Finding("owner", Severity.WARN, f"warning {number} " + "é" * 200, ORDERS) for number in range(count))
    checks = tuple(CheckOutcome(f"c{number}", ORDERS, "fail", 1, "é" * 400, samples=({"n": "é" * 50},)) for number in range(count))
    exposures = tuple((f"exposure.shop.e{number}", "é" * 100) for number in range(count))
    return Verdict(
        Difference("a", "b", changes, impact=Impact((ORDERS,), exposures=exposures)), findings, checks=checks, edges=((ORDERS, MART),)
    )


@pytest.mark.parametrize("count", [1, 30, 300, 3000])
def test_the_markdown_never_exceeds_its_limit_and_counts_what_it_leaves_out(count: int) -> None:
    verdict = huge(count)
    text = markdown(verdict)
    assert len(text.encode()) <= MOST_BYTES
    shown = text.count("- ❌") + text.count("- ⚠️")
    left_out = re.search(r"_([\d,]+) more problems are left out", text)
    assert shown + (int(left_out[1].replace(",", "")) if left_out else 0) == len(verdict.problems)
    if count == 3000:
        assert left_out and "- ⚠️" not in text, "errors use up the room before warnings"
        assert text.count("## ") >= 4, "every section is named"


def test_a_diagram_that_is_cut_still_ends_its_block() -> None:
    keys = [f"model.shop.m{number}" for number in range(MOST_NODES + 5)]
    verdict = Verdict(Difference("a", "b", tuple(map(change, keys))), edges=tuple(zip(keys, keys[1:], strict=False)))
    lines, left_out = mermaid(verdict)
    assert (left_out, sum("[" in line for line in lines)) == (5, MOST_NODES)
    text = markdown(verdict)
    assert "_5 more assets are not drawn._" in text and text.count("```") == 2


@pytest.mark.parametrize("word", HOSTILE)
def test_a_label_of_the_diagram_is_only_text(word: str) -> None:
    names = {ORDERS: word}
    lines, _ = mermaid(dataclasses.replace(full(), names=names))
    label = next(line for line in lines if line.startswith("  n0["))
    assert re.fullmatch(r'  n0\["(?:[A-Za-z0-9 _.]|#\d+;)*"\]:::breaking', label)


def test_removed_assets_are_drawn_with_the_edges_they_had() -> None:
    lines, _ = mermaid(full())
    ids = {line.split("[")[0].strip(): line for line in lines if "[" in line}
    assert [name for name, line in ids.items() if "gone" in line or GONE in line] and "  n1 --> n2" in lines
    assert BOARD not in "".join(lines)


def test_sections_that_do_not_fit_are_counted() -> None:
    sections = [Section((f"## {number}", "x" * 100), ("entry",)) for number in range(10)]
    text = within(sections, 1500)
    assert len(text.encode()) <= 1500
    kept = text.count("## ")
    assert 0 < kept < 10 and f"{10 - kept} more sections do not fit" in text
