"""From text to tree: dbt's selection language, with every mistake named by what was expected, what was found and where."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

from penstock.errors import PenstockError, SelectionError, raise_all
from penstock.selector.methods import METHODS
from penstock.selector.named import SELECTOR
from penstock.selector.tree import Criterion, Difference, Everything, Intersection, Tree, Union, default_method

KNOWN = frozenset(METHODS) | {SELECTOR}
UNION = " "
INTERSECTION = ","

CRITERION = (
    ("childrens_parents", r"@?"),
    ("parents", r"(?:(?P<parents_depth>\d*)\+)?"),
    ("prefix", r"(?:(?P<method>[\w.]+):)?"),
    ("value", r".*?"),
    ("children", r"(?:\+(?P<children_depth>\d*))?"),
)
"""The parts of a criterion in order; source: dbt's RAW_SELECTOR_PATTERN. A value takes as little as it can."""

_CRITERION = re.compile("".join(f"(?P<{name}>{pattern})" for name, pattern in CRITERION))


def parse(select: Sequence[str], exclude: Sequence[str] = ()) -> Tree:
    """Read the values of `--select` and `--exclude`; no value to select means everything.

    Raises SelectionError, or Problems holding one for each criterion that is wrong.
    """
    problems: list[PenstockError] = []
    included = parse_union(select, problems) if select else Everything()
    excluded = parse_union(exclude, problems)
    raise_all(problems)
    return Difference(included, excluded) if exclude else included


def parse_union(texts: Iterable[str], problems: list[PenstockError]) -> Union:
    """Read texts whose words are united; what is wrong is added to `problems` and left out."""
    parts: list[Tree] = []
    for text in texts:
        for word, column in scan(text, UNION):
            if not word:
                continue
            criteria = []
            for part, offset in scan(word, INTERSECTION):
                try:
                    criteria.append(parse_criterion(part, column + offset - 1, text))
                except SelectionError as error:
                    problems.append(error)
            parts.append(criteria[0] if len(criteria) == 1 else Intersection(tuple(criteria)))
    return Union(tuple(parts))


def scan(text: str, separator: str) -> Iterator[tuple[str, int]]:
    """Yield each piece between separators with the column it begins at, 1-based; empty pieces too."""
    column = 1
    for piece in text.split(separator):
        yield piece, column
        column += len(piece) + len(separator)


def parse_criterion(text: str, column: int = 1, whole: str = "") -> Criterion:
    """Read one criterion, which begins at `column` of the text `whole` that messages quote.

    Raises SelectionError for an unknown method, one that is not available yet, and `@` together with a final `+`.
    """
    whole = whole or text
    match = _CRITERION.fullmatch(text)
    if match is None:
        raise _unexpected("one line", "a line break", column + text.index("\n"), whole)
    if match["childrens_parents"] and match["children"]:
        raise _unexpected("no `+` at the end after `@` at the start", f"`{match['children']}`", column + match.start("children"), whole)
    value = match["value"]
    method, arguments = method_of(match["method"] or default_method(value), f" at column {column + match.start('prefix')} of `{whole}`")
    return Criterion(
        method=method,
        value=value,
        arguments=arguments,
        childrens_parents=bool(match["childrens_parents"]),
        parents=bool(match["parents"]),
        parents_depth=_depth(match, "parents_depth", column, whole),
        children=bool(match["children"]),
        children_depth=_depth(match, "children_depth", column, whole),
        column=column,
    )


def method_of(text: str, where: str = "") -> tuple[str, tuple[str, ...]]:
    """Split `method[.argument...]`. Raises SelectionError, which says `where`, for a method that is not there."""
    name, *arguments = text.split(".")
    if name not in KNOWN:
        likely = difflib.get_close_matches(name, KNOWN, 3)
        known = ", ".join((*METHODS, SELECTOR))
        hint = f"Did you mean {' or '.join(f'`{method}:`' for method in likely)}?" if likely else f"Known methods: {known}."
        raise SelectionError(f"expected a selection method, found `{name}`{where}", hint=hint)
    return name, tuple(arguments)


def _depth(match: re.Match[str], name: str, column: int, whole: str) -> int | None:
    if not match[name]:
        return None
    try:
        return int(match[name])
    except ValueError:
        raise _unexpected("a number of steps", f"{len(match[name])} digits", column + match.start(name), whole) from None


def _unexpected(expected: str, found: str, column: int, whole: str) -> SelectionError:
    return SelectionError(f"expected {expected}, found {found} at column {column} of `{whole}`")
