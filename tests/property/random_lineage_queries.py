"""Random queries over the tables of `two_tables`, of every construct that column lineage follows."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

_TABLES = {"t": ("k", "a", "b", "z"), "u": ("k", "c", "z"), "v": ("k", "d", "x")}
Known = list[tuple[str, str]]
"""Columns in sight, each with its qualifier; every one is an integer."""


class Frame:
    """A query and the columns it gives, in order."""

    def __init__(self, sql: str, columns: Sequence[str]) -> None:
        self.sql = sql
        self.columns = tuple(columns)


class Maker:
    """Writes one query; `ctes` are those that stand before the main query, in order."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.ctes: list[tuple[str, Frame]] = []
        self.names = 0

    def pick(self, values):
        return self.chance.choice(list(values))

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def maybe(self, share: float = 0.5) -> bool:
        return self.chance.random() < share

    def query(self) -> str:
        """A whole statement."""
        heads = []
        recursive = False
        for _ in range(self.chance.randint(0, 3)):
            if self.maybe(0.15):
                name, text, frame = self.recursive()
                recursive = True
            else:
                frame = self.body(self.chance.randint(0, 1))
                name = self.name("q") if self.maybe(0.85) else self.pick([one for one in _TABLES if one not in dict(self.ctes)] or ["q0"])
                text = f"{name} as ({frame.sql})"
                if self.maybe(0.2):
                    renamed = [self.name("n") for _ in frame.columns[: self.chance.randint(1, len(frame.columns))]]
                    text = f"{name}({', '.join(renamed)}) as ({frame.sql})"
                    frame = Frame(frame.sql, (*renamed, *frame.columns[len(renamed) :]))
            if name in dict(self.ctes):
                continue
            self.ctes.append((name, frame))
            heads.append(text)
        main = self.body(self.chance.randint(0, 2))
        return f"with {'recursive ' if recursive else ''}{', '.join(heads)} {main.sql}" if heads else main.sql

    def recursive(self) -> tuple[str, str, Frame]:
        name, table = self.name("r"), self.pick(_TABLES)
        one, other = self.pick(_TABLES[table]), self.pick(_TABLES[table])
        step = self.pick(["n + 1", "n + m * m + 1", "greatest(n, m) + 1"])
        joined = self.pick(["", f" join {table} on {table}.{one} = {name}.m"])
        kind = self.pick(["union all", "union"])
        sql = f"select {one} as n, {other} as m from {table} {kind} select {step}, m from {name}{joined} where n < 2"
        return name, f"{name} as ({sql})", Frame(sql, ("n", "m"))

    def body(self, depth: int) -> Frame:
        """A SELECT, or two of them put together."""
        kind = self.pick(["select"] * 6 + ["set", "by name", "outside"] if depth else ["select"])
        if kind == "set":
            one, other = self.select(depth - 1), self.select(depth - 1)
            count = min(len(one.columns), len(other.columns))
            word = self.pick(["union all", "union", "except", "intersect", "except all"])
            sides = [f"select {', '.join(self.distinct(side)[:count])} from ({side.sql}) as {self.name('x')}" for side in (one, other)]
            tail = " order by all limit 2" if self.maybe(0.3) else ""
            return Frame(f" {word} ".join(sides) + tail, self.distinct(one)[:count])
        if kind == "by name":
            one, other = self.select(depth - 1), self.select(depth - 1)
            sides = [f"select {', '.join(self.distinct(side))} from ({side.sql}) as {self.name('x')}" for side in (one, other)]
            columns = dict.fromkeys((*self.distinct(one), *self.distinct(other)))
            return Frame(f" {self.pick(['union all by name', 'union by name'])} ".join(sides), tuple(columns))
        if kind == "outside":
            inner = self.select(depth - 1)
            return Frame(f"({inner.sql}) order by all limit {self.pick('123')}", inner.columns)  # a window may stand between equals
        return self.select(depth)

    def distinct(self, frame: Frame) -> tuple[str, ...]:
        return tuple(dict.fromkeys(frame.columns))

    def source(self, depth: int) -> tuple[str, tuple[str, ...]]:
        """Something to read from, without an alias, and its columns."""
        kinds = ["table"] * 3 + ["cte"] * (3 if self.ctes else 0)
        kinds += ["subquery", "subquery", "pivot", "unpivot", "unpivot statement", "pivot statement", "values"] if depth else []
        kind = self.pick(kinds)
        if kind == "cte":
            name, frame = self.pick(self.ctes)
            return name, self.distinct(frame)
        if kind == "subquery":
            inner = self.body(depth - 1)
            return f"({inner.sql})", self.distinct(inner)
        if kind == "values":
            return "(values (0, 1), (1, 2), (2, null))", ("col0", "col1")
        hidden = {name for name, _ in self.ctes}
        table = self.pick([one for one in _TABLES if one not in hidden] or [""])
        if not table:
            return "(select 1 as k, 2 as z)", ("k", "z")
        if kind == "table":
            return table, _TABLES[table]
        one, other, third = self.chance.sample(_TABLES[table], 3)
        how = self.pick(["sum", "max", "count"])
        if kind == "pivot":
            return f"(select * from {table} pivot ({how}({other}) as p for {one} in (0 as q, 1 as r) group by {third}))", (
                third,
                "q_p",
                "r_p",
            )
        if kind == "pivot statement":
            return f"(pivot {table} on {one} in (0, 1) using {how}({other}) as p group by {third})", (third, '"0_p"', '"1_p"')
        left = tuple(column for column in _TABLES[table] if column not in {one, other})
        if kind == "unpivot":
            nulls = self.pick(["", "include nulls "])
            return f"(select * exclude (n) from {table} unpivot {nulls}(w for n in ({one}, {other})))", (*left, "w")
        return f"(select * exclude (n) from (unpivot {table} on {one}, {other} into name n value w))", (*left, "w")

    def column(self, known: Known) -> str:
        qualifier, name = self.pick(known)
        alone = sum(1 for _, other in known if other == name) == 1
        return name if not qualifier or (alone and self.maybe()) else f"{qualifier}.{name}"

    def expression(self, known: Known, depth: int = 0) -> str:
        one, other, third = (self.column(known) for _ in range(3))
        kinds = [
            one, one, one, f"{one} + {other}", f"coalesce({one}, {other})", f"case when {one} > {self.pick('01')} then {other} end",
            f"greatest({one}, {other})", f"-({one})", f"({one}, {other})[1]", f"{{'f': {one}, 'g': {other}}}.f", f"[{one}, {other}][2]",
            f"list_sum(list_transform([{one}, 1], lambda y: y + {other}))", f"len([y for y in [{one}, 1] if y > {other}])",
            f"({one} is null)::int", f"({one} in ({other}, 1))::int", f"nullif({one}, {other})", f"{one}.abs()" if "." not in one else one,
            f"({one} between {other} and {third})::int",
        ]  # fmt: skip
        if depth:
            source, columns = self.source(depth - 1)
            inner, outer = self.name("x"), self.qualified(known)
            hit, key = self.pick(columns), self.pick(columns)
            kinds += [
                f"(select max({inner}.{hit}) from {source} as {inner} where {inner}.{key} = {outer})",
                f"(exists (select 1 from {source} as {inner} where {inner}.{key} >= {outer}))::int",
                f"(select {inner}.{hit} + {outer} from {source} as {inner} order by {inner}.{key} limit 1)",
                f"len(array(select {inner}.{hit} from {source} as {inner} where {outer} > 0))",
            ]
        return str(self.pick(kinds))

    def qualified(self, known: Known) -> str:
        qualifier, name = self.pick([one for one in known if one[0]] or known)
        return f"{qualifier}.{name}" if qualifier else name

    def condition(self, known: Known, depth: int) -> str:
        one, other = self.column(known), self.column(known)
        kinds = [f"{one} > {self.pick('012')}", f"{one} is not null", f"{one} = {other}", f"{one} <> {other} or {one} is null"]
        if depth:
            source, columns = self.source(depth - 1)
            inner, outer = self.name("x"), self.qualified(known)
            column = f"{inner}.{self.pick(columns)}"
            kinds += [
                f"exists (select 1 from {source} as {inner} where {column} = {outer})",
                f"{outer} in (select {column} from {source} as {inner})",
                f"{outer} >= any(select {column} from {source} as {inner})",
                f"not exists (from {source} as {inner} where {column} > {outer})",
            ]
        return str(self.pick(kinds))

    def sources(self, depth: int) -> tuple[str, Known]:
        """A FROM clause and the columns in sight."""
        source, columns = self.source(depth)
        left = self.name("x")
        if self.maybe(0.15):
            renamed = [self.name("n") for _ in columns[: self.chance.randint(1, len(columns))]]
            text, columns = f"{source} as {left}({', '.join(renamed)})", (*renamed, *columns[len(renamed) :])
        else:
            text = f"{source} as {left}"
        known = [(left, column) for column in columns]
        for _ in range(self.chance.randint(0, 2)):
            text, known = self.joined(text, known, depth)
        return text, known

    def joined(self, text: str, known: Known, depth: int) -> tuple[str, Known]:
        right = self.name("x")
        how = self.pick(
            ["on", "on", "using", "using", "lateral", "unnest", "semi", "comma", "asof", "positional", "range", "values", "parens"]
        )
        if how == "lateral":
            word = self.pick(["lateral ", ""])
            return f"{text}, {word}(select {self.qualified(known)} + 1 as y) as {right}", [*known, (right, "y")]
        if how == "unnest":
            return f"{text}, unnest([{self.qualified(known)}, {self.qualified(known)}]) as {right}(e)", [*known, (right, "e")]
        if how == "range":
            return f"{text}, range({self.qualified(known)}::integer % 4) as {right}(i)", [*known, (right, "i")]
        if how == "values":
            return f"{text}, (values ({self.qualified(known)}), (1)) as {right}(w)", [*known, (right, "w")]
        source, columns = self.source(depth)
        theirs = [(right, one) for one in columns]
        kind = self.pick(["join", "left join", "right join", "full join"])
        if how == "using":
            both = [one for one in columns if sum(1 for _, other in known if other == one) == 1]
            if both:
                key = self.pick(both)
                rest = [one for one in known if one[1] != key]
                merged = [("", key), *((qualifier, key) for qualifier, other in known if other == key), (right, key)]
                return f"{text} {kind} {source} as {right} using ({key})", [*rest, *merged, *(one for one in theirs if one[1] != key)]
        if how == "parens" and self.maybe():
            more = self.name("x")
            other, others = self.source(0)
            inner = f"({source} as {right} left join {other} as {more} on {right}.{self.pick(columns)} = {more}.{self.pick(others)})"
            condition = f"{self.qualified(known)} = {more}.{self.pick(others)}"
            return f"{text} {kind} {inner} on {condition}", [*known, *theirs, *((more, one) for one in others)]
        if how == "positional" and known[0][0] and source in _TABLES and "(" not in text and "join" not in text:  # joins have no order
            return f"{text} positional join {source} as {right}", [*known, *theirs]
        if how == "comma":
            return f"{text}, {source} as {right}", [*known, *theirs]
        condition = f"{self.qualified(known)} = {right}.{self.pick(columns)}"
        if how == "asof":
            return f"{text} asof join {source} as {right} on {self.qualified(known)} >= {right}.{self.pick(columns)}", [*known, *theirs]
        if how == "semi":
            return f"{text} {self.pick(['semi', 'anti'])} join {source} as {right} on {condition}", known
        return f"{text} {kind} {source} as {right} on {condition}", [*known, *theirs]

    def select(self, depth: int) -> Frame:
        text, known = self.sources(depth)
        where = f" where {self.condition(known, depth)}" if self.maybe(0.4) else ""
        shape = self.pick(
            "plain plain plain star star replace exclude rename columns like group group all window window distinct distinct_on limit"
            " ordered qualify lateral_alias unnest list struct from_first rollup having named count #".split()
        )
        return self.shaped(shape, known, f"from {text}{where}", depth)

    def shaped(self, shape: str, known: Known, rest: str, depth: int) -> Frame:
        everything = self.starred(known)
        if shape == "star":
            return Frame(f"select * {rest}", everything)
        names = self.chance.sample(["c", "d", "e", "f", "g", "a", "k"], self.chance.randint(1, 3))
        listed = ", ".join(f"{self.expression(known, depth)} as {name}" for name in names)
        handler = getattr(self, f"_{shape}", None)
        if handler is not None:
            return handler(known, rest, names, listed, everything)
        tail = {
            "distinct": "", "plain": "", "limit": f" order by {self.column(known)} {self.pick(['', 'desc'])} limit {self.pick('123')}",
            "ordered": f" order by {self.column(known)}", "from_first": "",
        }.get(shape, "")  # fmt: skip
        if shape == "from_first":
            return Frame(f"{rest} select {listed}" if " where " not in rest else f"select {listed} {rest}", names)
        return Frame(f"select {'distinct ' if shape == 'distinct' else ''}{listed} {rest}{tail}", names)

    def starred(self, known: Known) -> tuple[str, ...]:
        """The names that `*` gives: of those alike only the first one is safe to ask for."""
        return tuple(dict.fromkeys(name for _, name in known))

    def _replace(self, known, rest, names, listed, everything):
        column = self.pick(everything)
        return Frame(f"select * replace ({self.expression(known)} as {column}) {rest}", everything)

    def _exclude(self, known, rest, names, listed, everything):
        column = self.pick(everything)
        left = tuple(name for name in everything if name != column)
        return Frame(f"select * exclude ({column}), 1 as one {rest}", (*left, "one"))

    def _rename(self, known, rest, names, listed, everything):
        column = self.pick([name for _, name in known])
        return Frame(f"select * rename ({column} as renamed) {rest}", tuple("renamed" if one == column else one for one in everything))

    def _columns(self, known, rest, names, listed, everything):
        kept = [name for name in everything if name.strip('"')[0] in "kac"]
        if not kept:
            return Frame(f"select {listed} {rest}", names)
        text = self.pick(["columns('^[kac]')", "columns('^[kac]') + 1", f"coalesce(columns('^[kac]'), {self.column(known)})"])
        return Frame(f"select {text} {rest}", kept)

    def _like(self, known, rest, names, listed, everything):
        kept = [name for name in everything if name.startswith("k")]
        return Frame(f"select * like 'k%' {rest}", kept) if kept else Frame(f"select {listed} {rest}", names)

    def _group(self, known, rest, names, listed, everything):
        key = self.column(known)
        made = ", ".join(self.aggregate(known) + f" as {name}" for name in names)
        tail = self.pick([f"group by {key}", "group by 1", "group by key0", "group by all"])
        return Frame(f"select {key} as key0, {made} {rest} {tail}", ("key0", *names))

    def aggregate(self, known: Known) -> str:
        one, other = self.column(known), self.column(known)
        return str(
            self.pick([
                f"sum({one})", f"max({one} + {other})", f"count({one})", f"count(distinct {one})", "count(*)",
                f"sum({one}) filter (where {other} > 0)", f"list({one} order by {other}, {one})[1]", f"first({one} order by {one}, {other})", f"arg_max({one}, 9 * {other} + {one})",
                f"sum({one}) + max({other})", f"len(list({one}))", f"len(string_agg({one}::varchar, ',' order by {other}, {one}))",
                f"percentile_disc(0.5) within group (order by {one})",
            ])
        )  # fmt: skip

    def _all(self, known, rest, names, listed, everything):
        return Frame(f"select {listed}, {self.aggregate(known)} as total {rest} group by all", (*names, "total"))

    def _rollup(self, known, rest, names, listed, everything):
        one, other = self.column(known), self.column(known)
        how = self.pick([f"rollup ({one}, {other})", f"cube ({one}, {other})", f"grouping sets (({one}), ({one}, {other}), ())"])
        return Frame(
            f"select {one} as key0, {other} as key1, {self.aggregate(known)} as total {rest} group by {how}", ("key0", "key1", "total")
        )

    def _having(self, known, rest, names, listed, everything):
        key = self.column(known)
        return Frame(
            f"select {key} as key0, {self.aggregate(known)} as total {rest} group by {key} having max({self.column(known)}) > 0",
            ("key0", "total"),
        )

    def window(self, known: Known) -> str:
        one, other = self.column(known), self.column(known)
        return str(
            self.pick([
                f"count(*) over (partition by {one} order by {other})", f"row_number() over (order by {one})", f"sum({one}) over (partition by {other})",
                f"lag({one}) over (order by {other})", f"max({one}) over (order by {other} rows between 1 preceding and current row)",
                f"row_number() over (partition by {one})", f"first_value({one}) over (partition by {other} order by {self.column(known)})",
                "row_number() over ()", f"count({one}) filter (where {other} > 1) over ()",
            ])
        )  # fmt: skip

    def _window(self, known, rest, names, listed, everything):
        return Frame(f"select {listed}, {self.window(known)} as n0 {rest}", (*names, "n0"))

    def _named(self, known, rest, names, listed, everything):
        text = f"select sum({self.column(known)}) over w as n0, count(*) over (w order by {self.column(known)}) as n1 {rest}"
        return Frame(f"{text} window w as (partition by {self.column(known)})", ("n0", "n1"))

    def _qualify(self, known, rest, names, listed, everything):
        return Frame(f"select {listed} {rest} qualify {self.window(known)} {self.pick(['= 1', '> 0', 'is not null'])}", names)

    def _distinct_on(self, known, rest, names, listed, everything):
        order = self.pick(["", f" order by {self.column(known)}"])
        return Frame(f"select distinct on ({self.column(known)}) {listed} {rest}{order}", names)

    def _lateral_alias(self, known, rest, names, listed, everything):
        return Frame(f"select {self.expression(known)} as w9, w9 + 1 as w8, {self.column(known)} as w7 {rest}", ("w9", "w8", "w7"))

    def _unnest(self, known, rest, names, listed, everything):
        return Frame(f"select unnest([{self.column(known)}, {self.column(known)}]) as e9, {self.column(known)} as w7 {rest}", ("e9", "w7"))

    def _list(self, known, rest, names, listed, everything):
        inner = self.name("x")
        within = f"select {self.column(known)} as w1 {rest} order by {self.column(known)}, w1"
        return Frame(f"select list({inner}.w1)[1] as w2 from ({within}) as {inner}", ("w2",))

    def _struct(self, known, rest, names, listed, everything):
        inner = self.name("x")
        packed = f"{{'f': {self.column(known)}, 'g': {self.column(known)}}}"
        field = self.pick([f"{inner}.s9.f", "s9.g", "s9['f']", f"({inner}).s9.f", f"struct_extract({inner}, 'w7')"])
        return Frame(f"select {field} as w2 from (select {packed} as s9, {self.column(known)} as w7 {rest}) as {inner}", ("w2",))

    def _count(self, known, rest, names, listed, everything):
        return Frame(f"select count(*) as n9, {self.aggregate(known)} as w9 {rest}", ("n9", "w9"))
