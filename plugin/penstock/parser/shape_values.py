"""What an expression is made of: its code, with every column replaced by what that column is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from sqlglot import exp

from penstock.parser.shapes import STAR, Codes, Field, NotFollowed, Scope, Shape

Pair = tuple[int, int]
"""The code of a value, and of the expression alone, whichever rows it is asked of."""

_OF_MANY_ROWS = (exp.AggFunc, exp.Window, exp.Anonymous, exp.AnonymousAggFunc)
_OTHER_NAMES = (exp.Columns, exp.PositionalColumn)


class Values:
    """Codes of expressions; `query` reads a query that stands within one."""

    def __init__(self, codes: Codes, query: Callable[[exp.Expr, Scope], Shape]) -> None:
        self.codes = codes
        self._query = query

    def field(self, scope: Scope, name: str, node: exp.Expr) -> Field:
        """Return the column that an expression gives under a name."""
        while isinstance(node, (exp.Alias, exp.Paren)):
            node = node.this
        parts: list[Field] = []
        value, plain = self.pair(scope, node, parts)
        if isinstance(node, exp.Column) and len(parts) == 1:
            own = parts[0]
            return Field(name, own.value, own.plain, own.text, own.parts, own.inner, own.type)
        text = node.sql("duckdb", comments=False)
        if isinstance(node, exp.Cast):
            inner = self.pair(scope, node.this, [])[1]
            return Field(name, value, plain, text, tuple(parts), inner, node.to.sql("duckdb"))
        return Field(name, value, plain, text, tuple(parts))

    def value(self, scope: Scope, node: exp.Expr) -> int:
        """Return the code of a value."""
        return self.pair(scope, node, [])[0]

    def plain(self, scope: Scope, node: exp.Expr) -> int:
        """Return the code of an expression alone."""
        return self.pair(scope, node, [])[1]

    def pair(self, scope: Scope, node: exp.Expr, parts: list[Field]) -> Pair:
        """Return both codes, and collect the columns it is made of. Raises NotFollowed."""
        if isinstance(node, exp.Paren):
            return self.pair(scope, node.this, parts)
        if isinstance(node, exp.Column):
            found = self._column(scope, node)
            parts.append(found)
            return found.value, found.plain
        if isinstance(node, exp.Query):
            shape = self._query(node, scope)
            parts.extend(shape.fields)
            code = self.codes("query", shape.whole(self.codes))
            return code, code
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            row = self._row(scope, [])
            parts.append(row)
            value, plain = self._generic(scope, node, parts)
            return self.codes("star", row.value, value), self.codes("star", row.plain, plain)
        if isinstance(node, _OTHER_NAMES):
            raise NotFollowed(f"{node.key.upper()} stands for columns that are not named")
        value, plain = self._generic(scope, node, parts)
        if isinstance(node, _OF_MANY_ROWS):
            value = self.codes("of", scope.tag, value)
        return value, plain

    def _generic(self, scope: Scope, node: exp.Expr, parts: list[Field]) -> Pair:
        values: list[object] = [type(node).__name__]
        plains: list[object] = [type(node).__name__]
        for name, child in sorted(arguments(node), key=lambda pair: pair[0]):
            for one in child if isinstance(child, list) else [child]:
                if isinstance(one, exp.Expr):
                    value, plain = self.pair(scope, one, parts)
                    values += [name, value]
                    plains += [name, plain]
                else:
                    text = str(one).lower() if isinstance(node, exp.Anonymous) and name == "this" else one
                    values += [name, repr(text)]
                    plains += [name, repr(text)]
        return self.codes(*values), self.codes(*plains)

    def _column(self, scope: Scope, column: exp.Column) -> Field:
        names = [part.name.lower() for part in column.parts]
        if isinstance(column.this, exp.Star):
            return self._row(scope, names[:-1])
        for around in scope.around():
            found, rest = self._in_scope(around, names)
            if found is not None:
                return self._dotted(found, rest)
        return self._field_of("free", names[-1], *names)

    def _in_scope(self, scope: Scope, names: list[str]) -> tuple[Field | None, list[str]]:
        """Return the column that the first names mean here, and the names of the fields that are asked of it."""
        for depth in range(min(len(names) - 1, 3)):
            shape = scope.named(names[depth])
            found = self._of(shape, names[depth + 1]) if shape is not None else None
            if found is not None:
                return found, names[depth + 2 :]
        return self._bare(scope, names[0]), names[1:]

    def _of(self, shape: Shape, name: str) -> Field | None:
        rest = shape.rest()
        return shape.find(name) or (self._field_of("among", name, rest.value, name) if rest is not None else None)

    def _bare(self, scope: Scope, name: str) -> Field | None:
        """Return the column of a name without a table; where it could be several things, it is made of all of them."""
        if name in scope.merged:
            return scope.merged[name]
        known = [found for _, shape in scope.sources if (found := shape.find(name)) is not None]
        if len(known) == 1:
            return known[0]
        guesses = [found for _, shape in scope.sources if (found := self._of(shape, name)) is not None]
        if name in scope.aliases and name not in scope.resolving:
            scope.resolving.add(name)
            guesses.append(self.field(scope, name, scope.aliases[name]))
            scope.resolving.discard(name)
        if len(guesses) == 1:
            return guesses[0]
        if not guesses:
            return self._row(scope, [name]) if scope.named(name) is not None else None
        codes = self.codes
        value, plain = codes("either", *(one.value for one in guesses)), codes("either", *(one.plain for one in guesses))
        return Field(name, value, plain, name, tuple(guesses))

    def _row(self, scope: Scope, names: list[str]) -> Field:
        """Return a whole row of what goes by a name, or of all that is read."""
        shape = next((found for around in scope.around() if names and (found := around.named(names[-1])) is not None), None)
        shapes = [shape] if shape is not None else [shape for _, shape in scope.sources]
        fields = tuple(one for shape in shapes for one in shape.fields)
        named = [(one.name, one.value) for one in fields]
        code = self.codes("row", *named)
        return Field(STAR, code, code, parts=fields)

    def _dotted(self, found: Field, rest: list[str]) -> Field:
        for name in rest:
            codes = self.codes
            found = Field(name, codes("dot", found.value, name), codes("dot", found.plain, name), f"{found.text}.{name}", (found,))
        return found

    def _field_of(self, kind: str, name: str, *of: object) -> Field:
        code = self.codes(kind, *of)
        return Field(name, code, code, name)


def arguments(node: exp.Expr) -> Iterator[tuple[str, object]]:
    """Yield what a node says: the arguments that are set."""
    return ((name, value) for name, value in node.args.items() if value not in (None, [], False))


class Reading(Protocol):
    """What reading a SELECT needs of whoever reads queries."""

    codes: Codes
    values: Values

    def source(self, node: exp.Expr, scope: Scope) -> tuple[str, Shape]:
        """Return the name of what stands in FROM or JOIN, and its shape. Raises NotFollowed."""

    def limited(self, node: exp.Expr, shape: Shape, scope: Scope) -> Shape:
        """Return what ORDER BY, LIMIT and OFFSET leave of a query."""
