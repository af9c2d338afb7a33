"""What a file pattern matches now: names, sizes and times of change, digested into one version."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import itertools
import os
import re
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

from penstock.assets.fingerprint import fingerprint
from penstock.assets.records import Observation, Strength

_WILD = re.compile(r"[*?[]")
_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)


class Folders:
    """What folders hold, read once: thousands of patterns for one folder would each read all of it."""

    def __init__(self) -> None:
        self._names: dict[Path, list[str]] = {}

    def matches(self, pattern: str, base: Path) -> list[str] | None:
        """Return what `glob` finds for a pattern whose wildcards all stand in its last part, None for any other."""
        folder, name = os.path.split(pattern)
        wild = _WILD.search(name)
        if wild is None or _WILD.search(folder) or "**" in name:
            return None
        names = self._listed(base / folder)
        first = name[: wild.start()]
        known = itertools.takewhile(lambda one: one.startswith(first), itertools.islice(names, bisect_left(names, first), None))
        return [f"{folder}/{one}" if folder else one for one in fnmatch.filter(known, name)]

    def _listed(self, folder: Path) -> list[str]:
        if folder not in self._names:
            try:
                self._names[folder] = sorted(one.name for one in folder.iterdir())
            except OSError:
                self._names[folder] = []  # as glob has it
        return self._names[folder]


def observe_files(name: str, pattern: str, base: Path, *, content: bool = False, folders: Folders | None = None) -> Observation:
    """List a pattern relative to `base`, or with `content` hash what the files hold; `folders` are read once for many patterns.

    A remote location, or a match that cannot be looked at, is unknown evidence.
    """
    if _REMOTE.match(pattern):
        return Observation(name, "", Strength.UNKNOWN, "a remote location cannot be listed")
    listing: dict[str, list[object]] = {}
    try:
        matches = folders.matches(pattern, base) if folders is not None else None
        for found in glob.iglob(pattern, root_dir=base, recursive=True, include_hidden=True) if matches is None else matches:
            for path in (base / found, *_inside(base / found)):
                stat = path.stat()
                if content and not path.is_file():
                    continue
                listing[os.path.relpath(path, base)] = [_digest(path)] if content else [stat.st_size, stat.st_mtime_ns]
    except OSError as error:
        return Observation(name, "", Strength.UNKNOWN, error.strerror or "unreadable")
    strength = Strength.CONTENT if content else Strength.LISTING
    return Observation(name, f"files:{len(listing)}:{fingerprint(listing)}", strength, f"{len(listing)} files")


def _inside(path: Path) -> Iterator[Path]:
    """Yield what lies under a folder: DuckDB reads all files of a folder that is named like a file."""
    for parent, _, names in os.walk(path, onerror=_raise if path.is_dir() else None):
        yield from (Path(parent, name) for name in names)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _raise(error: OSError) -> None:
    raise error
