"""What a selection may compare the project with: an earlier manifest, earlier results, earlier freshness."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NoReturn

from penstock.assets.definition import Comparison, Definitions
from penstock.assets.names import AssetKey
from penstock.errors import SelectionError
from penstock.graph.column_walk import ColumnMap

Statuses = Mapping[AssetKey, Collection[str]]


def _nothing() -> NoReturn:
    raise SelectionError("there is no earlier state to compare with", hint="Give a folder with dbt's artifacts: --state DIR.")


@dataclass(frozen=True)
class History:
    """Ways to what lies back, each asked for only when a criterion needs it; they raise SelectionError where there is nothing.

    `statuses` are the results of a run by asset, in dbt's words; `fresher` the sources with newer data than then;
    `freshness` is `fresh` or `stale` for each recorded asset as of now; `partitions` are the statuses that any partition of an
    asset has; `failed_checks` are the tests whose latest result did not pass; `columns` is the recorded
    column lineage; `categories` are what kinds of changes are known; `now` tells whether a deprecation date is past.
    """

    now: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    current: Callable[[], Definitions] = _nothing
    previous: Callable[[], Definitions] = _nothing
    statuses: Callable[[], Statuses] = _nothing
    fresher: Callable[[], Collection[AssetKey]] = _nothing
    freshness: Callable[[], Mapping[AssetKey, str]] = _nothing
    partitions: Callable[[], Statuses] = _nothing
    failed_checks: Callable[[], Collection[AssetKey]] = _nothing
    columns: Callable[[], ColumnMap] = _nothing
    categories: Callable[[], Mapping[AssetKey, str]] = _nothing

    @cached_property
    def comparison(self) -> Comparison:
        """The comparison of the project's definitions with the earlier ones."""
        previous = self.previous()
        return Comparison(self.current(), previous, self.now)

    @property
    def breaking(self) -> Collection[str]:
        """The contracts that a comparison found broken; none where nothing was compared."""
        return self.comparison.breaking.values() if "comparison" in self.__dict__ else ()


NO_HISTORY = History()
