"""What a name means where it stands in a query."""

from __future__ import annotations

from sqlglot import exp


def means_cte(table: exp.Table, name: str) -> bool:
    """Tell whether a name means a CTE where it stands: one of a statement around it and, within a WITH, an earlier one."""
    node: exp.Expr | None = table
    left_with = False
    while node is not None:
        own = None if left_with else node.args.get("with_")
        visible = own.expressions if own is not None else []
        if isinstance(node, exp.CTE) and isinstance(node.parent, exp.With):
            siblings = node.parent.expressions
            number = next(index for index, cte in enumerate(siblings) if cte is node)
            visible = siblings[: number + 1] if node.parent.recursive else siblings[:number]
        if any(cte.alias.lower() == name for cte in visible):
            return True
        left_with = isinstance(node, exp.With)  # of its statement's CTEs only the earlier ones count, and they were looked at
        node = node.parent
    return False
