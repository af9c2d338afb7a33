"""Measure the CPU of selecting among 10,000 nodes: `penstock ls` as a process, and each kind of selection within one."""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from generate import LAYERS, generate
from measure import median, run
from penstock.app.gateway import DbtGateway
from penstock.app.project import Project, load_project
from penstock.app.settings import Place, discover
from penstock.selector.select import Selection, select
from penstock.selector.tree import Indirect
from report import Row, aligned

PENSTOCK = Path(sys.executable).parent / "penstock"
COMMANDS: Sequence[Sequence[str]] = (("ls", "--output", "name"), ("ls", "--select", "tag:l5+"))
HEAD = ("selection, CPU ms", "selected", *Indirect)
BROAD = ("tag:l*", "path:models/l5", "config.materialized:table", "m_*", "package:this", "resource_type:test")

Flags = tuple[Sequence[str], Sequence[str]]
"""What to select and what to exclude."""


def make_project(folder: Path, nodes: int) -> None:
    """Write a project of `nodes` nodes, half of them tests, each layer of models with its tag."""
    generate(nodes // 2, folder, test_every=2)
    file = folder / "dbt_project.yml"
    tags = ", ".join(f"l{layer}: {{+tags: [l{layer}]}}" for layer in range(LAYERS))
    file.write_text(file.read_text().replace("table}", f"table, {tags}}}"))


def selections(models: int) -> Mapping[str, Flags]:
    """Return the selections by what the table calls them."""
    names = [f"m_{index:05d}" for index in range(models // 40, models, models // 20)]
    return {
        "everything": ((), ()),
        "a name": (names[:1], ()),
        "a folder": (("l5",), ()),
        "a name with wildcards": (("*_01*",), ()),
        "a tag": (("tag:l5",), ()),
        "a path with wildcards": (("path:models/*/m_01*.sql",), ()),
        "a config": (("config.materialized:table",), ()),
        "+a name": ([f"+{names[-1]}"], ()),
        "@a name": ([f"@{names[5]}"], ()),
        "20 names, each with +": ([f"+{name}" for name in names], ()),
        "6 broad criteria, united": (BROAD, ()),
        "6 broad criteria, intersected": ((",".join(BROAD),), ()),
        "6 broad criteria, excluded": ((), BROAD),
        "a name that is not there": (("m_no_such",), ()),
    }


def selection_row(project: Project, title: str, flags: Flags, runs: int) -> Row:
    """Return how many assets a selection has and its CPU milliseconds for each mode of indirect selection."""

    def selected(mode: Indirect) -> Selection:
        return select(project.graph, *flags, indirect=mode, project=project.name)

    times = [cpu_ms(partial(selected, mode), runs) for mode in Indirect]
    return (title, str(len(selected(Indirect.EAGER).keys)), *(f"{taken:.1f}" for taken in times))


def cpu_ms(work: Callable[[], object], runs: int) -> float:
    """Return the median CPU milliseconds of some work."""
    taken = []
    for _ in range(runs):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken) * 1000


def process_rows(folder: Path, runs: int) -> list[Row]:
    """Return the CPU milliseconds and the peak of whole processes; the first one, which makes dbt parse, is left out."""
    where = ("--project-dir", str(folder), "--profiles-dir", str(folder))
    rows: list[Row] = []
    for command in COMMANDS:
        line = (str(PENSTOCK), *command, *where)
        cost = median([run(line, folder) for _ in range(runs)])
        rows.append((f"penstock {' '.join(command)}", f"{cost.cpu * 1000:.0f}", f"{cost.peak_mb:.0f}"))
    return rows


def main() -> None:
    """Print two tables; the goals are set for 10,000 nodes and decide nothing here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5, help="the median of N runs is shown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        folder = Path(name)
        make_project(folder, options.nodes)
        run((str(PENSTOCK), "ls", "--project-dir", name, "--profiles-dir", name), folder)
        processes = process_rows(folder, options.runs)
        settings = discover(Place(project_dir=name, profiles_dir=name), folder, os.environ)
        project = load_project(settings, DbtGateway(settings, print))
    print(f"{len(project.graph)} nodes, median of {options.runs} runs; goals: a process 700 ms, a selection 20 ms\n")
    print(aligned(("process, nothing changed", "CPU ms", "peak MB"), processes), end="\n\n")
    rows = [selection_row(project, title, flags, options.runs) for title, flags in selections(options.nodes // 2).items()]
    print(aligned(HEAD, rows))


if __name__ == "__main__":
    main()
