"""Write the synthetic dbt-duckdb project that every tool in the benchmark builds."""

import argparse
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LAYERS = 10
PARENT_WINDOW = 60  # parents are drawn from the newest models below, so the graph stays deep
PARENT_COUNTS = (1, 2, 2, 3)

DBT_PROJECT = """\
name: synth
version: '1.0'
profile: synth
model-paths: [models]
flags: {send_anonymous_usage_stats: false}
models:
  synth: {+materialized: table}
"""
PROFILES = """\
synth: {target: dev, outputs: {dev: {type: duckdb, path: synth.duckdb, threads: 2}}}
"""


@dataclass(frozen=True)
class Model:
    """One model of the project: its place in order, its layer and the names of its parents."""

    index: int
    layer: int
    parents: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the model's name, which sorts in build order."""
        return f"m_{self.index:05d}"


def generate(models: int, folder: Path, rows: int = 1000, test_every: int = 5) -> None:
    """Write a project of `models` models into `folder`, the same bytes for the same arguments.

    A model of the lowest of ten layers makes `rows` rows; any other joins one to three below.
    The first of every `test_every` models of a layer has a `not_null` and a `unique` test.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(DBT_PROJECT)
    (folder / "profiles.yml").write_text(PROFILES)
    plan = plan_models(models)
    for layer in range(LAYERS):
        write_layer(
            folder / "models" / f"l{layer}",
            [model for model in plan if model.layer == layer],
            rows,
            test_every,
        )


def plan_models(count: int) -> list[Model]:
    """Draw the parents of `count` models from a generator with a fixed seed."""
    draw = random.Random(1)
    plan: list[Model] = []
    for index in range(count):
        layer = index * LAYERS // count
        below = [model.name for model in plan if model.layer < layer][-PARENT_WINDOW:]
        parents: list[str] = []
        if below:
            wanted = draw.choice(PARENT_COUNTS)
            parents = draw.sample(below, min(len(below), wanted))
        plan.append(Model(index, layer, tuple(parents)))
    return plan


def write_layer(folder: Path, layer: list[Model], rows: int, test_every: int) -> None:
    """Write one layer's SQL files and the `schema.yml` with its tests."""
    folder.mkdir(parents=True, exist_ok=True)
    for model in layer:
        (folder / f"{model.name}.sql").write_text(model_sql(model, rows) + "\n")
    (folder / "schema.yml").write_text(schema_yaml(layer[::test_every]))


def model_sql(model: Model, rows: int) -> str:
    """Return the query of a model, with a `ref` for each parent."""
    if not model.parents:
        value = f"(i * {model.index + 7} % 1013) / 7.0"
        return f"select i as id, i % 10 as k, {value} as v from range({rows}) t(i)"
    numbers = range(len(model.parents))
    ctes = ", ".join(f"c{number} as (select * from {{{{ ref('{parent}') }}}})" for number, parent in enumerate(model.parents))
    total = " + ".join(f"c{number}.v" for number in numbers)
    joins = " ".join(f"left join c{number} on c0.id = c{number}.id" for number in numbers[1:])
    return f"with {ctes} select c0.id, c0.k, {total} as v from c0 {joins}"


def schema_yaml(tested: Iterable[Model]) -> str:
    """Return a dbt properties file that tests the `id` of each given model."""
    entries = [f"  - name: {model.name}\n    columns:\n      - {{name: id, data_tests: [not_null, unique]}}\n" for model in tested]
    return "version: 2\n" + ("models:\n" + "".join(entries) if entries else "")


def main() -> None:
    """Write a project as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=int, help="number of models")
    parser.add_argument("folder", type=Path, help="where the project is written")
    parser.add_argument("--rows", type=int, default=1000, help="rows in each lowest model")
    parser.add_argument("--test-every", type=int, default=5, help="test every K-th model")
    options = parser.parse_args()
    generate(options.models, options.folder, options.rows, options.test_every)


if __name__ == "__main__":
    main()
