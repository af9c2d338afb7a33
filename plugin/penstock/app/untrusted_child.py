"""The child process of `ci --untrusted`: sets its own limits, looks at the checkout, and prints one JSON document."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock.app.confined import confine
from penstock.app.repository import file_at, in_repository
from penstock.app.untrusted import Untrusted, told
from penstock.errors import ConfigError, PenstockError

PROFILE = "penstock_untrusted"
_TARGET = "ci"


def main() -> None:
    """Read the wish from stdin and answer on stdout; whatever the libraries print goes nowhere."""
    wish = Untrusted(**json.load(sys.stdin))
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        said: dict[str, Any] = {"verdict": _verdict(wish)}
    except PenstockError as error:
        said = told(error)
    json.dump(said, answer)
    answer.flush()
    os._exit(0)  # whatever threads a library left behind


def _verdict(wish: Untrusted) -> Any:
    from pydantic import TypeAdapter

    from penstock.app.build import Stopper
    from penstock.app.ci import CiWish, verdict_on
    from penstock.app.settings import Place, discover
    from penstock.plan.verdict import Verdict

    folder, home = Path(wish.folder), Path(os.environ["HOME"])
    top = in_repository(folder)
    os.chdir(folder)
    _write_profile(home)
    refuse_escapes(top)
    confine(top, home, seconds=wish.seconds, memory=wish.memory)
    place = Place(
        project_dir=wish.project_dir, profiles_dir=str(home), profile=PROFILE, target=_TARGET, target_path=str(home / "target")
    )  # fmt: skip
    settings = discover(place, folder, dict(os.environ))
    _refuse_folders(settings, top)
    asked = CiWish(base=wish.base, build=False, plan=False, labels=tuple(wish.labels), rules=_rules_of(wish, settings.root))
    found = verdict_on(settings, asked, _never, _silent, Stopper())
    return TypeAdapter(Verdict).dump_python(found, mode="json")


def _never(_: Any) -> Any:
    raise AssertionError("nothing is ever built")


def _silent(_: str) -> None:
    return None


def _write_profile(home: Path) -> None:
    """Write the profile of a database that does not exist: dbt wants one to parse, and nothing ever opens it."""
    output = {"type": "duckdb", "path": str(home / "nothing.duckdb"), "schema": "main", "threads": 1}
    profile = {PROFILE: {"target": _TARGET, "outputs": {_TARGET: output}}}
    (home / "profiles.yml").write_text(json.dumps(profile), encoding="utf-8")  # JSON is YAML


def refuse_escapes(top: Path) -> None:
    """Raise ConfigError where a link in a checkout leads out of it, or to git's own folder: its text would be the checkout's text."""
    inside = top.resolve()
    for link in _links(top):
        end = link.resolve()
        if not end.is_relative_to(inside) or end.is_relative_to(inside / ".git"):
            raise ConfigError(f"{link.relative_to(top)} is a link to a place outside of the checkout", hint="Remove the link.")


def _links(top: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(top):
        if Path(folder) == top and ".git" in folders:
            folders.remove(".git")
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                yield path


def _refuse_folders(settings: Any, top: Path) -> None:
    """Raise ConfigError where the project takes its files from elsewhere."""
    project = settings.project_dir
    folders = [project, *(project / name for name in (*settings.dbt.paths, settings.dbt.packages_path))]
    folders += [settings.root / settings.file.ingest, settings.root / settings.file.checks]
    for folder in folders:
        if not folder.resolve().is_relative_to(top.resolve()) or ".git" in folder.resolve().relative_to(top.resolve()).parts:
            raise ConfigError(f"the project takes files from {os.path.relpath(folder, top)}, outside of the checkout")


def _rules_of(wish: Untrusted, root: Path) -> Any:
    """Return the rules of the base: what a fork proposes is not held to what it proposes."""
    from penstock.app.settings import PROJECT_FILE
    from penstock.app.worktree import default_base, repository_of
    from penstock.parser.ci_rules import Rules
    from penstock.parser.project_file import read_project_file

    text = file_at(root, wish.base or default_base(repository_of(root)), PROJECT_FILE)
    return read_project_file(text, f"{PROJECT_FILE} of the base", dict(os.environ)).ci.rules if text else Rules()


if __name__ == "__main__":
    main()
