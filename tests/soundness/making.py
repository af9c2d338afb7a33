"""Making random islands: every query is deterministic, and every edit of `edits.py` leaves it one that dbt builds."""

from __future__ import annotations

import random

from shapes import Island, Item, Model, Seed, Source

_FORMS = "plain plain cte star starred_cte all join join natural inner union grouped grouped whole window counted unqualified".split()


class Maker:
    """Makes one island from a random generator; with `incrementals` some models remember."""

    def __init__(self, prefix: str, chance: random.Random, *, incrementals: bool) -> None:
        self.island = Island(prefix)
        self.chance = chance
        self.incrementals = incrementals

    def island_made(self) -> Island:
        """Return a new island of 6 to 15 nodes."""
        self._roots()
        staging = [self._staging(name) for name in self.island.sources]
        if self.chance.random() < 0.4:
            self._lateral()
        self.lookup = self._lookup()
        for _ in range(self.chance.randint(2, 9)):
            self._model(self.chance.choice(_FORMS), staging)
        if self.incrementals:
            for _ in range(self.chance.randint(1, 3)):
                self._incremental()
            self._model(self.chance.choice(["plain", "star", "grouped"]), staging)
        self._tests()
        return self.island

    def _roots(self) -> None:
        island, prefix = self.island, self.island.prefix
        for number in range(self.chance.randint(1, 2)):
            name = f"{prefix}_src{number}"
            columns = {"id": "int", "grp": "text", "val": "int", "amount": "num", "day": "date", "other": "int", "spare": "text"}
            island.sources[name] = Source(name, columns, unread=["spare"])
        rows = [[group, str(self.chance.randint(1, 30)), f"label {self.chance.randint(1, 9)}"] for group in ("g1", "g2", "g3", "G1")]
        island.seeds[f"{prefix}_seed"] = Seed(f"{prefix}_seed", {"g": "text", "weight": "int", "label": "text"}, rows)
        island.macros = {
            f"{prefix}_inner": "({{ x }} + 1)",
            f"{prefix}_outer": "({{ " + f"{prefix}_inner" + "(x) }} * 2)",
            f"{prefix}_unused": "({{ x }} - 1)",
        }
        island.vars = {f"{prefix}_used": self.chance.randint(0, 9), f"{prefix}_unused": 1}

    def _add(self, model: Model) -> Model:
        self.island.models[model.name] = model
        return model

    def _name(self) -> str:
        return f"{self.island.prefix}_m{len(self.island.models)}"

    def _staging(self, source: str) -> str:
        items = [
            Item("k", "int", "a.id", fixed=True),
            Item("g", "text", "a.grp", fixed=True),
            Item("v", "int", "a.val"),
            Item("n", "num", "a.amount::decimal(18, 2)"),
            Item("d", "date", "a.day"),
        ]
        if self.chance.random() < 0.5:
            items.append(Item("other", "int", "a.other"))
        else:
            self.island.sources[source].unread.append("other")
        kind = self.chance.choice(["view", "view", "view", "table"])
        return self._add(Model(self._name(), kind, "staging", [source], items, key="k")).name

    def _lateral(self) -> None:
        """Add a query whose meaning changes when its source gets a column named `once`: a column hides an alias."""
        items = [
            Item("k", "int", "a.id", fixed=True),
            Item("once", "int", "a.val + 1", fixed=True),
            Item("twice", "int", "once * 2", fixed=True),
        ]
        self._add(Model(self._name(), self.chance.choice(["view", "table"]), "lateral", [next(iter(self.island.sources))], items, key="k"))

    def _lookup(self) -> str:
        items = [
            Item("g", "text", "a.g", fixed=True),
            Item("weight", "int", "a.weight", fixed=True),
            Item("label", "text", "upper(a.label)"),
        ]
        return self._add(Model(self._name(), self.chance.choice(["view", "table"]), "plain", [next(iter(self.island.seeds))], items)).name

    def _parent(self, *, keyed: bool) -> Model:
        """Choose a model of the usual columns; late ones are likelier, so that chains get long."""
        models = [
            model for model in self.island.models.values() if not keyed or (model.key and {"k", "g", "v", "n", "d"} <= self._names(model))
        ]
        return self.chance.choice(models[-4:])

    def _names(self, model: Model) -> set[str]:
        return set(self.island.columns(model.name))

    def _model(self, form: str, staging: list[str]) -> None:
        parent = self._parent(keyed=True)
        kind = self.chance.choice(["view", "table", "table", "table", "ephemeral"])
        model = Model(self._name(), kind, form, [parent.name], self._usual(), key="k")
        if self.chance.random() < 0.4:
            model.where.append(self.condition())
        fresh = self.island.fresh
        match form:
            case "star" | "starred_cte":
                model.items = [self._item(fresh("s"))]
            case "all":
                parent = self._parent(keyed=False)
                model.form, model.inputs, model.items, model.where, model.key = "star", [parent.name], [], [], parent.key
            case "join":
                groups = [one.name for one in self.island.models.values() if one.form == "grouped"]
                second = self.chance.choice([next(iter(self.island.seeds)), self.lookup, *groups])
                column = self.chance.choice([name for name, kind in self.island.columns(second).items() if kind == "int"])
                model.inputs.append(second)
                model.items.append(Item(fresh("j"), "int", f"coalesce(b.{column}, 0)"))
            case "natural":
                model.inputs.append(self.lookup)
                model.items = [item for item in self._usual() if item.name in "kv"] + [Item("weight", "int", "weight", fixed=True)]
            case "inner":
                model.inputs.append(self.lookup)
            case "union":
                second = self.chance.choice(staging)
                model.inputs.append(second)
                model.items = [Item(item.name, item.kind, item.expr, item.expr.replace("a.", "b."), item.fixed) for item in self._usual()]
                model.items[0].expr, model.items[0].other = "a.k * 2", "b.k * 2 + 1"
            case "grouped" | "whole":
                model.items = [
                    Item("g", "text", "a.g", fixed=True),
                    *(self._aggregate(fresh("t")) for _ in range(self.chance.randint(1, 3))),
                ]
                model.key, model.group = "", "a.g"
            case "counted":
                model.items, model.key = [Item("many", "int", "count(*)", fixed=True)], ""
            case "window":
                model.items.append(Item(fresh("w"), "int", self._window()))
            case _:
                pass
        self._add(model)

    def _usual(self) -> list[Item]:
        return [
            Item("k", "int", "a.k", fixed=True),
            Item("g", "text", "a.g", fixed=True),
            Item("v", "int", self.chance.choice(["a.v", self.expression("int")])),
            Item("n", "num", "a.n"),
            Item("d", "date", "a.d"),
        ]

    def _item(self, name: str) -> Item:
        kind = self.chance.choice(["int", "text", "num", "date"])
        return Item(name, kind, self.expression(kind))

    def expression(self, kind: str) -> str:
        """Return a random expression over the usual columns of `a`."""
        prefix, number = self.island.prefix, self.chance.randint(2, 9)
        choices = {
            "int": [
                f"a.v + {number}", f"coalesce(a.v, {number})", f"case when a.g = 'g1' then a.v else {number} end", "length(a.g)",
                f"{{{{ {prefix}_outer('a.v') }}}}", f"{{{{ {prefix}_outer('a.k') }}}}", f"{{{{ {prefix}_inner('a.k') }}}}", f"a.k + {{{{ var('{prefix}_used') }}}}",
            ],
            "text": [f"a.g || '-{number}'", "upper(a.g)", f"coalesce(a.g, 'none {number}')"],
            "num": [f"(a.n * {number})::decimal(18, 2)", f"coalesce(a.n, {number})::decimal(18, 2)", "(a.n - a.v)::decimal(18, 2)"],
            "date": [f"a.d + {number}", "date_trunc('month', a.d)::date"],
        }  # fmt: skip
        return self.chance.choice(choices[kind])

    def _window(self) -> str:
        return self.chance.choice(
            ["row_number() over (partition by a.g order by a.k)", "sum(a.v) over (partition by a.g)", "lag(a.v) over (order by a.d, a.k)"]
        )

    def _aggregate(self, name: str) -> Item:
        expr = self.chance.choice(["sum(a.v)", "count(*)", "max(a.k)", "count(distinct a.d)", "min(a.v) filter (where a.n > 20)"])
        return Item(name, "int", expr)

    def condition(self) -> str:
        prefix = self.island.prefix
        return self.chance.choice(
            [f"a.k <> {self.chance.randint(1, 9)}", f"a.v > {{{{ var('{prefix}_used') }}}}", "a.g is not null", "a.n < 90", "a.k % 5 <> 1"]
        )

    def _incremental(self) -> None:
        parent = self._parent(keyed=True)
        config: dict[str, object] = {
            "unique_key": "k",
            "incremental_strategy": self.chance.choice(["delete+insert", "merge"]),
            "on_schema_change": self.chance.choice(["ignore", "append_new_columns", "sync_all_columns"]),
        }
        form = self.chance.choice(["plain", "this"])
        self._add(Model(self._name(), "incremental", form, [parent.name], self._usual(), key="k", config=config))

    def _tests(self) -> None:
        for model in self.island.models.values():
            if self.chance.random() < 0.25:
                column = self.chance.choice(sorted(self._names(model)))
                model.tests.append((column, self.chance.choice(["not_null", "unique"])))
        name = self.chance.choice([name for name, model in self.island.models.items() if "v" in self._names(model)])
        self.island.singular[f"{self.island.prefix}_test"] = (
            "{{ config(severity='warn') }}\nselect * from {{ ref('" + name + "') }} where v > 20\n"
        )
