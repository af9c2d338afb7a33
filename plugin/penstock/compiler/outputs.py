"""Where the columns of a query come from: which one is passed on unchanged, and from which source of the query's FROM.

The rules are DuckDB's: names in any case, `*` with EXCLUDE and REPLACE, USING, a second column `a` called `a_1`. Whatever is not
certain from the text alone is answered with None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from penstock.compiler.sources import References, Source, sources_of

_SECOND = re.compile(r"_\d+$")
_NAMED_BY_TEXT = (exp.AggFunc, exp.Window, exp.Literal, exp.Cast, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.DPipe)
"""Without an alias DuckDB calls these by their text, which is no column's name; `(day)` and `s['day']` it calls `day`."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A column of a source, as a SELECT passes it on; `name` is folded, `qualified` says whether it stands there with its source."""

    source: Source
    name: str
    qualified: bool = False


@dataclass(frozen=True, slots=True)
class _Output:
    """One column of a SELECT, or all columns of a source whose names are not known: then it has no name of its own.

    An expression that is no column has neither `column` nor `source`.
    """

    name: str
    column: exp.Column | None = None
    source: Source | None = None
    without: frozenset[str] = frozenset()


class Columns:
    """The columns of the queries within one statement, each looked at once."""

    def __init__(self, tree: exp.Expr) -> None:
        self.references = References(tree)
        self._names: dict[int, tuple[str, ...] | None] = {}
        self._sources: dict[int, tuple[Source, ...] | None] = {}
        self._made: dict[int, frozenset[str]] = {}

    def names(self, query: exp.Expr) -> tuple[str, ...] | None:
        """Return a query's columns in order, folded; None where one is unknown."""
        if id(query) not in self._names:
            self._names[id(query)] = self._find_names(query)
        return self._names[id(query)]

    def sources(self, select: exp.Select) -> tuple[Source, ...] | None:
        """Return what a SELECT reads from; None where its joins are not understood."""
        if id(select) not in self._sources:
            self._sources[id(select)] = sources_of(select, self.references, self.names)
        return self._sources[id(select)]

    def passed(self, select: exp.Select, name: str) -> Passed | None:
        """Return the source's column that a SELECT gives out under a name."""
        outputs = self._outputs(select)
        if outputs is None or (_SECOND.search(name) and not _all_different(outputs)):
            return None
        found = [output for output in outputs if output.name == name or (not output.name and name not in output.without)]
        if len(found) != 1:
            return None
        if found[0].column is not None:
            return self.resolve(select, found[0].column)
        return Passed(found[0].source, name) if found[0].source is not None else None

    def resolve(self, select: exp.Select, column: exp.Column) -> Passed | None:
        """Return the source's column that a name within a SELECT means."""
        sources = self.sources(select)
        name = column.name.lower()
        if sources is None or column.args.get("db") or not isinstance(column.this, exp.Identifier):
            return None
        visible = [source for source in sources if source.visible]
        if column.table:
            meant = [source for source in visible if source.name == column.table.lower()]
            return Passed(meant[0], name, qualified=True) if len(meant) == 1 else None
        if name in self._made_names(select) or any(source.name == name for source in sources):
            return None
        source = _holder(visible, name)
        return Passed(source, name) if source is not None else None

    def _made_names(self, select: exp.Select) -> frozenset[str]:
        """Return the aliases that other expressions of a SELECT may mean: DuckDB looks there when no source has the name."""
        if id(select) not in self._made:
            aliases = [each for each in select.expressions if isinstance(each, exp.Alias)]
            same = {id(each) for each in aliases if isinstance(each.this, exp.Column) and each.this.name.lower() == each.alias.lower()}
            self._made[id(select)] = frozenset(each.alias.lower() for each in aliases if id(each) not in same)
        return self._made[id(select)]

    def _find_names(self, query: exp.Expr) -> tuple[str, ...] | None:
        if isinstance(query, exp.Subquery):
            return self.names(query.this) if not query.args.get("pivots") else None
        if isinstance(query, exp.SetOperation):
            return self.names(query.this) if not query.args.get("by_name") else None
        outputs = self._outputs(query) if isinstance(query, exp.Select) else None
        if outputs is None or not all(output.name for output in outputs):
            return None
        return tuple(output.name for output in outputs)

    def _outputs(self, select: exp.Select) -> list[_Output] | None:
        """Return a SELECT's columns in order; None where they cannot be told."""
        found: list[_Output] = []
        for projection in select.expressions:
            if isinstance(projection, exp.Star) or (isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star)):
                expanded = self._expanded(select, projection)
                if expanded is None:
                    return None
                found += expanded
            elif isinstance(projection, (exp.Alias, exp.Column)):
                column = projection.unalias()
                found.append(_Output(projection.alias_or_name.lower(), column if isinstance(column, exp.Column) else None))
            elif isinstance(projection, _NAMED_BY_TEXT):
                found.append(_Output(f"\0{len(found)}"))
            else:
                return None
        return found

    def _expanded(self, select: exp.Select, projection: exp.Expr) -> list[_Output] | None:
        """Return what `*` or `t.*` stands for."""
        sources = self.sources(select)
        star = projection.this if isinstance(projection, exp.Column) else projection
        table = projection.table.lower() if isinstance(projection, exp.Column) else ""
        replaced = {alias.alias.lower() for alias in star.args.get("replace") or ()}
        left_out = _excluded(star)
        if sources is None or left_out is None or star.args.get("rename") or star.args.get("ilike"):
            return None
        meant = [source for source in sources if source.visible and table in ("", source.name)]
        if not meant or (table and len(meant) > 1):
            return None
        found: list[_Output] = []
        for source in meant:
            found += _star_of(source, left_out | (source.merged if not table else frozenset()), replaced)
        return found


def _star_of(source: Source, without: frozenset[str], replaced: set[str]) -> Iterator[_Output]:
    if source.columns is None:
        yield _Output("", source=source, without=without)
        yield from (_Output(name) for name in sorted(replaced))
        return
    for name in source.columns:
        if name not in without:
            yield _Output(name, source=None if name in replaced else source)


def _excluded(star: exp.Expr) -> frozenset[str] | None:
    names = star.args.get("except_") or ()
    plain = all(isinstance(name, (exp.Column, exp.Identifier)) and not (isinstance(name, exp.Column) and name.table) for name in names)
    return frozenset(name.name.lower() for name in names) if plain else None


def _all_different(outputs: Sequence[_Output]) -> bool:
    """Whether no column can be a second one of its name, which DuckDB calls `a_1`."""
    names = {output.name for output in outputs}
    return len(outputs) == 1 or (len(names) == len(outputs) and "" not in names)


def _holder(sources: Sequence[Source], name: str) -> Source | None:
    """Return the source that a name without a qualifier belongs to."""
    if any(name in source.merged for source in sources):  # USING: the first one's, where that join is the first
        merging = [number for number, source in enumerate(sources) if name in source.merged]
        return sources[0] if merging[0] == 1 else None
    known = [source for source in sources if source.columns is not None and name in source.columns]
    unknown = [source for source in sources if source.columns is None]
    if len(known) == 1:
        return known[0]  # were it another's too, DuckDB would call it ambiguous
    return unknown[0] if not known and len(unknown) == 1 else None
