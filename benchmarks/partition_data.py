"""The databases of the benchmark of partitions: events to read, and what a tool left of its work."""

import argparse
import json
from pathlib import Path

import duckdb

MODELS = ("copied", "totals")

ATTEMPTS = """
select split_part(asset, '.', -1), epoch(max(finished_at)) - epoch(min(started_at)), count(distinct started_at)
from penstock.attempt group by asset
"""


def fill(database: Path, begin: str, days: int, rows: int) -> None:
    """Write `rows` events, spread evenly over so many days from `begin` on."""
    step = days * 86_400 / rows
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema raw")
        connection.execute(f"""create table raw.events as
            select i as event_id, timestamp '{begin}' + to_seconds(i * {step}) as event_time, i % 10 as kind, i * 7 % 1013 as amount
            from range({rows}) as r(i)""")


def left(database: Path) -> dict[str, object]:
    """Return the rows and a hash of every model, and the seconds that Penstock's attempts say each took."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found: dict[str, object] = {}
        for model in MODELS:
            row = connection.execute(f"select count(*), sum(hash({model}))::varchar from main.{model}").fetchone()
            found[model] = None if row is None else [row[0], row[1]]
        if connection.execute("select 1 from duckdb_schemas() where schema_name = 'penstock'").fetchall():
            attempts = connection.execute(ATTEMPTS).fetchall()
            found["seconds"] = {model: seconds for model, seconds, _ in attempts}
            found["queries"] = {model: queries for model, _, queries in attempts}
    return found


def main() -> None:
    """Fill a database, or print as JSON what is in one."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    filling = commands.add_parser("fill")
    filling.add_argument("database", type=Path)
    filling.add_argument("begin")
    filling.add_argument("days", type=int)
    filling.add_argument("rows", type=int)
    looking = commands.add_parser("left")
    looking.add_argument("database", type=Path)
    options = parser.parse_args()
    if options.command == "fill":
        fill(options.database, options.begin, options.days, options.rows)
    else:
        print(json.dumps(left(options.database)))


if __name__ == "__main__":
    main()
