"""Versions of some columns alone: what lets a reader be skipped when only columns changed that it does not read.

They are facts about content, whoever finds them out and when: the version of the whole relation, of the same look, says
which content is meant. One look costs one scan, and is taken only for tables of which somebody reads some columns:
before and after a rebuild, and at a source when its reader is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from penstock.assets.names import AssetKey
from penstock.assets.records import InputVersion
from penstock.errors import WarehouseError
from penstock.plan.versions import ColumnSet, column_sets
from penstock.state.content import content_of, record_projections

if TYPE_CHECKING:
    from penstock.runner.context import RunContext


class Projections:
    """The projections of one run."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._sets = column_sets(context.facts.state.inputs.values())

    def look(self, number: int) -> None:
        """Record what the columns that somebody reads hold in a table now, as far as it is not known yet."""
        asset = self._context.graph.assets[number]
        sets = self._sets.get(asset.key)
        made = self._context.facts.state.materializations.get(asset.key)
        if made is not None and made.partition:
            return  # its version is made of those of its partitions, not of one look
        if sets and asset.relation is not None and self._context.existing_type(asset.relation) == "table":
            self._keep(asset.key, asset.relation.sql, sets, self._context.versions.of(asset.key) or "")

    def keep_of_sources(self, consumed: Sequence[InputVersion]) -> None:
        """Record the same of the sources an asset is about to read: what they hold now can never be asked again."""
        graph = self._context.graph
        for seen in consumed:
            if seen.columns is not None and seen.input in self._context.facts.observed and seen.input in graph:
                relation = graph[seen.input].relation
                if relation is not None:
                    self._keep(seen.input, relation.sql, {seen.columns}, seen.version)

    def _keep(self, key: AssetKey, relation: str, sets: Iterable[ColumnSet], version: str) -> None:
        known = self._context.facts.projections
        missing = sorted(columns for columns in sets if (key, version, columns) not in known)
        if not missing:
            return
        sql = self._context.statements()
        with suppress(WarehouseError):
            content = content_of(sql, relation, missing)
            new = {(key, content.version, columns): found for columns, found in zip(missing, content.projected, strict=True)}
            new = {projection: found for projection, found in new.items() if projection not in known}
            record_projections(sql, self._context.run_id, new)
            known.update(new)
