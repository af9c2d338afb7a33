"""Several values after one flag without quotes (`-s a b+ tag:x`), as dbt's command line takes them."""

from __future__ import annotations

from collections.abc import Sequence

MULTIPLE = frozenset({
    "-s", "--select", "-m", "--models", "--exclude", "--resource-type", "--exclude-resource-type", "--output-keys", "--partition",
    "--key", "--label", "--report",
})  # fmt: skip


def spread(args: Sequence[str]) -> list[str]:
    """Repeat such a flag before each of its values: `-s a b` becomes `-s a -s b`. Stops at the next flag."""
    found: list[str] = []
    flag = ""
    taken = 0
    for arg in args:
        if arg in MULTIPLE:
            flag, taken = arg, 0
            found.append(arg)
        elif flag and not _is_flag(arg):
            found += [arg] if taken == 0 else [flag, arg]
            taken += 1
        else:
            flag = ""
            found.append(arg)
    return found


def _is_flag(arg: str) -> bool:
    return arg.startswith("-") and len(arg) > 1
