"""Another commit of the repository as files: a temporary git worktree, gone afterwards whatever happens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from penstock.assets.redact import redact
from penstock.errors import ConfigError

DEFAULT_BASES = ("origin/main", "main", "origin/master", "master", "HEAD")
"""What a project is compared with where nothing is said: the first of these that is there."""

_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")


def repository_of(folder: Path) -> Path:
    """Return the root of the repository around a folder. Raises ConfigError where there is none."""
    found = _git(folder, "rev-parse", "--show-toplevel")
    if found.returncode:
        hint = "Give a manifest.json to compare with, or --base-target."
        raise ConfigError(f"{folder.name} lies in no git repository: {_last_line(found.stderr)}", hint=hint)
    return Path(found.stdout.strip())


def default_base(repository: Path) -> str:
    """Return the ref that a project is usually compared with. Raises ConfigError for a repository without commits."""
    for ref in DEFAULT_BASES:
        if _commit(repository, ref):
            return ref
    raise ConfigError("the repository has no commit to compare with", hint="Commit something first.")


def commit_of(repository: Path, ref: str) -> str:
    """Return the full id of the commit that a ref means. Raises ConfigError for an unknown ref, naming near ones."""
    found = _commit(repository, ref)
    if found:
        return found
    import difflib

    refs = _git(repository, "for-each-ref", "--format=%(refname:short)").stdout.split()
    near = difflib.get_close_matches(ref, refs, 3)
    hint = f"Did you mean {' or '.join(near)}?" if near else "A shallow clone lacks it: run `git fetch --unshallow`, or fetch that branch."
    raise ConfigError(f"there is no commit, branch or tag `{ref}` here, and no such file", hint=hint)


@contextmanager
def worktree(repository: Path, commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out below `folder`, and take it away afterwards; what a killed run left is swept first.

    No hook of the repository runs. Raises ConfigError where git refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep(repository, folder)
    place = folder / f"{commit[:12]}-{os.getpid()}"
    lock = FileLock(f"{place}.lock")
    lock.acquire()
    try:
        made = _git(repository, *_NO_HOOKS, "worktree", "add", "--detach", "--force", str(place), commit)
        if made.returncode:
            raise ConfigError(f"git cannot check out {commit[:12]}: {_last_line(made.stderr)}")
        yield place
    finally:
        _remove(repository, place)
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def changed_lines(folder: Path, commit: str) -> dict[str, int]:
    """Return the first changed line of each file below a folder that differs from a commit, by its path from there."""
    words = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--relative", "--unified=0", "--no-prefix", commit, "--", ".")
    found: dict[str, int] = {}
    path = ""
    for line in _git(folder, "-c", "core.quotePath=false", *words).stdout.splitlines():
        if line.startswith("+++ "):
            path = line.removeprefix("+++ ").strip('"')
        elif line.startswith("@@ ") and path not in found:
            start = re.search(r"\+(\d+)", line)
            found[path] = max(1, int(start[1])) if start else 1
    return found


def sweep(repository: Path, folder: Path) -> None:
    """Take away every worktree below `folder` that no living process holds."""
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not place.is_dir():
            continue
        with suppress(Timeout), FileLock(f"{place}.lock", timeout=0):
            _remove(repository, place)
            Path(f"{place}.lock").unlink(missing_ok=True)


def _remove(repository: Path, place: Path) -> None:
    _git(repository, "worktree", "remove", "--force", "--force", str(place))
    if place.exists():
        shutil.rmtree(place, ignore_errors=True)
    _git(repository, "worktree", "prune")


def _commit(repository: Path, ref: str) -> str:
    found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return found.stdout.strip() if found.returncode == 0 else ""


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    git = shutil.which("git")
    if git is None:
        raise ConfigError("git is not installed", hint="Give a manifest.json to compare with, or --base-target.")
    command = [git, "-C", str(folder), *words]
    env = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**env, "GIT_TERMINAL_PROMPT": "0"})  # noqa: S603 (a fixed program, words never seen by a shell)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return redact(lines[-1].removeprefix("fatal: ")) if lines else "git said nothing"
