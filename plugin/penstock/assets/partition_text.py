"""How partitions are written: `day=2024-01-01..2024-01-31,region="a,b"`, items of a word joined by commas, words by blanks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from penstock.errors import SelectionError

TO = ".."
"""Stands between the first and the last key of a range, both included."""

_PLAIN = re.compile(r'[^\s,="]+')
_ITEM = re.compile(r'(?:(?P<name>[^\s,="]+)=)?(?P<value>"(?:[^"]|"")*"|[^\s,="]+)(?P<end>,|\s+|\Z)')


@dataclass(frozen=True, slots=True)
class Item:
    """One choice of one dimension: `name` is empty where only the value stands."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}={quoted(self.value)}" if self.name else quoted(self.value)


def quoted(value: str) -> str:
    """Return a value as it is written: in double quotes, doubled inside, where it holds a comma, `=`, a quote or a blank, or is empty."""
    return value if _PLAIN.fullmatch(value) else '"' + value.replace('"', '""') + '"'


def parse_words(text: str) -> list[list[Item]]:
    """Read words of items. Raises SelectionError with the column where one cannot be read, and for a text without any."""
    text = text.strip()
    words: list[list[Item]] = []
    place, end = 0, " "
    while place < len(text) or end == ",":
        match = _ITEM.match(text, place)
        if match is None:
            raise SelectionError(
                f"expected a partition such as `day=2024-03-02`, found `{text[place:] or 'nothing'}` at column {place + 1} of `{text}`",
                hint='Put a value with a comma, a blank, `=` or a quote into double quotes: region="a,b".',
            )
        if end != ",":
            words.append([])
        value = match["value"]
        words[-1].append(Item(match["name"] or "", value[1:-1].replace('""', '"') if value.startswith('"') else value))
        place, end = match.end(), match["end"]
    if not words:
        raise SelectionError("this names no partition", hint="Write a key such as 2024-03-02, or a range such as 2024-03-01..2024-03-31.")
    return words


def range_text(first: str, last: str) -> str:
    """Return a range of keys as it is written, one key where it holds one."""
    return first if first == last else f"{first}{TO}{last}"


def did_you_mean(value: str, known: Iterable[str]) -> str:
    """Return a hint that names what is most like a value, or what there is; a long list is cut off."""
    import difflib

    names = sorted(known)
    near = difflib.get_close_matches(value, names, 3)
    if near:
        return f"Did you mean {' or '.join(f'`{quoted(name)}`' for name in near)}?"
    return f"Choose from {', '.join(quoted(name) for name in names[:10])}{' and others' if len(names) > 10 else ''}."
