"""What a SELECT reads from, and which of it may be filtered without a change to the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlglot import exp

_SIDES_THAT_FILL_LEFT = ("RIGHT", "FULL")
_KINDS = ("", "INNER", "OUTER", "CROSS", "SEMI", "ANTI")
_METHODS = ("", "ASOF")


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of a FROM.

    `name` is folded; `columns` are the names it gives, folded, None where only the warehouse knows them. `preserved`: each of
    its rows stands for itself, so that a filter on it can go below the join. `visible`: its columns can be named.
    `merged` are columns that USING makes one with those to the left.
    """

    name: str
    node: exp.Expr
    columns: tuple[str, ...] | None
    preserved: bool = True
    visible: bool = True
    merged: frozenset[str] = frozenset()


class References:
    """Which tables of a statement are names of its CTEs, and how often each CTE is read."""

    def __init__(self, tree: exp.Expr) -> None:
        self._ctes: dict[int, exp.CTE] = {}
        self._counts: Counter[int] = Counter()
        for table in tree.find_all(exp.Table):
            cte = _cte_of(table) if isinstance(table.this, exp.Identifier) and not table.db else None
            if cte is not None:
                self._ctes[id(table)] = cte
                self._counts[id(cte)] += 1

    def cte(self, table: exp.Expr) -> exp.CTE | None:
        """Return the CTE that a table's name means."""
        return self._ctes.get(id(table))

    def count(self, cte: exp.CTE) -> int:
        """Return how often a CTE is read."""
        return self._counts[id(cte)]


def sources_of(
    select: exp.Select, references: References, names: Callable[[exp.Expr], tuple[str, ...] | None]
) -> tuple[Source, ...] | None:
    """Return the entries of a SELECT's FROM from left to right, None where a join is not understood."""
    from_ = select.args.get("from_")
    if from_ is None:
        return None
    found = [_source(from_.this, references, names)]
    for join in select.args.get("joins") or ():
        side, kind, method = join.side.upper(), join.kind.upper(), join.method.upper()
        if kind not in _KINDS or method not in _METHODS or join.args.get("pivots"):
            return None
        merged = frozenset(name.name.lower() for name in join.args.get("using") or ())
        if side in _SIDES_THAT_FILL_LEFT:
            found = [replace(source, preserved=False) for source in found]
        own = _source(join.this, references, names)
        semi = kind in ("SEMI", "ANTI")
        preserved = own.preserved and side not in ("LEFT", "FULL") and method != "ASOF" and not semi
        found.append(replace(own, preserved=preserved, visible=not semi, merged=merged if not semi else frozenset()))
    return tuple(found)


def plain(node: exp.Expr, *allowed: str) -> bool:
    """Whether a node has no parts but these."""
    return all(key in allowed or not value for key, value in node.args.items())


def _source(node: exp.Expr, references: References, names: Callable[[exp.Expr], tuple[str, ...] | None]) -> Source:
    name = node.alias_or_name.lower()
    alias = node.args.get("alias")
    bare = plain(node, "this", "db", "catalog", "alias") and not (isinstance(alias, exp.TableAlias) and alias.columns)
    if bare and isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
        return Source(name, node, names(node.this))
    if bare and isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        cte = references.cte(node)
        if cte is None:
            return Source(name, node, None)
        followed = followable(cte)
        return Source(name, node, names(cte.this) if followed else None, preserved=followed)
    return Source(name, node, None, preserved=False)


def followable(cte: exp.CTE) -> bool:
    """Whether a CTE is a query by another name: not recursive, its columns not named anew."""
    with_ = cte.parent
    recursive = isinstance(with_, exp.With) and bool(with_.recursive)
    return not recursive and not cte.args["alias"].columns and isinstance(cte.this, exp.Query) and not cte.args.get("key_expressions")


def _cte_of(table: exp.Table) -> exp.CTE | None:
    """Return the CTE that a name means where it stands: one of a statement around it and, within a WITH, an earlier one."""
    name = table.name.lower()
    node: exp.Expr | None = table
    left_with = False
    while node is not None:
        own = None if left_with else node.args.get("with_")
        visible = own.expressions if own is not None else []
        if isinstance(node, exp.CTE) and isinstance(node.parent, exp.With):
            siblings = node.parent.expressions
            number = next(index for index, cte in enumerate(siblings) if cte is node)
            visible = siblings[: number + 1] if node.parent.recursive else siblings[:number]
        for cte in visible:
            if isinstance(cte, exp.CTE) and cte.alias.lower() == name:
                return cte
        left_with = isinstance(node, exp.With)
        node = node.parent
    return None
