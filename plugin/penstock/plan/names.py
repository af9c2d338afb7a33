"""Inputs and assets as people say them."""

from __future__ import annotations

from collections.abc import Sequence


def is_file(name: str) -> bool:
    """Whether an input's name stands for files."""
    return name.startswith(("file:", "cwd:"))


def display(name: str) -> str:
    """Return an input's name as people say it."""
    for prefix in ("file:", "cwd:", "table:"):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    parts = name.split(".")
    if parts[0] == "test" and len(parts) > 2:
        return parts[2]  # what follows is a hash of the arguments
    if parts[0] == "check":
        return parts[1]  # what follows is the asset that it looks at
    return ".".join(parts[2:]) if parts[0] in ("model", "seed", "snapshot", "source", "function", "unit_test") and len(parts) > 2 else name


def few(names: Sequence[str]) -> str:
    """Return at most three of the names, as people say them."""
    return ", ".join(map(display, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
