"""Compare `penstock build` with `dbt build` and with the bare SQL, on one generated project."""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from generate import generate
from measure import CommandFailed, Cost, median, run
from report import (
    COST_HEAD,
    GOAL_HEAD,
    GOAL_MODELS,
    Costs,
    Step,
    aligned,
    cost_rows,
    markdown,
    verdicts,
)

BIN = Path(sys.executable).parent  # not resolved: a venv's python links out of its own folder
RAW_SQL = Path(__file__).with_name("raw_sql.py")
# Processes of their own.
OTHERS = [Path(__file__).with_name(f"{name}.py") for name in ("selection", "partitions", "checks", "metrics", "lineage")]
DATABASE = "synth.duckdb"  # compiled SQL names the database by the stem of its file


@dataclass(frozen=True)
class Place:
    """The folders of one round: a project for each tool, and one for the bare SQL's database."""

    dbt: Path
    penstock: Path
    raw: Path


Measured = tuple[Step, Cost]


def make_place(folder: Path, models: int) -> Place:
    """Generate the same project twice, because each tool keeps its caches in the project."""
    place = Place(folder / "dbt", folder / "penstock", folder / "raw")
    generate(models, place.dbt)
    generate(models, place.penstock)
    place.raw.mkdir()
    return place


def tool(name: str, command: str, project: Path) -> Cost:
    """Run a command of dbt or Penstock on a project."""
    where = ("--project-dir", str(project), "--profiles-dir", str(project))
    return run((str(BIN / name), command, *where), project)


def dbt_steps(place: Place) -> Iterator[Measured]:
    """Measure dbt from an empty folder, then the SQL it compiled, then dbt with nothing changed."""
    yield Step.DBT_BUILD, tool("dbt", "build", place.dbt)
    yield Step.RAW_SQL, raw_sql(place)
    yield Step.DBT_AGAIN, tool("dbt", "build", place.dbt)
    yield Step.DBT_LS, tool("dbt", "ls", place.dbt)


def raw_sql(place: Place) -> Cost:
    """Measure the statements alone: gathering them from dbt's artifacts is not part of the cost."""
    script, database = str(place.raw / "statements.json"), str(place.raw / DATABASE)
    python = (sys.executable, str(RAW_SQL))
    run((*python, "prepare", str(place.dbt), script), place.raw)
    return run((*python, "execute", script, database), place.raw)


def penstock_steps(place: Place) -> Iterator[Measured]:
    """Measure Penstock from an empty folder, unchanged, and with a new database but kept caches."""
    yield Step.PENSTOCK_COLD, tool("penstock", "build", place.penstock)
    yield Step.PENSTOCK_AGAIN, tool("penstock", "build", place.penstock)
    # State lives in the database, so a new one makes every asset due again.
    for file in place.penstock.glob(f"{DATABASE}*"):
        file.unlink()
    yield Step.PENSTOCK_WARM, tool("penstock", "build", place.penstock)
    yield Step.PENSTOCK_HELP, run((str(BIN / "penstock"), "--help"), place.penstock)


class Session:
    """The costs and failures of all rounds; a tool that failed once is not run again."""

    def __init__(self) -> None:
        """Start with nothing measured; Penstock may be missing from the environment."""
        self.costs: dict[Step, list[Cost]] = {}
        self.failures: list[str] = []
        self.contents: dict[str, str] = {}
        self._broken: set[str] = set()
        if not (BIN / "penstock").exists():
            self._fail("penstock", f"penstock is not installed in {BIN}; run `uv sync` first")

    def round(self, folder: Path, models: int, keep: bool) -> None:
        """Run every step once in a new folder; without `keep` it only warms the file caches."""
        place = make_place(folder, models)
        for name, steps in (("dbt", dbt_steps(place)), ("penstock", penstock_steps(place))):
            if name not in self._broken:
                self._measure(name, steps, keep)
        for name in ("dbt", "raw", "penstock"):
            database = folder / name / DATABASE
            if keep and database.exists():
                self.contents[name] = contents(database)

    def medians(self) -> Costs:
        """Return the median cost of each step that was measured."""
        return {step: median(costs) for step, costs in self.costs.items()}

    def _measure(self, name: str, steps: Iterator[Measured], keep: bool) -> None:
        try:
            for step, cost in steps:
                if keep:
                    print(f"{step.value}: {cost.wall:.2f} s", file=sys.stderr, flush=True)
                    self.costs.setdefault(step, []).append(cost)
        except CommandFailed as failure:
            self._fail(name, str(failure))

    def _fail(self, name: str, message: str) -> None:
        self._broken.add(name)
        self.failures.append(message)


def contents(database: Path) -> str:
    """Return what a tool left in its database, read in a child so that this process stays small."""
    command = (sys.executable, str(RAW_SQL), "contents", str(database))
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or f"unreadable: {result.stderr.strip()}"


def heading(models: int, runs: int) -> str:
    """Return one line on what was measured and where."""
    tools = ", ".join(f"{name} {version(name)}" for name in ("dbt-core", "dbt-duckdb", "duckdb"))
    note = "" if models == GOAL_MODELS else f"; the goals are set for {GOAL_MODELS} models"
    return f"{models} models, median of {runs} run(s), {os.cpu_count()} cores, Python {platform.python_version()}, {tools}{note}"


def summary(session: Session, title: str, as_markdown: bool) -> str:
    """Return the whole report, for a terminal or as Markdown."""
    table = markdown if as_markdown else aligned
    costs = session.medians()
    goals = [verdict.cells() for verdict in verdicts(costs)]
    left = "; ".join(f"{name}: {text}" for name, text in session.contents.items())
    parts = [
        title,
        table(COST_HEAD, cost_rows(costs)),
        table(GOAL_HEAD, goals),
        f"Left in the databases: {left}.",
    ]
    return "\n\n".join(parts)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=GOAL_MODELS)
    parser.add_argument("--runs", type=int, default=1, help="the median of N runs is shown")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables here")
    return parser.parse_args()


def main() -> int:
    """Run the benchmark and return 1 if any command failed; timings never decide."""
    options = parse_options()
    session = Session()
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        # A tiny round first: else byte code and file caches are charged to the first tool.
        session.round(Path(name, "warm-up"), 10, keep=False)
        for number in range(options.runs):
            session.round(Path(name, str(number)), options.models, keep=True)
    title = heading(options.models, options.runs)
    print(summary(session, title, as_markdown=False))
    if options.markdown:
        options.markdown.write_text(summary(session, title, as_markdown=True) + "\n")
    for failure in session.failures:
        print(f"\nFAILED: {failure}", file=sys.stderr)
    ended = [0]
    for script in OTHERS:
        print(flush=True)
        ended.append(subprocess.run((sys.executable, str(script)), check=False).returncode)
    return 1 if session.failures or any(ended) else 0


if __name__ == "__main__":
    sys.exit(main())
