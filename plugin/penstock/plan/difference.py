"""What differs between two versions of a project: plain values, which every report is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from penstock.assets.names import AssetKey


class Category(StrEnum):
    """What a change means for what reads the asset, worst first."""

    BREAKING = "breaking"
    UNKNOWN = "unknown"
    NON_BREAKING = "non_breaking"
    ADDITIVE = "additive"
    COSMETIC = "cosmetic"

    @property
    def rank(self) -> int:
        """Where it stands among all categories, 0 for the worst."""
        return _WORST_FIRST.index(self)

    def at_least(self, other: Category) -> bool:
        """Whether it is as bad as another, or worse."""
        return self.rank <= other.rank


_WORST_FIRST = tuple(Category)


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """An output column that is not what it was.

    `change` is `added`, `removed`, `retyped`, `redefined` or `unknown`; `before` and `after` are expressions, or types.
    """

    column: str
    change: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class AssetChange:
    """An asset that was `added`, `removed` or `modified`; `expressions` are the texts that differ, before and after.

    `path` and `line` (1-based) say where to show it: of a removed asset, where it was.
    """

    asset: AssetKey
    name: str
    kind: str
    path: str
    change: str
    category: Category
    reason: str
    columns: tuple[ColumnChange, ...] = ()
    expressions: tuple[tuple[str, str], ...] = ()
    contract_breaks: tuple[str, ...] = ()
    line: int = 1


@dataclass(frozen=True, slots=True)
class RowDiff:
    """How the rows of one relation differ; counts are rows, `columns` count changed values of each column.

    Without a `key` whole rows are compared: then nothing is `changed`. `samples` are rows that differ, as text.
    `compared` of all `slices` were looked at row by row, the others have equal hashes. `problem`: why there is no result,
    or what it leaves out.
    """

    asset: AssetKey
    key: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0
    changed: int = 0
    same: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[Mapping[str, str], ...] = ()
    compared: int = 0
    slices: int = 0
    problem: str = ""

    @property
    def equal(self) -> bool:
        """Whether every row was compared, and none differs."""
        return not (self.added or self.removed or self.changed or self.problem)


@dataclass(frozen=True, slots=True)
class Impact:
    """What the changes reach: everything downstream, the changed assets among it.

    `exposures` come with their owner, "" where they name none. `partitions` and `rows` (both are estimates from what earlier
    builds recorded) are None where nothing is recorded.
    """

    assets: tuple[AssetKey, ...] = ()
    columns: tuple[tuple[AssetKey, str], ...] = ()
    checks: tuple[AssetKey, ...] = ()
    exposures: tuple[tuple[AssetKey, str], ...] = ()
    partitions: int | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs from `base` to `head`, worst change first; `problems` are what could not be looked at."""

    base: str
    head: str
    changes: tuple[AssetChange, ...] = ()
    edges_added: tuple[tuple[AssetKey, AssetKey], ...] = ()
    edges_removed: tuple[tuple[AssetKey, AssetKey], ...] = ()
    impact: Impact = Impact()
    row_diffs: tuple[RowDiff, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def worst(self) -> Category | None:
        """The worst category of all changes, None where nothing changed."""
        return min((change.category for change in self.changes), key=lambda category: category.rank, default=None)

    def of(self, category: Category) -> tuple[AssetChange, ...]:
        """Return the changes of one category."""
        return tuple(change for change in self.changes if change.category is category)
