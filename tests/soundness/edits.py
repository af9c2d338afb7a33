"""Random edits of an island: what a person, or whoever loads the sources, changes between two builds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from making import Maker
from shapes import STARRED, TYPES, Island, Item, Model, Source


@dataclass
class Edit:
    """What was changed: `kind` is one of EDITS, `sql` are statements for the sources, `sources` those they touch."""

    kind: str
    text: str
    sql: list[str] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)


class Editor:
    """Changes one island; a method returns None, having changed nothing, where it finds nothing to change."""

    def __init__(self, island: Island, chance: random.Random) -> None:
        self.island = island
        self.chance = chance
        self.maker = Maker(island.prefix, chance, incrementals=False)

    def edit(self, kind: str) -> Edit | None:
        """Make one edit of that kind."""
        made = EDITS[kind](self)
        if made is None:
            return None
        if isinstance(made, str):
            return Edit(kind, made)
        source, statements, text = made
        return Edit(kind, f"{source.name}: {text}", statements, {source.name})

    def nothing(self) -> str:
        return "nothing"

    def comment(self) -> str:
        model = self._any()
        number = self.chance.randint(1, 10**6)
        model.style.note = self.chance.choice([f"-- remark {number}\n", f"/* remark {number} */ ", f"{{# remark {number} #}}\n"])
        return model.name

    def layout(self) -> str:
        model = self._any()
        if self.chance.random() < 0.5:
            model.style.upper = not model.style.upper
            return f"{model.name}: case of keywords"
        model.style.wide = not model.style.wide
        return f"{model.name}: lines"

    def cte_name(self) -> str | None:
        model = self._one([model for model in self._models() if model.form in ("staging", "cte", "starred_cte")])
        if model is None:
            return None
        model.style.cte = self.island.fresh("cte")
        return model.name

    def table_alias(self) -> str | None:
        model = self._one([model for model in self._models() if model.form not in ("staging", "lateral", "unqualified")])
        if model is None:
            return None
        model.style.alias = self.island.fresh("t_")
        return model.name

    def column_alias(self) -> str | None:
        model = self._one([model for model in self._models() if any(item.expr == f"a.{item.name}" for item in model.items)])
        if model is None:
            return None
        model.style.redundant = not model.style.redundant
        return f"{model.name}: `a.v` <-> `a.v as v`"

    def quotes(self) -> str | None:
        model = self._one([model for model in self._models() if any(item.expr != f"a.{item.name}" for item in model.items)])
        if model is None:
            return None
        model.style.quoted = not model.style.quoted
        return model.name

    def expression(self) -> str | None:
        model, item = self._item()
        if model is None or item is None:
            return None
        old = item.expr
        if model.form == "staging" or model.aggregates or old.startswith(("coalesce(b.", "row_number", "sum(", "lag(")):
            item.expr = {"int": f"{old} + 1", "num": f"({old} * 2)::decimal(18, 2)", "text": f"{old} || '.'", "date": f"{old} + 1"}[
                item.kind
            ]
        else:
            item.expr = self.maker.expression(item.kind)
        return f"{model.name}.{item.name}: {old} -> {item.expr}" if item.expr != old else None

    def same_content(self) -> str | None:
        """Change an expression so that its values stay as they are."""
        model, item = self._item()
        if model is None or item is None or item.kind == "int":
            return None
        item.expr = {"num": f"({item.expr} + 0)::decimal(18, 2)", "text": f"({item.expr} || '')", "date": f"({item.expr} + 0)"}[item.kind]
        return f"{model.name}.{item.name}: {item.expr}"

    def condition(self) -> str | None:
        model = self._one([model for model in self._models() if model.form not in ("staging", "lateral") and "k" in self._input(model)])
        if model is None or not {"g", "v", "n"} <= self._input(model).keys():
            return None
        old = model.where
        model.where = [] if old and self.chance.random() < 0.5 else [self.maker.condition()]
        return f"{model.name}: {old} -> {model.where}" if model.where != old else None

    def add_column(self) -> str | None:
        model = self._one([model for model in self._models() if self._open(model) and {"g", "v", "n", "d"} <= self._input(model).keys()])
        if model is None or model.form in ("natural", "union"):
            return None
        kind = self.chance.choice(["int", "text", "num", "date"])
        item = Item(self.island.fresh("x"), kind, self.maker.expression(kind))
        if model.aggregates:
            item.expr = f"max({item.expr})"
        model.items.insert(self.chance.randint(0, len(model.items)), item)
        return f"{model.name}.{item.name}"

    def drop_column(self) -> str | None:
        models = [model for model in self._models() if self._open(model) and (len(model.items) > 1 or model.form in STARRED)]
        found = [
            (model, item)
            for model in models
            for item in model.items
            if not item.fixed and not self.island.used_below(model.name, item.name)
        ]
        if not found:
            return None
        model, item = self.chance.choice(found)
        model.items.remove(item)
        return f"{model.name}.{item.name}"

    def order_of_columns(self) -> str | None:
        model = self._one([model for model in self._models() if len(model.items) > 1 and model.form != "lateral"])
        if model is None:
            return None
        model.items.insert(0, model.items.pop())
        return model.name

    def materialization(self) -> str | None:
        model = self._one([model for model in self._models() if model.kind in ("view", "table")])
        if model is None:
            return None
        model.kind = "table" if model.kind == "view" else "view"
        return f"{model.name}: now a {model.kind}"

    def tags(self) -> str:
        model = self._any()
        model.config["tags"] = [self.island.fresh("tag")]
        model.config["meta"] = {"owner": self.island.fresh("team")}
        return model.name

    def description(self) -> str:
        model = self._any()
        model.description = self.island.fresh("What it is, ")
        return model.name

    def macro_used(self) -> str:
        text = " ".join(item.expr for model in self._models() for item in model.items)
        used = [name for name in self.island.macros if name in text]
        name = self.chance.choice(used) if used else f"{self.island.prefix}_inner"
        self.island.macros[name] = f"({self.island.macros[name]} + {self.chance.randint(1, 3)})"
        return f"{name}: {self.island.macros[name]}"

    def macro_unused(self) -> str:
        name = f"{self.island.prefix}_unused"
        self.island.macros[name] = f"({self.island.macros[name]} + 1)"
        return name

    def macro_comment(self) -> str:
        name = f"{self.island.prefix}_inner"
        remark = self.chance.choice(["{{# remark {0} #}}", "/* remark {0} */"]).format(self.chance.randint(1, 10**6))
        self.island.macros[name] = remark + self.island.macros[name]
        return f"{name}: {remark}"

    def var_used(self) -> str:
        name = f"{self.island.prefix}_used"
        self.island.vars[name] += self.chance.randint(1, 5)
        return name

    def var_unused(self) -> str:
        name = f"{self.island.prefix}_unused"
        self.island.vars[name] += 1
        return name

    def seed_changed(self) -> str:
        seed = next(iter(self.island.seeds.values()))
        row = self.chance.choice(seed.rows)
        row[1] = str(int(row[1]) + 1)
        return f"{seed.name}: {row}"

    def seed_label(self) -> str:
        """Change a column of the seed that few read."""
        seed = next(iter(self.island.seeds.values()))
        row = self.chance.choice(seed.rows)
        row[2] += "!"
        return f"{seed.name}: {row}"

    def seed_added(self) -> str:
        seed = next(iter(self.island.seeds.values()))
        seed.rows.append([self.island.fresh("h"), "5", "more"])
        return f"{seed.name}: {seed.rows[-1]}"

    def seed_rewritten(self) -> str:
        seed = next(iter(self.island.seeds.values()))
        seed.quoted = not seed.quoted
        return f"{seed.name}: the same rows, written otherwise"

    def lookup_captures(self) -> str | None:
        """Give a model a column that hides one of an outer query, or that a natural join then joins on."""
        for model in self._models():
            readers = self.island.readers(model.name)
            fits = readers and all(reader.form in ("inner", "natural") and reader.inputs[1] == model.name for reader in readers)
            if fits and model.form == "plain" and "v" not in self.island.columns(model.name):
                model.items.append(Item("v", "int", "a.weight + 5"))
                return f"{model.name}.v"
        return None

    def captures(self) -> str | None:
        """Give a model a column that a natural join downstream then joins on."""
        for model in self._models():
            readers = self.island.readers(model.name)
            if self._open(model) and readers and all(reader.form == "natural" for reader in readers) and not self._joined(model):
                model.items.append(Item("weight", "int", "a.k + 1"))
                return f"{model.name}.weight"
        return None

    def append(self) -> Source_:
        source = self._source()
        names = ", ".join(name for name in source.columns if name != "id")
        table = f"raw.{source.name}"
        row = f"select (select max(id) + 1 from {table}), {names} from {table} order by id limit 1"
        return source, [f"insert into {table} (id, {names}) {row}"], "a row more"

    def update(self) -> Source_:
        return self._updated(self.chance.choice(["val", "grp", "day", "amount"]))

    def update_some(self) -> Source_:
        return self._updated("other")

    def update_unread(self) -> Source_:
        return self._updated("spare")

    def delete(self) -> Source_:
        source = self._source()
        return source, [f"delete from raw.{source.name} where id = (select min(id) from raw.{source.name})"], "a row less"

    def rewrite(self) -> Source_:
        source = self._source()
        return (
            source,
            [f"create or replace table raw.{source.name} as select * from raw.{source.name} order by id desc"],
            "the same rows, loaded anew",
        )

    def swap(self) -> Source_:
        """Exchange two values of one column: each column by itself holds the same bag as before."""
        source = self._source()
        rows = f"(select id from raw.{source.name} order by id limit 2)"
        other = f"(select {{0}} from raw.{source.name} as o where o.id in {rows} and o.id <> t.id)"
        return source, [f"update raw.{source.name} as t set val = {other.format('val')} where id in {rows}"], "two values exchanged"

    def source_column(self) -> Source_:
        source = self._source()
        name = self.island.fresh("extra")
        source.columns[name] = "int"
        return source, [f"alter table raw.{source.name} add column {name} integer default 7"], f"column {name} added"

    def source_captures(self) -> Source_ | None:
        """Give a source a column that hides an alias of its reader."""
        source = next(iter(self.island.sources.values()))
        if "once" in source.columns or not any(reader.form == "lateral" for reader in self.island.readers(source.name)):
            return None
        source.columns["once"] = "int"
        return source, [f"alter table raw.{source.name} add column once integer default 100"], "column once added"

    def source_type(self) -> Source_:
        source = self._source()
        name = self.chance.choice(["val", "other", "spare"])
        kind = "varchar(9)" if name == "spare" else self.chance.choice(["bigint", "smallint", "integer"])
        return source, [f"alter table raw.{source.name} alter column {name} set data type {kind}"], f"{name} is {kind} now"

    def source_order(self) -> Source_:
        source = self._source()
        names = [*source.columns][1:] + [*source.columns][:1]
        source.columns = {name: source.columns[name] for name in names}
        return (
            source,
            [f"create or replace table raw.{source.name} as select {', '.join(names)} from raw.{source.name}"],
            "columns in another order",
        )

    def _updated(self, column: str) -> Source_:
        source = self._source()
        kind = TYPES[source.columns[column]]
        value = {"integer": f"coalesce({column}, 0) + 3", "varchar": f"coalesce({column}, 'g') || 'z'", "date": f"{column} + 3"}.get(
            kind, f"{column} + 3"
        )
        place = self.chance.randint(0, 4)
        statement = f"update raw.{source.name} set {column} = {value} where id = (select id from raw.{source.name} order by id offset {place} limit 1)"
        return source, [statement], f"{column} of a row"

    def _source(self) -> Source:
        return self.chance.choice(list(self.island.sources.values()))

    def _models(self) -> list[Model]:
        return list(self.island.models.values())

    def _any(self) -> Model:
        return self.chance.choice(self._models())

    def _one(self, models: list[Model]) -> Model | None:
        return self.chance.choice(models) if models else None

    def _item(self) -> tuple[Model, Item] | tuple[None, None]:
        found = [(model, item) for model in self._models() for item in model.items if not item.fixed and model.form != "union"]
        return self.chance.choice(found) if found else (None, None)

    def _input(self, model: Model) -> dict[str, str]:
        return self.island.columns(model.inputs[0])

    def _open(self, model: Model) -> bool:
        """Whether columns may come and go."""
        return model.kind != "incremental" or model.config["on_schema_change"] == "sync_all_columns"

    def _joined(self, model: Model) -> bool:
        return model.form in ("union", "natural", "staging", "lateral") or model.aggregates or "weight" in self.island.columns(model.name)


Source_ = tuple[Source, list[str], str]

EDITS: dict[str, Callable[[Editor], str | Source_ | None]] = {
    "no edit": Editor.nothing,
    "comment": Editor.comment,
    "layout": Editor.layout,
    "CTE renamed": Editor.cte_name,
    "table alias": Editor.table_alias,
    "column alias": Editor.column_alias,
    "quotes": Editor.quotes,
    "tags, meta": Editor.tags,
    "description": Editor.description,
    "macro comment": Editor.macro_comment,
    "macro unused": Editor.macro_unused,
    "var unused": Editor.var_unused,
    "seed rewritten": Editor.seed_rewritten,
    "source rewritten": Editor.rewrite,
    "source unread column": Editor.update_unread,
    "source new column": Editor.source_column,
    "expression": Editor.expression,
    "expression, same rows": Editor.same_content,
    "condition": Editor.condition,
    "column added": Editor.add_column,
    "column dropped": Editor.drop_column,
    "columns reordered": Editor.order_of_columns,
    "view <-> table": Editor.materialization,
    "macro used": Editor.macro_used,
    "var used": Editor.var_used,
    "seed value": Editor.seed_changed,
    "seed label": Editor.seed_label,
    "seed row": Editor.seed_added,
    "source append": Editor.append,
    "source update": Editor.update,
    "source delete": Editor.delete,
    "source swap": Editor.swap,
    "source some read": Editor.update_some,
    "source column type": Editor.source_type,
    "source column order": Editor.source_order,
    "capture: source": Editor.source_captures,
    "capture: lookup": Editor.lookup_captures,
    "capture: join": Editor.captures,
}
"""Kind of edit to what makes it; the first sixteen mean nothing."""

PROJECT_FILE = ("var unused", "var used")
"""Kinds that change `dbt_project.yml`, after which dbt parses everything anew."""

COSMETIC = frozenset(list(EDITS)[:12])
"""Kinds after which no query means anything else."""


def any_edit(island: Island, chance: random.Random, *, project_file: bool) -> Edit:
    """Make one edit, each applicable kind as likely as the others; in a round that allows those of the project's file, these are likelier."""
    editor = Editor(island, chance)
    kinds = [kind for kind in EDITS if kind not in PROJECT_FILE]
    if project_file:
        kinds += [*PROJECT_FILE] * 4
    while True:
        edit = editor.edit(chance.choice(kinds))
        if edit is not None:
            return edit
