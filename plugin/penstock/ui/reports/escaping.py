"""Foreign words in Markdown: names, SQL and messages come from a pull request and must never be more than text."""

from __future__ import annotations

import re
from html import escape

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Control characters, and those that turn the direction of text or cannot be seen at all."""

_SPACES = re.compile(r"\s+")
_MARKS = re.compile(r"([\\`*_\[\]|~])")
_LINKED = re.compile(r"(?<=[@#:])(?=[\w/])|(?<=www)(?=\.)")
"""Where services see a mention, an issue or an address even in escaped text."""


def visible(text: str) -> str:
    """Replace what cannot be seen; line breaks and tabs stay."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def shortened(text: str, most: int) -> str:
    """Cut a text to that many characters and say so."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def prose(text: str, most: int = 500) -> str:
    """Return a text on one line as plain words: no markup, mention, link or HTML of its own."""
    line = shortened(_SPACES.sub(" ", visible(text)).strip(), most)
    return _LINKED.sub("<!-- -->", _MARKS.sub(r"\\\1", escape(line, quote=False)))


def code(text: str, most: int = 200) -> str:
    """Return a text on one line as a code span, which neither links, mentions, renders nor leaves its table cell.

    Nor is it a command to GitHub's runner, which reads `##[...]` anywhere in a line.
    """
    line = shortened(_SPACES.sub(" ", visible(text)).strip(), most).replace("|", "\N{BROKEN BAR}").replace("##[", "## [")
    if not line:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if "`" in line[:1] + line[-1:] else ""
    return f"{fence}{space}{line}{space}{fence}"


def fenced(text: str, language: str = "", most: int = 1500) -> list[str]:
    """Return a text as the lines of a fenced block that it cannot end."""
    body = shortened(visible(text), most)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    return [f"{fence}{language}", *body.splitlines(), fence]
