"""Names that DuckDB gives to what has no alias."""

from __future__ import annotations

from sqlglot import exp

_SPELLED: dict[type[exp.Expr], str] = {exp.Sum: "sum", exp.Min: "min", exp.Max: "max", exp.Avg: "avg", exp.Count: "count"}


def name_of(node: exp.Expr) -> str:
    """Return the name of an expression's column, empty where it is made of a text that only the warehouse can write."""
    if isinstance(node, exp.Paren):
        return name_of(node.this)
    if isinstance(node, (exp.Alias, exp.Column)):
        return str(node.alias_or_name)
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier) and isinstance(node.this, (exp.Column, exp.Dot)):
        return str(node.expression.name)
    if isinstance(node, exp.Literal):
        return f"'{node.name}'" if node.is_string else str(node.name)
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
        return "count_star()"
    argument = node.args.get("this")
    if node.__class__ in _SPELLED and isinstance(argument, exp.Column) and not isinstance(argument.this, exp.Star):
        plain = not any(part.args.get("quoted") for part in argument.parts)
        plain = plain and not any(value for key, value in node.args.items() if key not in {"this", "big_int"})
        return f"{_SPELLED[node.__class__]}({'.'.join(part.name for part in argument.parts)})" if plain else ""
    return ""
