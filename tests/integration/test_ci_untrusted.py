"""`penstock ci --untrusted`: what a fork proposes is read without a secret in reach, within limits, by the base's own rules."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ci_repository import DOUBLED, DOUBLED_SQL, FILES, MART, MART_SQL, PullRequests, pull_requests
from penstock.app.untrusted import ALLOWED, Untrusted, child_environment, untrusted_verdict
from penstock.app.untrusted_child import refuse_escapes
from penstock.errors import ConfigError
from workspace import Workspace

__all__ = ["pull_requests"]

VARIABLES = (
    "DBT_ENV_SECRET_KEY", "DBT_ENV_CUSTOM_ENV_NOTE", "PENSTOCK_SECRET_KEY", "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "AWS_SECRET_ACCESS_KEY",
    "PRODUCTION_PASSWORD", "PLAIN_WORD", "PYTHONPATH", "DBT_VARS_NOTE", "SSH_PRIVATE_KEY",
)  # fmt: skip
"""Variables of the caller; none of them is for a fork, whatever its name."""


class Canaries:
    """Secrets that are told apart by their number."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        return self.planted.setdefault(place, f"canary{len(self.planted):02d}zq{len(self.planted):02d}")


def env_var(name: str) -> str:
    return f"{{{{ env_var('{name}', 'nothing') }}}}"


def hostile_files(outside: Path) -> dict[str, str | None]:
    """A fork that tries to print what it can reach, from a query, a comment, meta, a description, a name and a dozen files more."""
    told = " ".join(env_var(name) for name in VARIABLES if not name.startswith("DBT_ENV_SECRET"))  # dbt itself refuses those in models
    reads = f"{{% set found = run_query(\"select content from read_text('{outside}/*')\") %}}{{% if execute %}}'{{{{ found.rows[0][0] }}}}'{{% else %}}0{{% endif %}}"
    python = "{% do adapter.submit_python_job(model, \"open('" + str(outside / "ran") + "', 'w').close()\") %}"
    exists = '{% set there = adapter.location_exists("' + str(outside) + '/profiles.yml") %}'
    return {
        DOUBLED: f"{DOUBLED_SQL.replace('n * 2', f'n * 2 || {chr(39)}{told}{chr(39)}')}-- {told}\n",
        "models/asks.sql": f"select {reads} as found\n",
        "models/runs.sql": f"{python}select 1 as ran\n",
        "models/probes.sql": f"{exists}select '{{{{ there }}}}' as found\n",
        "models/varies.sql": "select '{{ var(\"note\", \"nothing\") }} {{ target }} {{ env_var(\"HOME\") }} {{ invocation_args_dict }}' as found\n",
        "models/fork.yml": json.dumps({
            "version": 2,
            "models": [{"name": "asks", "description": told, "meta": {"note": told}, "columns": [{"name": "found", "description": told}]}],
            "exposures": [{"name": "stolen", "type": "dashboard", "owner": {"name": told}, "depends_on": ["ref('asks')"]}],
        }),
        "macros/steal.sql": f"{{% macro steal() %}}{told}{{% endmacro %}}\n",
        "models/macro.sql": "select '{{ steal() }}' as found\n",
        "penstock.yml": f"target: \"{env_var('PLAIN_WORD')}\"\n",
        "ingest/raw/stolen.sql": f"select '{env_var('PLAIN_WORD')} {env_var('DBT_ENV_SECRET_KEY')}' as found\n",
    }  # fmt: skip


def test_no_secret_planted_around_a_fork_is_in_any_output(
    pull_requests: PullRequests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary, workspace = Canaries(), pull_requests.workspace
    outside, home = tmp_path / "outside", tmp_path / "home"
    for folder in (outside, home / ".dbt", home / ".config"):
        folder.mkdir(parents=True)
    profile = {"small": {"target": "dev", "outputs": {"dev": {"type": "duckdb", "path": "x.duckdb", "password": canary("profile")}}}}
    (home / ".dbt" / "profiles.yml").write_text(json.dumps(profile))
    (outside / "profiles.yml").write_text(canary("file outside"))
    (home / ".netrc").write_text(f"machine example.org password {canary('netrc')}")
    (home / ".gitconfig").write_text(f"[http]\n\textraheader = {canary('global git config')}\n")
    (home / ".config" / "token").write_text(canary("config file"))
    pull_requests.propose(hostile_files(outside))
    (workspace.folder / ".env").write_text(f"KEY={canary('.env')}\n")
    pull_requests.git("config", "http.https://example.org/.extraheader", f"AUTHORIZATION: basic {canary('git config')}")
    pull_requests.git("config", "remote.origin.url", f"https://x:{canary('remote')}@example.org/x.git")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"labels": []}, "secret": canary("event")}))
    env = {name: canary(name) for name in VARIABLES if name != "PYTHONPATH"}
    monkeypatch.setattr(workspace, "env", {**env, "PYTHONPATH": str(outside), "HOME": str(home), "GITHUB_EVENT_PATH": str(event)})
    variables = f"{{note: {canary('--vars')}}}"
    assert len(canary.planted) == 20

    files = [tmp_path / f"report{ending}" for ending in (".md", ".html", ".sarif", ".xml", ".json")]
    reports = [word for file in files for word in ("--report", str(file))]
    done = workspace.penstock("ci", "--untrusted", "--base", "main", "--vars", variables, *reports)
    (workspace.folder / ".env").unlink()
    said = done.text + "".join(file.read_text(encoding="utf-8") for file in files)
    assert {place for place, secret in canary.planted.items() if secret in said} == set()
    assert done.code == 1, said
    assert "`doubled`" in said and "fct_numbers" in said, "it was read all the same"
    assert not (outside / "ran").exists(), "no code of the fork ran"
    assert "no warehouse was opened" in said


def test_a_fork_is_held_to_the_rules_of_the_base_not_to_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "repository" / "below the top"
    repository = PullRequests(Workspace(folder.parent, folder / "no.duckdb"))
    project = Workspace(folder, folder / "no.duckdb")
    project.write(FILES)
    repository.commit()
    project.write({MART: MART_SQL.replace("d.twice, ", ""), "penstock.yml": "ci: {rules: {breaking_change: off}}\n"})
    verdict = untrusted_verdict(Untrusted(str(folder), base="main"), os.environ)
    assert [(one.rule, one.path) for one in verdict.problems] == [("breaking_change", f"below the top/{MART}")] and verdict.failed
    assert {change.name: change.category.value for change in verdict.difference.changes}["fct_numbers"] == "breaking"


def alive(group: int) -> list[str]:
    """Return the processes of a group; a zombie is dead, somebody has only to notice."""
    found = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in found if line.split()[0] == str(group) and not line.split()[1].startswith("Z")]


def test_a_checkout_that_takes_too_long_is_given_up_and_leaves_no_process(
    pull_requests: PullRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Remembered(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Remembered)
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}select 1 as n\n"
    pull_requests.propose({"models/endless.sql": loop})
    started.clear()
    verdict = untrusted_verdict(Untrusted(str(pull_requests.workspace.folder), base="main", seconds=2), os.environ)
    assert verdict.failed and verdict.problems[0].message == "The checkout could not be read: reading it took more than 2 seconds."
    child = started[0]
    assert child.returncode == -signal.SIGKILL
    assert any(not alive(child.pid) for _ in range(200)), "nor has anything that it started"


def test_a_checkout_that_needs_too_much_memory_fails_and_harms_nobody(pull_requests: PullRequests) -> None:
    pull_requests.propose({"models/huge.sql": "{% set a = 'x' * 4000000000 %}select {{ a | length }} as n\n"})
    verdict = untrusted_verdict(Untrusted(str(pull_requests.workspace.folder), base="main", memory=1 << 30), os.environ)
    assert verdict.failed and verdict.problems[0].rule == "parse"


def test_the_child_inherits_nothing_but_what_is_listed() -> None:
    env = {**dict.fromkeys(ALLOWED, "x"), "SECRET": "y", "HOME": "/home/ann", "DBT_PROFILES_DIR": "/z", "GIT_SSH_COMMAND": "z"}
    found = child_environment(env, "/tmp/new")
    assert set(env) & set(found) == {*ALLOWED, "HOME"} and found["HOME"] == "/tmp/new"
    assert "y" not in found.values()


def fork(tmp_path: Path, files: dict[str, str]) -> Path:
    top = tmp_path / "checkout"
    Workspace(top, top / "x.duckdb").write({**FILES, **files, ".git/config": "secret"})
    (tmp_path / "secret.sql").write_text("select 'secret' as s")
    return top


@pytest.mark.parametrize(("link", "end"), [("models/x.sql", "secret.sql"), ("models/x.sql", "checkout/.git/config"), ("models/more", ".")])
def test_a_link_that_leads_out_of_the_checkout_is_refused(tmp_path: Path, link: str, end: str) -> None:
    top = fork(tmp_path, {})
    (top / link).symlink_to(tmp_path / end)
    with pytest.raises(ConfigError, match=f"{link} is a link to a place outside of the checkout"):
        refuse_escapes(top)


def test_a_link_within_the_checkout_is_fine(tmp_path: Path) -> None:
    top = fork(tmp_path, {})
    (top / "models" / "same.sql").symlink_to(top / "models" / "shown.sql")
    refuse_escapes(top)


PROBE = """
import os, sys, subprocess, socket
from pathlib import Path
from penstock.app.confined import confine
top, home, outside = map(Path, sys.argv[1:4])
confine(top, home, seconds=60, memory=4 << 30)
def tried(what):
    try:
        what()
        return "done"
    except Exception as error:
        return type(error).__name__
import duckdb
from penstock.app.gateway import DbtGateway
print([tried(one) for one in (
    lambda: (top / "in.txt").read_text(), lambda: (home / "out.txt").write_text("x"), lambda: subprocess.run(["git", "--version"], check=True),
    lambda: (outside / "secret").read_text(), lambda: os.listdir(outside), lambda: open("/proc/self/environ").read(),
    lambda: (top / ".git" / "config").read_text(), lambda: (top / "link").read_text(), lambda: os.system("true"), lambda: subprocess.run(["sh", "-c", "true"]),
    lambda: socket.create_connection(("127.0.0.1", 9)), lambda: os.fork(), lambda: duckdb.connect(), lambda: DbtGateway(None, print).compile("x"),
    lambda: bytearray(8 << 30),
)], flush=True)
os._exit(0)
"""


def test_a_confined_process_opens_starts_and_connects_to_nothing_else(tmp_path: Path) -> None:
    top, home, outside = (tmp_path / name for name in ("top", "home", "outside"))
    for folder in (top / ".git", home, outside):
        folder.mkdir(parents=True)
    (top / "in.txt").write_text("x")
    (top / ".git" / "config").write_text("x")
    (outside / "secret").write_text("x")
    (top / "link").symlink_to(outside / "secret")
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROBE, str(top), str(home), str(outside)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == str(["done"] * 3 + ["PermissionError"] * 9 + ["ProjectError"] * 2 + ["MemoryError"]), done.stderr
