"""Whether anybody wrote the database's file since a run of Penstock closed it: if nobody did, nothing in it was changed.

A file's inode, size and times say so, those of the write-ahead log too; what was noted of them lies under the target folder.
"""

from __future__ import annotations

import json
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from penstock.app.atomic import write_atomically
from penstock.app.settings import Settings
from penstock.assets.names import AssetKey
from penstock.plan.facts import Facts

_Mark = list[list[int] | None]


def is_untouched(settings: Settings) -> bool:
    """Whether the database's file is the one that the last run of this project closed; an unreadable note says no."""
    try:
        noted = json.loads(_note(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    mark = _mark(settings.database_path)
    return bool(mark[0]) and bool(noted == mark)


def stands_as_recorded(facts: Facts, built: Container[AssetKey], *, untouched: bool) -> bool:
    """Whether every table on record is known to hold what was recorded of it, after a run that started with these facts.

    It looked at all of them, or nobody had written the database before, and it built anew what was changed by others.
    """
    if any(key not in built or key in facts.chosen for key in facts.drifted):
        return False
    looked = {facts.graph.assets[number].key for number in facts.selected}
    looked.update(name for number in facts.selected for name in facts.versions.inputs_of(number))
    recorded = facts.state.materializations.items()
    return untouched or all(key in looked for key, made in recorded if key in facts.graph and made.relation_type == "table")


def note_untouched(settings: Settings) -> None:
    """Note how the closed file looks now; the caller holds the database."""
    with suppress(OSError):
        write_atomically(_note(settings), json.dumps(_mark(settings.database_path)))


def _note(settings: Settings) -> Path:
    return settings.work / "database.json"


def _mark(database: Path) -> _Mark:
    return [_identity(database), _identity(database.with_name(f"{database.name}.wal"))]


def _identity(path: Path) -> list[int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
