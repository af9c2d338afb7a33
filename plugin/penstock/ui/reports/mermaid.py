"""The changed subgraph as a Mermaid diagram, which GitHub and GitLab draw; labels are character codes, so they are only text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from penstock.assets.names import AssetKey
from penstock.plan.difference import Category
from penstock.plan.verdict import Verdict
from penstock.ui.reports.escaping import shortened

MOST_NODES = 40
"""More boxes than these nobody reads."""

_COLOURS = {
    Category.BREAKING: "fill:#ffd7d5,stroke:#cf222e,color:#24292f",
    Category.UNKNOWN: "fill:#fff1c2,stroke:#9a6700,color:#24292f",
    Category.NON_BREAKING: "fill:#ddf4ff,stroke:#0969da,color:#24292f",
    Category.ADDITIVE: "fill:#dafbe1,stroke:#1a7f37,color:#24292f",
    Category.COSMETIC: "fill:#f6f8fa,stroke:#8c959f,color:#24292f",
}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.")


def mermaid(verdict: Verdict) -> tuple[list[str], int]:
    """Return the diagram's lines, none where nothing is connected or changed, and how many assets it leaves out."""
    shown = {change.asset: change.category for change in verdict.difference.changes}
    order = list(dict.fromkeys([*shown, *(key for edge in verdict.edges for key in edge)]))
    kept = {key: f"n{number}" for number, key in enumerate(order[:MOST_NODES])}
    return (["graph LR", *_body(verdict, kept, shown)] if kept else []), len(order) - len(kept)


def _body(verdict: Verdict, kept: Mapping[AssetKey, str], shown: Mapping[AssetKey, Category]) -> Iterator[str]:
    for key, node in kept.items():
        category = f":::{shown[key].value}" if key in shown else ""
        yield f'  {node}["{_label(verdict.name(key))}"]{category}'
    for parent, child in verdict.edges:
        if parent in kept and child in kept:
            yield f"  {kept[parent]} --> {kept[child]}"
    for category in Category:
        if category in {shown.get(key) for key in kept}:
            yield f"  classDef {category.value} {_COLOURS[category]}"


def _label(name: str) -> str:
    return "".join(letter if letter in _PLAIN else f"#{ord(letter)};" for letter in shortened(name, 60))
