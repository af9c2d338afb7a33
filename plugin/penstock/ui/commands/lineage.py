"""`penstock lineage NODE`: what an asset comes from and what reads it."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import click

from penstock.app.reading import Edge, reading
from penstock.errors import SelectionError
from penstock.plan.names import display
from penstock.ui.console import Console
from penstock.ui.options import console_of, output_options, place_options, settings_of


@click.command()
@click.argument("node")
@click.option("--up", type=click.IntRange(min=0), default=None, help="How many steps upstream (default: all).")
@click.option("--down", type=click.IntRange(min=0), default=None, help="How many steps downstream (default: all).")
@click.option("--tests", is_flag=True, help="Show tests too.")
@click.option("--output", type=click.Choice(["tree", "json", "dot", "mermaid"]), default="tree")
@output_options
@place_options
def lineage(node: str, up: int | None, down: int | None, tests: bool, output: str, **options: Any) -> int:
    """Show what NODE comes from and what reads it, as the last build recorded it."""
    console = console_of(options)
    with reading(settings_of(options)) as state:
        edges = [edge for edge in state.lineage() if tests or edge.kind != "test"]
        statuses = {row[0]: row[3] for row in state.query("show_status")}
    key = _find(node, [*statuses, *(edge.child for edge in edges)])
    parents, children = _adjacency(edges)
    above = _reach(key, parents, up)
    below = _reach(key, children, down)
    kept = [edge for edge in edges if {edge.parent, edge.child} <= above | {key} or {edge.parent, edge.child} <= below | {key}]
    if output == "json":
        console.json([{"parent": edge.parent, "child": edge.child, "kind": edge.kind} for edge in kept])
    elif output == "dot":
        console.data("digraph lineage {\n  rankdir=LR;")
        for edge in kept:
            console.data(f"  {_quoted(edge.parent)} -> {_quoted(edge.child)};")
        console.data("}")
    elif output == "mermaid":
        _mermaid(console, key, kept)
    else:
        _tree(console, key, parents, children, above, below, statuses)
    return 0


def _find(name: str, keys: Sequence[str]) -> str:
    found = sorted({key for key in keys if name in (key, display(key), key.split(".")[-1])})
    exact = [key for key in found if name in (key, display(key))]
    if len(exact) == 1 or len(found) == 1:
        return (exact or found)[0]
    if found:
        raise SelectionError(f"`{name}` could be {', '.join(found)}", hint="Use the full name.")
    near = difflib.get_close_matches(name, [display(key) for key in keys], 3)
    hint = f"Did you mean {', '.join(dict.fromkeys(near))}?" if near else ""
    raise SelectionError(f"the recorded lineage has no asset `{name}`", hint=hint)


def _adjacency(edges: Sequence[Edge]) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    parents: dict[str, list[str]] = defaultdict(list)
    children: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        parents[edge.child].append(edge.parent)
        children[edge.parent].append(edge.child)
    return parents, children


def _reach(key: str, near: Mapping[str, list[str]], depth: int | None) -> set[str]:
    seen: set[str] = set()
    frontier = {key}
    steps = 0
    while frontier and (depth is None or steps < depth):
        frontier = {one for known in frontier for one in near.get(known, ())} - seen
        seen |= frontier
        steps += 1
    return seen


def _tree(
    console: Console, key: str, parents: Mapping[str, list[str]], children: Mapping[str, list[str]], above: set[str], below: set[str],
    statuses: Mapping[str, str],
) -> None:  # fmt: skip
    def label(one: str) -> str:
        status = statuses.get(one, "")
        return display(one) + (f"  ({status.replace('_', ' ')})" if status in ("failed", "stale", "never_built") else "")

    for title, near, kept in (("upstream", parents, above), ("downstream", children, below)):
        console.data(console.styled(f"{label(key)}  {title}: {len(kept)}", "bold"))
        seen: set[str] = set()
        for line in _branches(key, near, kept, seen, "", label):
            console.data(line)


def _branches(key: str, near: Mapping[str, list[str]], kept: set[str], seen: set[str], indent: str, label: Any) -> list[str]:
    lines = []
    ones = sorted(one for one in near.get(key, ()) if one in kept)
    for number, one in enumerate(ones):
        last = number == len(ones) - 1
        again = one in seen
        lines.append(f"{indent}{'└─ ' if last else '├─ '}{label(one)}{' …' if again and near.get(one) else ''}")
        if not again:
            seen.add(one)
            lines += _branches(one, near, kept, seen, indent + ("   " if last else "│  "), label)
    return lines


def _mermaid(console: Console, key: str, edges: Sequence[Edge]) -> None:
    numbers: dict[str, int] = {key: 0}
    for edge in edges:
        numbers.setdefault(edge.parent, len(numbers))
        numbers.setdefault(edge.child, len(numbers))
    console.data("flowchart LR")
    for one, number in numbers.items():
        text = display(one).replace('"', "#quot;")
        console.data(f'  n{number}["{text}"]')
    for edge in edges:
        console.data(f"  n{numbers[edge.parent]} --> n{numbers[edge.child]}")


def _quoted(name: str) -> str:
    return '"' + display(name).replace("\\", "\\\\").replace('"', '\\"') + '"'
