"""What every command with a selection says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.selector.select import Selection
from penstock.ui.console import Console

if TYPE_CHECKING:
    from penstock.app.planning import Planned


def warn_empty(console: Console, planned: Planned) -> None:
    """Warn of what matched nothing, and where nothing that can be built is left."""
    warn_unmatched(console, planned.selection)
    for warning in planned.project.warnings:
        console.warning(f"{warning}.")
    if planned.plan.rows or planned.selection.unmatched:
        return
    if planned.wanted.select or planned.wanted.exclude:
        console.warning("nothing of this selection can be built.")
    else:
        console.warning("this project has nothing to build: add a model, a seed, a snapshot or an ingestion file.")


def warn_unmatched(console: Console, selection: Selection) -> None:
    """Warn of each criterion that matched nothing, with the nearest names, and of each contract that a comparison found broken."""
    for miss in selection.unmatched:
        near = f" Nearest: {', '.join(miss.nearest)}." if miss.nearest else ""
        console.warning(f"the selection criterion '{miss.text}' matches nothing.{near}")
    for broken in selection.warnings:
        console.warning(f"{broken}.")
