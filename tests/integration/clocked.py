"""A project with partitions that is built in this process, at whatever time a test says it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from unittest.mock import patch

from penstock.app.build import Report, Stopper, build_project
from penstock.app.planning import Wanted
from penstock.app.settings import Place, discover
from penstock.assets.asset import Asset
from penstock.runner.outcomes import Outcome
from small_project import PLACE
from workspace import Workspace

Row = tuple[object, ...]


class Silent:
    """A sink that says nothing."""

    def started(self, number: int, total: int, asset: Asset, executor: str) -> None: ...

    def finished(self, number: int, total: int, outcome: Outcome) -> None: ...


@contextmanager
def at(now: datetime) -> Iterator[None]:
    """Let it be that time (UTC) wherever Penstock asks, a microsecond later each time."""
    ticks = count()

    def clock() -> datetime:
        return now + timedelta(microseconds=next(ticks))

    with patch("penstock.app.planning.utc_now", clock), patch("penstock.app.build.utc_now", clock):
        yield


@dataclass
class Clocked:
    """A workspace and the time there; each build is a minute later than the one before."""

    workspace: Workspace
    now: datetime

    def build(self, *select: str, partitions: Iterable[str] = (), ok: bool = True, **wanted: object) -> Report:
        """Run `penstock build`; it must succeed, or with `ok=False` fail."""
        self.now += timedelta(minutes=1)
        settings = discover(Place(), self.workspace.folder, self.workspace.environment())
        choice = Wanted(select=select, partitions=tuple(partitions), **wanted)  # type: ignore[arg-type]
        with at(self.now):
            report = build_project(settings, choice, lambda _planned: Silent(), lambda _line: None, Stopper())
        assert report.ok is ok, "\n".join(f"{one.asset.key}: {one.status} {one.message}" for one in report.outcomes)
        return report

    def messages(self, report: Report) -> str:
        """Return what the assets that failed said."""
        return "\n".join(one.message for one in report.outcomes if one.status.holds_back)

    def built(self, report: Report, name: str) -> dict[str, str]:
        """Return the reason of each partition of an asset that a run built, by key."""
        rows = self.workspace.query(
            """select a."partition", d.reason from penstock.attempt as a
            left join penstock.decision as d
                on d.run_id = a.run_id and d.asset = a.asset and d."partition" = a."partition" and d.decision = 'BUILD'
            where a.run_id = ? and a.status = 'success' and split_part(a.asset, '.', -1) = ? order by all""",
            [report.run_id, name],
        )
        assert len(rows) == len(dict(rows)), rows
        return dict(rows)

    def held(self, name: str) -> list[str]:
        """Return the keys of the partitions that an asset holds, in order."""
        sql = "select \"partition\" from penstock.partition_status where split_part(asset, '.', -1) = ? and status = 'held' order by all"
        return [str(row[0]) for row in self.workspace.query(sql, [name])]

    def rows(self, sql: str) -> list[Row]:
        """Return the rows of a query, sorted."""
        return sorted(self.workspace.query(sql), key=repr)


def clocked(workspace: Workspace, now: datetime, files: dict[str, str]) -> Clocked:
    """Write a project into a workspace."""
    workspace.write({**PLACE, **files})
    return Clocked(workspace, now)
