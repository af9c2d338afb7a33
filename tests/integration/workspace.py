"""A folder with a project in it, and the ways to build it: `penstock` and `dbt` as processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parents[2]
PENSTOCK = (sys.executable, "-m", "penstock.ui.cli")
_DBT_DRIVER = """
import json, sys
from dbt.cli.main import dbtRunner
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
for line in sys.stdin:
    outcome = dbtRunner().invoke(json.loads(line))
    DuckDBConnectionManager.close_all_connections()
    words = [str(outcome.exception or "")]
    for one in getattr(outcome.result, "results", None) or ():
        words.append(f"{one.status} {getattr(one.node, 'unique_id', '')} {one.message}")
    print("\\0" + json.dumps([outcome.success, words]), flush=True)
"""


@dataclass(frozen=True)
class Finished:
    """How a process ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Everything it said."""
        return self.stdout + self.stderr

    def expect(self, code: int) -> Finished:
        """Return itself where the exit code is that one and no traceback was printed."""
        assert self.code == code, self.text
        assert "Traceback" not in self.text, self.text
        return self


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without anything that speaks to dbt, Penstock or terminals."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "PENSTOCK_", "PYTEST_", "GIT_"))}
    plain = {"HOME": str(home), "NO_COLOR": "1", "PYTHONWARNINGS": "ignore", "TZ": "UTC", "GIT_CEILING_DIRECTORIES": str(home.parent)}
    return {**kept, **plain, **(extra or {})}


@dataclass
class Workspace:
    """A project in `folder`, built into `database`."""

    folder: Path
    database: Path
    env: dict[str, str] = field(default_factory=dict)

    def penstock(self, *args: str, timeout: float = 120, preexec: Callable[[], None] | None = None, cwd: Path | None = None) -> Finished:
        """Run `penstock` to its end."""
        done = subprocess.run(
            [*PENSTOCK, *args], cwd=cwd or self.folder, env=self.environment(), capture_output=True, text=True,
            timeout=timeout, check=False, preexec_fn=preexec,
        )  # fmt: skip
        return Finished(done.returncode, done.stdout, done.stderr)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start `penstock` and return the running process."""
        return subprocess.Popen(
            [*PENSTOCK, *args], cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def json(self, *args: str) -> Any:
        """Run a command that prints one JSON document, and return that."""
        return json.loads(self.penstock(*args).expect(0).stdout)

    def decisions(self, *args: str) -> dict[str, tuple[str, str]]:
        """Return decision and reason of each asset, by name, as `plan` has them."""
        return {row["name"]: (row["decision"], row["reason"]) for row in self.json("plan", "--output", "json", *args)}

    def environment(self) -> dict[str, str]:
        """Return what the processes see."""
        return clean_environment(self.folder.parent, self.env)

    def query(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Ask the database, opened for reading and closed again."""
        with closing(duckdb.connect(str(self.database), read_only=True)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def execute(self, script: str) -> None:
        """Change the database by hand."""
        self.database.parent.mkdir(parents=True, exist_ok=True)
        with closing(duckdb.connect(str(self.database))) as connection:
            connection.execute(script)

    def write(self, files: Mapping[str, str | None]) -> None:
        """Write, replace or (None) remove files."""
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text that must occur in a file."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def copy_to(self, folder: Path) -> Workspace:
        """Return a copy of everything, with the files' times."""
        shutil.copytree(self.folder, folder)
        return Workspace(folder, folder / self.database.relative_to(self.folder), dict(self.env))


class Dbt:
    """One process that runs `dbt` commands one after the other: importing dbt costs seconds."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _DBT_DRIVER], env=clean_environment(home), cwd=home,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def __call__(self, *args: str, project: Path, target_path: str = "target_dbt") -> list[str]:
        """Run a command on a project, which must succeed; return a line for each node."""
        success, words = self.attempt(*args, project=project, target_path=target_path)
        assert success, words
        return words

    def attempt(self, *args: str, project: Path, target_path: str = "target_dbt") -> tuple[bool, list[str]]:
        """Run a command on a project; return whether it succeeded, and a line for each node."""
        places = ["--project-dir", str(project), "--profiles-dir", str(project), "--target-path", target_path]
        quiet = ["--log-level-file", "none", "--no-send-anonymous-usage-stats", "--no-version-check"]
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([*args, *places, *quiet]) + "\n")
        self._process.stdin.flush()
        said = []
        for line in self._process.stdout:
            if line.startswith("\0"):
                success, words = json.loads(line[1:])
                return success, words
            said.append(line)
        raise AssertionError("dbt died: " + "".join(said))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()
