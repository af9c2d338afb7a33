"""What every command with a selection says about it."""

from __future__ import annotations

from penstock.selector.select import Selection
from penstock.ui.console import Console


def warn_unmatched(console: Console, selection: Selection) -> None:
    """Warn of each criterion that matched nothing, with the nearest names."""
    for miss in selection.unmatched:
        near = f" Nearest: {', '.join(miss.nearest)}." if miss.nearest else ""
        console.warning(f"the selection criterion '{miss.text}' matches nothing.{near}")
