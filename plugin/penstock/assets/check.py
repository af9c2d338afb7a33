"""Checks of `checks/*.sql`: what their files say of them, and the thresholds that turn a count of failures into a verdict."""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.errors import ParseError

THIS = "this"
"""The relation by which a check names the asset under test."""

HISTORY = "history"
"""The relation by which a check names the asset's earlier metrics."""

ALWAYS = "!= 0"
"""dbt's threshold where none is given."""

_OPERATORS = ("!=", "<>", "<=", ">=", "==", "<", ">", "=")
_THRESHOLD = re.compile(r"\s*(!=|<>|<=|>=|==|<|>|=)\s*(-?[0-9]+(?:\.[0-9]+)?)\s*(%\s*of\s+total)?\s*", re.IGNORECASE | re.ASCII)
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Threshold:
    """A comparison of the number of failures with `number / scale`: rows or, with `of_total`, per cent of the rows under test."""

    operator: str
    number: int
    scale: int = 1
    of_total: bool = False

    def holds(self, failures: int, total: int = 0) -> bool:
        """Whether it is reached; `total` counts all rows. Of no rows, no failures are 0 % and any are more than every number."""
        if not self.of_total:
            return _compared(self.operator, failures * self.scale, self.number)
        if total == 0 and failures > 0:
            return self.operator in (">", ">=", "!=", "<>")
        return _compared(self.operator, 100 * failures * self.scale, self.number * (total or 1))


def parse_threshold(text: str) -> Threshold:
    """Read dbt's `!= 0`, `>10`, or Penstock's `> 1% of total`. Raises ParseError for anything else."""
    match = _THRESHOLD.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        raise ParseError(
            f"`{shown}` is not a threshold",
            hint=f'Write an operator ({" ".join(_OPERATORS)}) and a number, as in "> 10" or "> 1% of total".',
        )
    whole, _, digits = match[2].partition(".")
    return Threshold(match[1], int(whole + digits), 10 ** len(digits), of_total=match[3] is not None)


def _compared(operator: str, left: int, right: int) -> bool:
    return {
        "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right,
        "=": left == right, "==": left == right, "!=": left != right, "<>": left != right,
    }[operator]  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """One check file: its query as written, the assets it selects, and what its failures mean.

    `scope` is `partition`, `table`, or "" for whichever the asset has; `when` is `before_publish` or `after`; `limit` is the
    number of failing rows that are stored, 0 for none. `reads_history` says that it names the relation `history`. `this` is the
    relation that one node of it looks at and `history` its earlier metrics, both as SQL selects from them. `insufficient_sql` names
    the same relations, and gives a row where there is too little history to compare with.
    """

    path: str
    sql: str
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    severity: str = "error"
    error_if: str = ALWAYS
    warn_if: str = ALWAYS
    blocking: bool = True
    scope: str = ""
    when: str = "before_publish"
    limit: int = 100
    reads_history: bool = False
    error: str = ""
    first_line: int = 1
    this: str = ""
    history: str = ""
    insufficient_sql: str = ""

    @property
    def needs_total(self) -> bool:
        """Whether a threshold is a share of all rows, so that these have to be counted, too."""
        return any(parse_threshold(text).of_total for text in (self.error_if, self.warn_if))
