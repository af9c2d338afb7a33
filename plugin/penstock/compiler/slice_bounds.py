"""The bounds of a slice in a model's own query: what `var('penstock_start')` and its like stand for, partition by partition.

dbt compiles such a model once, with marks in place of the values, so that its code is the same for every slice; each slice
puts its own values there. A mark is text inside a string literal: `'{penstock_start}'` becomes `'2024-03-02 00:00:00'`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from penstock.assets.partition_range import PartitionRange
from penstock.compiler.spans import replaced, tokens_of
from penstock.errors import ProjectError

START, END, PARTITION = "penstock_start", "penstock_end", "penstock_partition"
NAMES = (START, END, PARTITION)

_MARKS = {name: f"{{{name}}}" for name in NAMES}
_MARK = re.compile(rf"\{{({'|'.join(NAMES)})\}}")
_TRIALS = (("0", 1, "0"), ("~T ", -1, "- :.9~"))
"""What stands around a name, and how it is read: before any date and after it, of other lengths, with what dates are written with."""


def trial(number: int) -> dict[str, str]:
    """Return texts for the variables; a query that does anything with them but print them whole differs between trials 0 and 1.

    >>> trial(0)["penstock_end"], trial(1)["penstock_end"]
    ('0penstock_end0', '~T dne_kcotsnep- :.9~')
    """
    before, step, after = _TRIALS[number]
    return {name: f"{before}{name[::step]}{after}" for name in NAMES}


def agreed_text(first: str, second: str) -> str:
    """Return the one query that both trials gave, with marks. Raises ProjectError where they differ in more than the values.

    >>> agreed_text("select '0penstock_end0'", "select '~T dne_kcotsnep- :.9~'")
    "select '{penstock_end}'"
    """
    found = {_marked(text, number) for number, text in enumerate((first, second))}
    if len(found) > 1:
        raise used_otherwise()
    return found.pop()


def used_otherwise() -> ProjectError:
    """Return the error for a query that looks at the values, which are not known when it is compiled."""
    return ProjectError(
        f"its Jinja does more with {', '.join(NAMES)} than print them, or gives another query each time",
        hint="Print the variable whole, between quotes, and let SQL do the rest: '{{ var('penstock_start') }}'::date.",
    )


def names_in(sql: str, dialect: str) -> frozenset[str]:
    """Return the variables whose marks stand in a query. Raises ProjectError where one stands outside a plain string literal."""
    return frozenset(name for start, end in _literals(sql, dialect) for name in _MARK.findall(sql[start:end]))


def bounded(sql: str, part: PartitionRange, dialect: str) -> str:
    """Return a query with the values of a slice in place of the marks; bounds are half-open, in the dimension's local time.

    Raises ProjectError for a bound of time without a dimension of time, and for one partition where there are several.
    """
    values = {name: _value(name, part).replace("'", "''") for name in names_in(sql, dialect)}
    spans = _literals(sql, dialect)
    return replaced(sql, [(start, end, _MARK.sub(lambda mark: values[mark[1]], sql[start:end])) for start, end in spans])


@lru_cache(maxsize=64)
def _literals(sql: str, dialect: str) -> tuple[tuple[int, int], ...]:
    """Return where the string literals stand that hold marks; a mark in a comment stays what it is."""
    places = [found.start() for found in _MARK.finditer(sql)]
    if not places:
        return ()
    try:
        tokens = tokens_of(sql, dialect)
    except ValueError as error:
        raise ProjectError("its query cannot be read, so that the bounds of a slice cannot be put into it") from error
    found = [(token.start, token.end + 1) for token in tokens if any(token.start <= place <= token.end for place in places)]
    for start, end in found:
        if sql[start] != "'":
            raise ProjectError(
                f"a bound of the slice stands outside a plain string literal: {sql[start : end + 20]}",
                hint="Write it between single quotes: '{{ var('penstock_start') }}'.",
            )
    return tuple(found)


def _value(name: str, part: PartitionRange) -> str:
    if name == PARTITION:
        if len(part) != 1:
            raise ProjectError(f"`{PARTITION}` is one partition, and {part} are {len(part)}")
        return next(iter(part)).key
    bound = part.local_start if name == START else part.local_end
    if bound is None:
        raise ProjectError(f"`{name}` asks for time, and no dimension of its partitions is time", hint=f"Use `{PARTITION}`.")
    return str(bound)


def _marked(text: str, number: int) -> str:
    for name, value in trial(number).items():
        text = text.replace(value, _MARKS[name])
    return text
