"""Random projects as values: an island is a small graph of sources, seeds, macros, vars and models, and can be written as dbt files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TYPES = {"int": "integer", "num": "decimal(18, 2)", "text": "varchar", "date": "date"}
_USE = re.compile(r"\b([ab])\.(\w+)")
_KEYWORDS = re.compile(
    r"\b(select|from|where|with|as|left join|natural join|on|union all|group by|case|when|then|else|end|over|partition by|order by|and|exists|in|"
    r"coalesce|sum|count|max|min|distinct|qualify)\b"
)
_APART = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|'[^']*'|--[^\n]*|/\*.*?\*/)", re.DOTALL)


@dataclass
class Source:
    """A table that something else loads; its rows live in the databases only."""

    name: str
    columns: dict[str, str]
    unread: list[str] = field(default_factory=list)

    def sql(self, rows: int) -> str:
        """Return the statement that makes it anew."""
        values = ", ".join(
            f"({_VALUES[kind].format(salt=number)})::{TYPES[kind]} as {name}" for number, (name, kind) in enumerate(self.columns.items())
        )
        return f"create or replace table raw.{self.name} as select {values} from range(1, {rows + 1}) as r(i)"


_VALUES = {
    "int": "case when {salt} = 0 then i when i % 9 = 4 then null else (i * 7 + {salt}) % 23 end",
    "num": "((i * 37 + {salt}) % 500) / 4",
    "text": "['g1', 'g2', 'g3', 'G1', null][1 + (i * 3 + {salt}) % 5]",
    "date": "date '2024-01-01' + ((i * 5 + {salt}) % 40)::integer",
}


@dataclass
class Seed:
    """A CSV file with its column types; the first column is unique."""

    name: str
    columns: dict[str, str]
    rows: list[list[str]]
    quoted: bool = False

    def csv(self) -> str:
        """Return the file's text; quotes around values mean nothing."""
        lines = [[f'"{value}"' for value in row] if self.quoted else row for row in self.rows]
        return "".join(",".join(line) + "\n" for line in [list(self.columns), *lines])

    def sql(self) -> str:
        """Return the query of the same rows."""
        casts = ", ".join(f"{name}::{TYPES[kind]} as {name}" for name, kind in self.columns.items())
        rows = ", ".join("(" + ", ".join(f"'{value}'" for value in row) + ")" for row in self.rows)
        return f"select {casts} from (values {rows}) as v({', '.join(self.columns)})"


@dataclass
class Item:
    """One column of a select list; `other` is its expression in the second branch of a union. Edits leave `fixed` ones alone."""

    name: str
    kind: str
    expr: str
    other: str = ""
    fixed: bool = False

    def uses(self) -> set[tuple[str, str]]:
        """Return what it reads as (alias, column); the second branch of a union reads `b`."""
        return set(_USE.findall(self.expr)) | {("b", name) for _, name in _USE.findall(self.other)}


@dataclass
class Style:
    """What must not matter."""

    note: str = ""
    upper: bool = False
    wide: bool = False
    cte: str = "renamed"
    alias: str = "a"
    redundant: bool = False
    quoted: bool = False


@dataclass
class Model:
    """One model. `form` names the way its query is put together, `key` is a column that is unique and never null."""

    name: str
    kind: str
    form: str
    inputs: list[str]
    items: list[Item]
    key: str = ""
    group: str = ""
    where: list[str] = field(default_factory=list)
    config: dict[str, object] = field(default_factory=dict)
    style: Style = field(default_factory=Style)
    tests: list[tuple[str, str]] = field(default_factory=list)
    description: str = ""

    @property
    def aggregates(self) -> bool:
        """Whether its rows are groups of its input's."""
        return bool(self.group) or self.form == "counted"

    def uses(self) -> set[tuple[str, str]]:
        """Return the columns named anywhere, as (input, column)."""
        found = set().union(*(item.uses() for item in self.items)) | set(_USE.findall(" ".join([*self.where, self.group])))
        return {(self.inputs[0 if alias == "a" else -1], column) for alias, column in found}


@dataclass
class Island:
    """A graph of its own inside a project, told apart by the prefix of its names; models stand in order."""

    prefix: str
    sources: dict[str, Source] = field(default_factory=dict)
    seeds: dict[str, Seed] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    vars: dict[str, int] = field(default_factory=dict)
    singular: dict[str, str] = field(default_factory=dict)
    counter: int = 0

    def fresh(self, word: str) -> str:
        """Return a name that was never used."""
        self.counter += 1
        return f"{word}{self.counter}"

    def columns(self, name: str) -> dict[str, str]:
        """Return the columns of a source, a seed or a model, by name."""
        if name in self.sources:
            return self.sources[name].columns
        if name in self.seeds:
            return self.seeds[name].columns
        model = self.models[name]
        own = {item.name: item.kind for item in model.items}
        if model.form == "whole":
            own["biggest"] = "text"
        return {**self.columns(model.inputs[0]), **own} if model.form in STARRED else own

    def readers(self, name: str) -> list[Model]:
        """Return the models that read it directly."""
        return [model for model in self.models.values() if name in model.inputs]

    def used_below(self, name: str, column: str) -> bool:
        """Tell whether anything names that column or depends on the set of columns."""
        if any(f"'{name}'" in body for body in self.singular.values()):
            return True
        for reader in self.readers(name):
            if (name, column) in reader.uses() or reader.form in ("natural", "whole", "inner"):
                return True
            if reader.form in STARRED and reader.inputs[0] == name and self.used_below(reader.name, column):
                return True
        return column in dict(self.models[name].tests) if name in self.models else False

    def passed_on(self, name: str) -> bool:
        """Tell whether a reader takes all columns as they come."""
        return any(reader.form in (*STARRED, "natural", "whole") for reader in self.readers(name))

    def refer(self, name: str) -> str:
        """Return the Jinja that stands for a relation."""
        return f"{{{{ source('{self.prefix}', '{name}') }}}}" if name in self.sources else f"{{{{ ref('{name}') }}}}"

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield path and text of every file."""
        for model in self.models.values():
            yield f"models/{self.prefix}/{model.name}.sql", query(self, model)
        for seed in self.seeds.values():
            yield f"seeds/{seed.name}.csv", seed.csv()
        for name, body in self.macros.items():
            yield f"macros/{name}.sql", f"{{% macro {name}(x) %}}{body}{{% endmacro %}}\n"
        for name, body in self.singular.items():
            yield f"tests/{name}.sql", body
        yield f"models/{self.prefix}/schema.yml", json.dumps(self._schema(), indent=1)  # JSON is YAML

    def _schema(self) -> dict[str, object]:
        sources = [{"name": self.prefix, "schema": "raw", "tables": [{"name": name} for name in self.sources]}]
        models = [
            {
                "name": model.name,
                "description": model.description,
                "columns": [_column(name, tests) for name, tests in _tests(model).items()],
            }
            for model in self.models.values()
        ]
        seeds = [
            {"name": seed.name, "config": {"column_types": {name: TYPES[kind] for name, kind in seed.columns.items()}}}
            for seed in self.seeds.values()
        ]
        return {"version": 2, "sources": sources, "models": models, "seeds": seeds}


STARRED = ("star", "starred_cte")
"""Forms that put all columns of their first input before their own."""


def _tests(model: Model) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for column, test in model.tests:
        found.setdefault(column, []).append({test: {"config": {"severity": "warn"}}})
    return found


def _column(name: str, tests: list[object]) -> dict[str, object]:
    return {"name": name, "data_tests": tests}


def query(island: Island, model: Model) -> str:
    """Return the text of a model's file."""
    config = {"materialized": model.kind, **model.config}
    head = "{{ config(" + ", ".join(f"{name}={value!r}" for name, value in config.items()) + ") }}"
    return f"{head}\n{_styled(_body(island, model), model.style)}\n"


def _body(island: Island, model: Model) -> str:
    """Put a query together: `a` is the first input, `b` the second."""
    style = model.style
    first, last = island.refer(model.inputs[0]), island.refer(model.inputs[-1])
    items = ",\n  ".join(_item(item.expr, item.name, style) for item in model.items)
    where = f"\nwhere {' and '.join(model.where)}" if model.where else ""
    group = f"\ngroup by {model.group}" if model.group else ""
    plain = f"select\n  {items}\nfrom {first} as a{where}{group}"
    match model.form:
        case "staging":
            inner = f"select {_unqualified(items)} from source{_unqualified(where)}"
            return f"with source as (\n  select * from {first}\n),\n{style.cte} as (\n  {inner}\n)\nselect * from {style.cte}"
        case "cte":
            return f"with {style.cte} as (\n  {plain}\n)\nselect * from {style.cte}"
        case "unqualified" | "lateral":
            return _unqualified(plain).replace(f"from {first} as a", f"from {first}")
        case "star":
            return f"select a.*{', ' if items else ''}{items} from {first} as a{where}"
        case "starred_cte":
            return f"with {style.cte} as (select * from {first})\nselect a.*{', ' if items else ''}{items} from {style.cte} as a{where}"
        case "join":
            return f"select\n  {items}\nfrom {first} as a\nleft join {last} as b on a.g = b.g{where}"
        case "natural":
            return f"select {items} from {first} as a natural join {last} as b{where}"
        case "inner":
            return f"{plain}{' and' if where else ' where'} exists (select 1 from {last} where weight > v)"
        case "union":
            others = ", ".join(_item(item.other.replace("b.", "a."), item.name, style) for item in model.items)
            return f"{plain}\nunion all\nselect {others} from {last} as a"
        case "whole":
            return f"select {items}, max(a)::varchar as biggest from {first} as a{where}{group}"
        case "this":
            return plain + (
                "\n{% if is_incremental() %}" + (" and" if where else "\nwhere") + " a.k >= (select max(k) - 8 from {{ this }}){% endif %}"
            )
        case _:
            return plain


def _item(expr: str, name: str, style: Style) -> str:
    if expr.rsplit(".", maxsplit=1)[-1] == name and not style.redundant:
        return expr
    return f'{expr} as "{name}"' if style.quoted else f"{expr} as {name}"


def _unqualified(text: str) -> str:
    return re.sub(r"\ba\.", "", text)


def _styled(body: str, style: Style) -> str:
    body = re.sub(r"\ba\.|(?<=\bas )a\b|(?<=\()a(?=\))", lambda found: found[0].replace("a", style.alias), body)
    parts = _APART.split(body)
    for number in range(0, len(parts), 2):
        text = parts[number]
        if style.upper:
            text = _KEYWORDS.sub(lambda found: found[0].upper(), text)
        if style.wide:
            text = text.replace(", ", "\n      , ")
        parts[number] = text
    return style.note + "".join(parts)
