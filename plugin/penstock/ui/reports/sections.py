"""Parts of a report that may grow without end, put together within a number of bytes: what is left out is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_NOTICE = 200
"""Bytes kept for saying that something was left out, for each section."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it; `entries` (each of whole lines) may be dropped from the end, `head` and `tail` not."""

    head: tuple[str, ...]
    entries: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    noun: str = "entries"

    @property
    def fixed(self) -> int:
        """The bytes it takes without any entry."""
        return _size([*self.head, *self.tail]) + _NOTICE


def within(sections: Sequence[Section], most: int) -> str:
    """Put sections together in at most `most` bytes; those that come first are the last to lose entries.

    A section whose heading does not fit any more is left out, and said to be.
    """
    lines: list[str] = []
    left = most - _NOTICE
    for number, section in enumerate(sections):
        left -= section.fixed
        if left < 0:
            lines += ["", f"_{len(sections) - number} more sections do not fit into this report._"]
            break
        kept = _fitting(section.entries, left - sum(later.fixed for later in sections[number + 1 :]))
        left -= _size(section.entries[:kept])
        lines += [*section.head, *section.entries[:kept]]
        if kept < len(section.entries):
            lines += ["", f"_{len(section.entries) - kept:,} more {section.noun} are left out here: the report would be too long._"]
        lines += section.tail
    return "\n".join(lines).strip("\n") + "\n"


def _fitting(entries: Sequence[str], room: int) -> int:
    for number, entry in enumerate(entries):
        room -= _size([entry])
        if room < 0:
            return number
    return len(entries)


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)
