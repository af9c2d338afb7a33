"""The git repository around a project."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def in_repository(folder: Path) -> Path:
    """Return the repository's top folder, the folder itself outside of one; a worktree's `.git` is a file."""
    folder = folder.absolute()
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


def file_at(folder: Path, ref: str, name: str) -> str:
    """Return the text that a file of a folder has at a commit, "" where it has none there or the commit is unknown."""
    git = shutil.which("git")
    if git is None or not ref or ref.startswith("-"):
        return ""
    done = subprocess.run([git, "show", f"{ref}:./{name}"], cwd=folder, capture_output=True, check=False)  # noqa: S603 (an argument list)
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
