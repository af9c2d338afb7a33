"""A git repository whose project is built as production, and pull requests to it: files that differ in the working tree."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from penstock.app.build import Stopper
from penstock.app.ci import CiWish, verdict_on
from penstock.app.settings import Place, discover
from penstock.plan.verdict import Verdict
from small_project import PLACE
from workspace import Workspace, clean_environment

IGNORED = "target/\nlogs/\n*.duckdb\n*.duckdb.wal\n*.penstock.lock\n*.penstock.holder\n"
RULES = """\
ci:
  rules:
    breaking_change: {label: breaking-change}
    unique_key:
    no_select_star:
    naming: {patterns: {models/marts: '(fct|dim)_[a-z_]+'}}
"""
MART = "models/marts/fct_numbers.sql"
MART_SQL = """\
{{ config(materialized='table') }}
select d.n, d.twice, c.colour
from {{ ref('doubled') }} as d
left join {{ ref('colours') }} as c on d.n = c.n
"""
DOUBLED = "models/doubled.sql"
DOUBLED_SQL = "{{ config(materialized='table') }}\nselect n, n * 2 as twice from {{ ref('numbers') }} where n > 0\n"
PROPERTIES = "models/marts/marts.yml"
PROPERTIES_YML = """\
version: 2
models:
  - name: fct_numbers
    columns:
      - name: n
        data_tests: [unique]
      - name: twice
        data_tests: [not_null]
exposures:
  - name: board
    type: dashboard
    owner: {name: Ann}
    depends_on: [ref('fct_numbers')]
"""
FILES = {
    **PLACE,
    ".gitignore": IGNORED,
    "penstock.yml": RULES,
    "seeds/numbers.csv": "n\n1\n2\n3\n",
    "seeds/colours.csv": "n,colour\n1,red\n2,green\n",
    DOUBLED: DOUBLED_SQL,
    MART: MART_SQL,
    PROPERTIES: PROPERTIES_YML,
    "models/shown.sql": "{{ config(materialized='view') }}\nselect n, twice from {{ ref('doubled') }} where twice < 100\n",
    "models/lonely.sql": "{{ config(materialized='table') }}\nselect n from {{ source('loaded', 'things') }}\n",
    "models/sources.yml": "version: 2\nsources:\n  - name: loaded\n    tables: [{name: things}]\n",
}
"""Two seeds; `doubled` is read by a mart with two tests and an exposure and by the view `shown`; `lonely` reads a source."""


@dataclass(frozen=True)
class PullRequests:
    """The repository; each pull request starts from `main`."""

    workspace: Workspace

    def git(self, *args: str) -> str:
        """Run git in the repository."""
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
        env = clean_environment(self.workspace.folder.parent)
        done = subprocess.run(["git", *who, *args], cwd=self.workspace.folder, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self) -> None:
        """Make all files the branch `main` of a new repository."""
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", "base")

    def propose(self, files: Mapping[str, str | None]) -> None:
        """Take back what was proposed before, and write these files."""
        self.git("checkout", "--quiet", "main", ".")
        self.git("clean", "--quiet", "-fd")
        self.workspace.write(files)

    def verdict(self, files: Mapping[str, str | None], *, labels: tuple[str, ...] = (), build: bool = True) -> Verdict:
        """Return the verdict on a pull request, in this process."""
        self.propose(files)
        folder, before = self.workspace.folder, Path.cwd()
        os.chdir(folder)
        try:
            settings = discover(Place(), folder, clean_environment(folder.parent))
            wish = CiWish(base="main", build=build, labels=labels)
            return verdict_on(settings, wish, lambda _: Silent(), lambda _: None, Stopper())
        finally:
            os.chdir(before)


class Silent:
    """A sink that says nothing."""

    def started(self, *_: object) -> None: ...

    def finished(self, *_: object) -> None: ...


@pytest.fixture(scope="session")
def pull_requests(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PullRequests]:
    """A copy of the repository for this worker; its base was built as production once for all workers."""
    template = shared / "ci_template"
    with FileLock(f"{template}.lock"):
        if not (template / "done").exists():
            _make(Workspace(template / "repository", template / "repository" / "warehouse.duckdb"))
            (template / "done").touch()
    folder = tmp_path_factory.mktemp("ci") / "repository"
    yield PullRequests(Workspace(template / "repository", template / "repository" / "warehouse.duckdb").copy_to(folder))
    gc.unfreeze()  # dbt was loaded into this process; DuckDB's module calls what is never collected a leak


def _make(workspace: Workspace) -> None:
    workspace.write(FILES)
    workspace.execute("create schema loaded; create table loaded.things as select 7 as n")
    PullRequests(workspace).commit()
    workspace.penstock("build").expect(0)
