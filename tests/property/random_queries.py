"""Random queries over the tables of `two_tables`, other ways to write the same query, and small edits of one."""

from __future__ import annotations

import re
from random import Random
from typing import Any

from hypothesis import strategies as st

_COLUMNS = {"t": ("k", "a", "b", "z"), "u": ("k", "c", "z"), "v": ("k", "d", "x")}
_Frame = tuple[str, tuple[str, ...]]
"""A query and the columns it gives, in order; every one is an integer."""


class _Maker:
    """Draws one query; `ctes` are those that stand before the main query, in order."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.ctes: list[tuple[str, _Frame]] = []
        self.names = 0

    def pick(self, values: Any) -> Any:
        return self.draw(st.sampled_from(list(values)))

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def frame(self, depth: int) -> _Frame:
        """Something to read from: a table, a common table expression, or a subquery."""
        kinds = ["table", "table", *(["cte"] if self.ctes else []), *(["subquery", "union", "wrapped"] if depth else [])]
        kind = self.pick(kinds)
        if kind == "cte":
            name, (_, columns) = self.pick(self.ctes)
            return name, columns
        if kind == "subquery":
            sql, columns = self.select(depth - 1)
            return f"({sql})", columns
        if kind == "wrapped":
            sql, columns = self.select(depth - 1)
            keys = ", ".join(dict.fromkeys([self.pick(columns), *columns]))
            return f"(({sql}) order by {keys} limit {self.pick([1, 2])})", columns
        if kind == "union":
            (one, columns), (other, others) = self.select(depth - 1), self.select(depth - 1)
            count = min(len(columns), len(others))
            sides = [f"select {', '.join(side[:count])} from ({sql})" for sql, side in ((one, columns), (other, others))]
            return f"({self.pick([' union all ', ' union ', ' except ']).join(sides)})", columns[:count]
        table = self.pick(_COLUMNS)
        return table, _COLUMNS[table]

    def select(self, depth: int) -> _Frame:
        """A SELECT of one or two frames."""
        source, columns = self.frame(depth)
        left = self.name("x")
        known = [(left, column) for column in columns]
        text = f"{source} as {left}"
        how = self.pick(["", "", "on", "using", "lateral", "semi"])
        if how:
            text, known = self._joined(how, text, left, columns, known, depth)
        where = f" where {self.condition(known, depth)}" if self.draw(st.booleans()) else ""
        shape = self.pick(["plain", "plain", "star", "group", "window", "distinct", "limit", "qualify", "replace", "kept"])
        return self._shaped(shape, left, columns, known, f"from {text}{where}")

    def _joined(
        self, how: str, text: str, left: str, columns: tuple[str, ...], known: list[tuple[str, str]], depth: int
    ) -> tuple[str, list[tuple[str, str]]]:
        right = self.name("x")
        if how == "lateral":
            word = self.pick(["lateral ", ""])
            return f"{text}, {word}(select {left}.{self.pick(columns)} + 1 as y) as {right}", [*known, (right, "y")]
        source, others = self.frame(depth)
        both = [column for column in columns if column in others]
        if how == "using" and both:
            return f"{text} join {source} as {right} using ({self.pick(both)})", [*known, *((right, one) for one in others)]
        kind = "semi join" if how == "semi" else self.pick(["join", "left join"])
        condition = f"{left}.{self.pick(columns)} = {right}.{self.pick(others)}"
        return f"{text} {kind} {source} as {right} on {condition}", known if how == "semi" else [*known, *((right, one) for one in others)]

    def column(self, known: list[tuple[str, str]]) -> str:
        table, column = self.pick(known)
        plain = sum(1 for _, other in known if other == column) == 1 and self.draw(st.booleans())
        return str(column) if plain else f"{table}.{column}"

    def expression(self, known: list[tuple[str, str]]) -> str:
        one, other = self.column(known), self.column(known)
        return str(
            self.pick([
                one, one, f"{one} + {other}", f"coalesce({one}, {self.pick('12')})", f"case when {one} > {self.pick('12')} then {other} end",
                f"greatest({one}, {other})",
            ])
        )  # fmt: skip

    def condition(self, known: list[tuple[str, str]], depth: int) -> str:
        one = self.column(known)
        kinds = [f"{one} > {self.pick('012')}", f"{one} is not null", f"{one} = {self.column(known)}"]
        if depth:
            source, columns = self.frame(depth - 1)
            inner = self.name("x")
            qualified = ".".join(self.pick(known))
            kinds.append(f"exists (select 1 from {source} as {inner} where {inner}.{self.pick(columns)} = {qualified})")
            kinds.append(f"{qualified} in (select {inner}.{self.pick(columns)} from {source} as {inner})")
            kinds.append(f"{qualified} > (select min({inner}.{self.pick(columns)}) as m from {source} as {inner})")
        return str(self.pick(kinds))

    def _shaped(self, shape: str, left: str, columns: tuple[str, ...], known: list[tuple[str, str]], rest: str) -> _Frame:
        if shape == "star":
            return f"select {left}.* {rest}", columns
        if shape == "replace":
            column = self.pick(columns)
            return f"select {left}.* replace ({self.expression(known)} as {column}) {rest}", columns
        if shape == "kept":
            kept = self.draw(st.lists(st.sampled_from(columns), min_size=1, max_size=3, unique=True))
            return f"select {', '.join(f'{left}.{column} as {column}' for column in kept)} {rest}", tuple(kept)
        names = tuple(self.pick("cdefg") + str(number) for number in range(self.pick([1, 2, 3])))
        listed = ", ".join(f"{self.expression(known)} as {name}" for name in names)
        if shape == "group":
            key = ".".join(self.pick(known))
            made = ", ".join(f"{self.pick(['sum', 'max', 'count'])}({self.column(known)}) as {name}" for name in names)
            return f"select {key} as key0, {made} {rest} group by {key}", ("key0", *names)
        if shape == "window":
            over = f"partition by {self.column(known)} order by {', '.join('.'.join(one) for one in known)}"
            return f"select {listed}, count(*) over ({over}) as n0 {rest}", (*names, "n0")
        if shape == "distinct":
            return f"select distinct {listed} {rest}", names
        everything = ", ".join(".".join(one) for one in known)
        if shape == "limit":
            return f"select {listed} {rest} order by {self.column(known)}, {everything} limit {self.pick('12')}", names
        if shape == "qualify":
            return f"select {listed} {rest} qualify row_number() over (order by {self.column(known)}, {everything}) = 1", names
        return f"select {listed} {rest}", names


@st.composite
def queries(draw: Any) -> str:
    """Draw a query that DuckDB accepts, of up to two common table expressions and nested subqueries."""
    maker = _Maker(draw)
    for _ in range(draw(st.integers(0, 2))):
        frame = maker.select(draw(st.integers(0, 1)))
        maker.ctes.append((maker.name("q"), frame))
    sql, _ = maker.select(draw(st.integers(0, 2)))
    head = ", ".join(f"{name} as ({inner})" for name, (inner, _) in maker.ctes)
    return f"with {head} {sql}" if head else sql


_KEPT = re.compile(r"\b(x\d+)\.(\w+) as \2\b")


def without_repeated_aliases(sql: str, chance: Random) -> str:
    """Leave out some of the aliases that only repeat a column's name."""
    return _KEPT.sub(lambda match: f"{match[1]}.{match[2]}" if chance.random() < 0.7 else match[0], sql)


_OWN = re.compile(r"\b[xq]\d+\b")
_NAME = re.compile(r"\b(?<!\.)[a-z]\d*\b(?!\()")


def rewritten(sql: str, chance: Random) -> str:
    """Write a query otherwise: other names for its tables, comments, whitespace, quotes, capital keywords."""
    own = sorted(set(_OWN.findall(sql)))
    fresh = [f"{chance.choice(['alias', 'base', 'q', 'x'])}_{number}" for number in range(len(own))]
    chance.shuffle(fresh)
    given = dict(zip(own, fresh, strict=True))
    words = []
    for word in re.findall(r"\w+ by\b|\w+|\W", _OWN.sub(lambda match: given[match[0]], sql)):
        if word.endswith(" by"):  # sqlglot knows no comment between the two words
            words.append(chance.choice([word, word.upper(), word.replace(" ", "  "), word.replace(" ", "\n")]))
        elif word == " ":
            words.append(chance.choice([" ", " ", "\n", " /* a comment; with 'quotes' -- */ ", "\t", " -- to the end of the line\n"]))
        elif word in (
            "select",
            "from",
            "where",
            "join",
            "left",
            "as",
            "group",
            "by",
            "order",
            "limit",
            "sum",
            "max",
            "coalesce",
            "case",
            "when",
        ):
            words.append(chance.choice([word, word.upper()]))
        elif word in given.values() or re.fullmatch(r"[a-z]\d?", word):
            words.append(chance.choice([word, f'"{word}"']))
        else:
            words.append(word)
    return "".join(words) + chance.choice(["", ";", " ;\n", " -- the end"])


def edited(sql: str, chance: Random) -> str:
    """Change one word of a query, or take one away; what comes may be another query, the same one, or none at all."""
    words = re.findall(r"\w+|\W", sql)
    places = [number for number, word in enumerate(words) if word.strip()]
    for _ in range(20):
        number = chance.choice(places)
        others = [words[one] for one in places if re.fullmatch(r"\w+", words[one]) == re.fullmatch(r"\w+", words[number])]
        new = chance.choice(
            ["", "distinct", "+", "1", "a", "k", "z", *others, chance.choice(words), words[number].upper(), words[number].title()]
        )
        text = "".join([*words[:number], new, *words[number + 1 :]])
        if text != sql and _parses(text):
            return text
    return sql


def _parses(sql: str) -> bool:
    from penstock.parser.query import read_query

    return not read_query(sql, "duckdb").error
