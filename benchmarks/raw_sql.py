"""Run the SQL that dbt compiled, in one DuckDB connection: the floor below every orchestrator."""

import argparse
import json
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb


def statements(project: Path) -> list[str]:
    """Return a `create table` per model in dependency order, then the query of each data test.

    `project` is a dbt project after `dbt build`, which leaves the queries under `target/compiled`.
    """
    manifest = json.loads((project / "target" / "manifest.json").read_text())
    nodes: dict[str, dict[str, Any]] = manifest["nodes"]
    order = TopologicalSorter({key: node["depends_on"]["nodes"] for key, node in nodes.items()})
    models, tests = [], []
    for key in order.static_order():
        node = nodes[key]
        query = (project / node["compiled_path"]).read_text()
        if node["resource_type"] == "model":
            models.append(f"create or replace table {node['relation_name']} as {query}")
        elif node["resource_type"] == "test":
            tests.append(query)
    return models + tests


def execute(script: Path, database: Path) -> None:
    """Run every statement of a JSON list, fetching what the queries return."""
    with duckdb.connect(str(database)) as connection:
        for statement in json.loads(script.read_text()):
            connection.execute(statement).fetchall()


def contents(database: Path) -> str:
    """Return how many tables and rows the main schema holds, so that unequal work shows."""
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = [
            name
            for (name,) in connection.execute("select table_name from information_schema.tables where table_schema = 'main'").fetchall()
        ]
        rows = sum(len(connection.table(f'main."{name}"')) for name in tables)
    return f"{len(tables)} tables, {rows} rows"


def main() -> None:
    """Prepare or execute the statements, or count what a database holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="write the statements of a built dbt project")
    prepare.add_argument("project", type=Path)
    prepare.add_argument("script", type=Path)
    run = commands.add_parser("execute", help="run the statements")
    run.add_argument("script", type=Path)
    run.add_argument("database", type=Path)
    count = commands.add_parser("contents", help="count tables and rows")
    count.add_argument("database", type=Path)
    options = parser.parse_args()
    if options.command == "prepare":
        options.script.write_text(json.dumps(statements(options.project)))
    elif options.command == "execute":
        execute(options.script, options.database)
    else:
        print(contents(options.database))


if __name__ == "__main__":
    main()
