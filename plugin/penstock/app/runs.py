"""Names and circumstances of a run."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """Return the time now, UTC without a zone, as the state tables hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


def penstock_version() -> str:
    """Return the installed version, empty where the package is not installed."""
    try:
        return version("penstock")
    except PackageNotFoundError:
        return ""


def new_run_id(now: datetime) -> str:
    """Return an id that sorts by time: nine characters of microseconds since 2020, three of chance."""
    micros = (now.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    return _base32(micros >> 6, 9) + _base32(secrets.randbits(15), 3)


def git_sha(folder: Path) -> str:
    """Return the commit checked out in a folder, empty outside a repository."""
    git = shutil.which("git")
    if git is None:
        return ""
    found = subprocess.run([git, "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 (fixed words)
    return found.stdout.strip() if found.returncode == 0 else ""


def _base32(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        digits = _ALPHABET[number & 31] + digits
        number >>= 5
    return digits
