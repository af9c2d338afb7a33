"""Lineage drawn: trees of text, Graphviz and Mermaid, of assets as of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node")
Arrow = tuple[Node, Node, str]
"""From, to, and what is written on it."""

Near = Callable[[Node], Sequence[tuple[Node, str]]]
"""What stands next to a node on one side, and what is written on the arrows there."""


def branches(start: Node, near: Near[Node], label: Callable[[Node], str]) -> Iterator[str]:
    """Yield a tree's lines below `start`; what was shown before is not gone into again (`…`)."""
    yield from _branches(start, near, label, {start}, "")


def _branches(start: Node, near: Near[Node], label: Callable[[Node], str], seen: set[Node], indent: str) -> Iterator[str]:
    ones = near(start)
    for number, (one, note) in enumerate(ones):
        last = number == len(ones) - 1
        again = one in seen and bool(near(one))
        yield f"{indent}{'└─ ' if last else '├─ '}{label(one)}{f'  ({note})' if note else ''}{' …' if again else ''}"
        if one not in seen:
            seen.add(one)
            yield from _branches(one, near, label, seen, indent + ("   " if last else "│  "))


def dot(arrows: Iterable[Arrow[Node]], label: Callable[[Node], str]) -> Iterator[str]:
    """Yield the lines of a Graphviz digraph."""
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    for source, target, note in arrows:
        yield f"  {_quoted(label(source))} -> {_quoted(label(target))}{f' [label={_quoted(note)}]' if note else ''};"
    yield "}"


def mermaid(start: Iterable[Node], arrows: Sequence[Arrow[Node]], label: Callable[[Node], str]) -> Iterator[str]:
    """Yield the lines of a Mermaid flow chart; names are data, so nodes go by number."""
    numbers: dict[Node, int] = {}
    for one in (*start, *(end for source, target, _ in arrows for end in (source, target))):
        numbers.setdefault(one, len(numbers))
    yield "flowchart LR"
    for one, number in numbers.items():
        yield f'  n{number}["{_escaped(label(one))}"]'
    for source, target, note in arrows:
        yield f"  n{numbers[source]} -->{f'|{_escaped(note)}|' if note else ''} n{numbers[target]}"


def grouped(arrows: Iterable[Arrow[Node]]) -> list[Arrow[Node]]:
    """Return one arrow for all those between the same two nodes, with what is written on each of them."""
    found: dict[tuple[Node, Node], dict[str, None]] = {}
    for source, target, note in arrows:
        found.setdefault((source, target), {})[note] = None
    return [(source, target, ", ".join(sorted(filter(None, notes)))) for (source, target), notes in found.items()]


def adjacency(edges: Iterable[tuple[Node, Node]]) -> tuple[Mapping[Node, list[Node]], Mapping[Node, list[Node]]]:
    """Return the parents of each node, and its children."""
    parents: dict[Node, list[Node]] = {}
    children: dict[Node, list[Node]] = {}
    for parent, child in edges:
        parents.setdefault(child, []).append(parent)
        children.setdefault(parent, []).append(child)
    return parents, children


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "#quot;").replace("|", "#124;").replace("\n", " ")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
