"""What a file pattern matches now: names, sizes and times of change, digested into one version."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from penstock.assets.fingerprint import fingerprint
from penstock.assets.records import Observation, Strength

_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def observe_files(name: str, pattern: str, base: Path, *, content: bool = False) -> Observation:
    """List a pattern relative to `base`, or with `content` hash what the files hold.

    A remote location, or a match that cannot be looked at, is unknown evidence.
    """
    if _REMOTE.match(pattern):
        return Observation(name, "", Strength.UNKNOWN, "a remote location cannot be listed")
    listing: dict[str, list[object]] = {}
    try:
        for found in glob.iglob(pattern, root_dir=base, recursive=True, include_hidden=True):
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
