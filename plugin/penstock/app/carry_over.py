"""After an upgrade that makes code versions in another way: say that what nobody edited is still what it was."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from penstock.app.gateway import DbtGateway
from penstock.app.history import definitions_of
from penstock.app.project import load_project
from penstock.app.reading import locked_state
from penstock.app.runs import new_run_id, utc_now
from penstock.app.settings import Settings
from penstock.assets.code_version import ALGORITHM, algorithm_of
from penstock.assets.definition import Comparison
from penstock.assets.names import AssetKey
from penstock.errors import SelectionError
from penstock.plan.facts import Facts
from penstock.state.definitions import definitions_as_of
from penstock.state.reader import read_state
from penstock.state.store import migrate
from penstock.state.writer import StateWriter


def carry_over(settings: Settings, gateway: DbtGateway) -> tuple[list[AssetKey], list[AssetKey]]:
    """Record that today's code means what the old versions say, for all that dbt does not call modified since it was built.

    Returns what was carried over, and what was not because it was edited, or because nothing to compare with is on record.
    """
    project = load_project(settings, gateway)
    current = definitions_of(settings, project)
    now = datetime.now(UTC)
    with locked_state(settings, "store carry-over") as sql:
        migrate(sql)
        facts = Facts(project.graph, read_state(sql), frozenset(range(len(project.graph))))

        @cache
        def since(run_id: str) -> Comparison | None:
            try:
                return Comparison(current, definitions_as_of(sql, run_id), now)
            except SelectionError:
                return None

        carried: dict[AssetKey, tuple[str, str]] = {}
        left: list[AssetKey] = []
        for number, asset in enumerate(project.graph.assets):
            record = facts.record(number)
            if record is None or algorithm_of(record.code_version) == ALGORITHM or facts.same_code(number):
                continue
            comparison = since(record.run_id)
            known = comparison is not None and asset.ingest is None and asset.key in current.nodes and not comparison.is_new(asset.key)
            if comparison is not None and known and not comparison.contents(asset.key):
                carried[asset.key] = (asset.fingerprint, record.code_version)
            else:
                left.append(asset.key)
        StateWriter(sql).code_aliases(new_run_id(utc_now()), carried)
    return list(carried), left
