"""Turn the costs of the benchmark's steps into tables and verdicts on the goals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from measure import Cost

GOAL_MODELS = 500  # the size for which the goals are set


class Step(StrEnum):
    """What is measured, named as the table shows it."""

    DBT_BUILD = "dbt build, fresh"
    DBT_AGAIN = "dbt build, nothing changed"
    DBT_LS = "dbt ls"
    RAW_SQL = "raw SQL, one connection"
    PENSTOCK_COLD = "penstock build, fresh"
    PENSTOCK_WARM = "penstock build, compiled SQL kept"
    PENSTOCK_AGAIN = "penstock build, nothing changed"
    PENSTOCK_HELP = "penstock --help"


@dataclass(frozen=True)
class Verdict:
    """One goal, the measured figure, and whether the goal is met (None: not measured)."""

    goal: str
    measured: str
    met: bool | None

    def cells(self) -> tuple[str, str, str]:
        """Return the verdict as a table row."""
        words = {True: "met", False: "MISSED", None: "not measured"}
        return self.goal, self.measured, words[self.met]


Row = Sequence[str]
Costs = Mapping[Step, Cost]
COST_HEAD = ("step", "wall s", "CPU s", "peak MB", "x dbt build", "x raw SQL")
GOAL_HEAD = ("goal", "measured", "verdict")


def cost_rows(costs: Costs) -> list[Row]:
    """Return one row per measured step; ratios are of wall seconds."""
    return [
        (
            step.value,
            f"{cost.wall:.2f}",
            f"{cost.cpu:.2f}",
            f"{cost.peak_mb:.0f}",
            ratio(cost, costs.get(Step.DBT_BUILD)),
            ratio(cost, costs.get(Step.RAW_SQL)),
        )
        for step in Step
        if (cost := costs.get(step)) is not None
    ]


def ratio(cost: Cost, base: Cost | None) -> str:
    """Return wall seconds as a multiple of the base's, or a dash without a base."""
    return "-" if base is None else f"{cost.wall / base.wall:.3f}"


def verdicts(costs: Costs) -> list[Verdict]:
    """Compare the costs with each goal."""
    return [full_build(costs), nothing_changed(costs), peak_memory(costs), help_page(costs)]


def full_build(costs: Costs) -> Verdict:
    """Judge the wall seconds of a cold full build against dbt's."""
    goal = "full build: wall <= 0.35 x dbt build"
    dbt, penstock = costs.get(Step.DBT_BUILD), costs.get(Step.PENSTOCK_COLD)
    if dbt is None or penstock is None:
        return Verdict(goal, "-", None)
    share = penstock.wall / dbt.wall
    return Verdict(goal, f"{share:.3f} x", share <= 0.35)


def nothing_changed(costs: Costs) -> Verdict:
    """Judge the CPU seconds of a build with nothing to do."""
    goal = "nothing changed: CPU <= 1.2 s"
    cost = costs.get(Step.PENSTOCK_AGAIN)
    return Verdict(goal, "-", None) if cost is None else cpu_verdict(goal, cost, cost.cpu <= 1.2)


def help_page(costs: Costs) -> Verdict:
    """Judge the CPU seconds of the help page."""
    goal = "--help: CPU < 0.3 s"
    cost = costs.get(Step.PENSTOCK_HELP)
    return Verdict(goal, "-", None) if cost is None else cpu_verdict(goal, cost, cost.cpu < 0.3)


def cpu_verdict(goal: str, cost: Cost, met: bool) -> Verdict:
    """Return a verdict that shows CPU seconds."""
    return Verdict(goal, f"{cost.cpu:.2f} s", met)


def peak_memory(costs: Costs) -> Verdict:
    """Judge the highest peak of any penstock build against the peak of `dbt build`."""
    goal = "peak memory of any build <= dbt build's"
    builds = (Step.PENSTOCK_COLD, Step.PENSTOCK_WARM, Step.PENSTOCK_AGAIN)
    peaks = [costs[step].peak_mb for step in builds if step in costs]
    dbt = costs.get(Step.DBT_BUILD)
    if dbt is None or len(peaks) < len(builds):
        return Verdict(goal, "-", None)
    return Verdict(goal, f"{max(peaks):.0f} of {dbt.peak_mb:.0f} MB", max(peaks) <= dbt.peak_mb)


def aligned(head: Row, rows: Sequence[Row]) -> str:
    """Return a plain table: first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in (head, ["-" * width for width in widths], *rows)
    ]
    return "\n".join(lines)


def markdown(head: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table: first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
