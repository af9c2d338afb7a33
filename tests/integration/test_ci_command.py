"""`penstock ci` as a CI service calls it: exit codes, the reports it writes, and what a kill leaves to the next run."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from ci_repository import DOUBLED, DOUBLED_SQL, PullRequests, pull_requests
from penstock.app.ci_throwaway import PREFIX
from penstock.ui import cli

__all__ = ["pull_requests"]

BAD_MART = {"models/marts/sales.sql": "select * from {{ ref('doubled') }}\n"}


def test_a_service_gets_annotations_a_summary_and_every_report_that_was_asked_for(
    pull_requests: PullRequests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_requests.propose({**BAD_MART, DOUBLED: DOUBLED_SQL.replace("as twice", "as double_n")})
    event = {"pull_request": {"labels": [{"name": "breaking-change"}]}}
    (tmp_path / "event.json").write_text(json.dumps(event), encoding="utf-8")
    (tmp_path / "summary.md").write_text("# before\n", encoding="utf-8")
    service = {
        "GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "nowhere", "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "WORD_TOKEN": "double_n", "MY_PASSWORD": "origin-secret",
    }  # fmt: skip
    monkeypatch.setattr(pull_requests.workspace, "env", service)
    files = [tmp_path / f"report{ending}" for ending in (".md", ".html", ".sarif", ".xml", ".json")]
    reports = [word for file in files for word in ("--report", str(file))]
    done = pull_requests.workspace.penstock("ci", "--base", "main", "--no-build", *reports).expect(1)
    assert "::error file=models/marts/sales.sql,line=1,title=penstock unique_key::" in done.stdout
    assert "breaking_change" not in done.text, "the pull request has the label"
    assert "Verdict: failed (3 errors, 0 warnings)." in done.stderr
    text = {file.suffix: file.read_text(encoding="utf-8") for file in files}
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == "# before\n" + text[".md"]
    assert len(json.loads(text[".json"])) == len(json.loads(text[".sarif"])["runs"][0]["results"]) == 3
    assert ET.fromstring(text[".xml"]).get("failures") == "3"
    assert text[".html"].startswith("<!doctype html>")
    assert not any("double_n" in one for one in (*text.values(), done.text)), "the value of a secret variable, wherever it stands"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--base", "no_such_branch"), 2, "no_such_branch"),
        (("--defer-target", "nowhere"), 2, "has no target `nowhere`"),
        (("--format", "pdf"), 2, "pdf"),
        (("--base", "main", "--no-build", "--report", "no/such/folder/x.md"), 2, "cannot be written"),
    ],
)
def test_what_the_caller_has_to_mend_ends_with_2(
    pull_requests: PullRequests,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    pull_requests.propose({})
    monkeypatch.chdir(pull_requests.workspace.folder)
    for name in os.environ:
        if name.startswith(("GITHUB_", "GITLAB_", "CI_", "DBT_")):
            monkeypatch.delenv(name)
    assert cli._run(["ci", *words]) == code
    assert said in capsys.readouterr().err


def test_production_that_is_not_there_is_asked_for(
    pull_requests: PullRequests, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    workspace = pull_requests.workspace
    pull_requests.propose({})
    profile = (workspace.folder / "profiles.yml").read_text(encoding="utf-8")
    (tmp_path / "profiles.yml").write_text(profile, encoding="utf-8")
    monkeypatch.chdir(workspace.folder)
    assert cli._run(["ci", "--base", "main", "--profiles-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "there is no database of target dev to defer to" in error and "--no-build" in error


def test_what_a_killed_run_leaves_is_swept_by_the_next_and_nothing_else(
    pull_requests: PullRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = pull_requests.workspace
    pull_requests.propose({DOUBLED: DOUBLED_SQL.replace("n > 0", "n > 1")})
    before = workspace.query("select count(*) from penstock.run")
    monkeypatch.setattr(workspace, "env", {"PENSTOCK_FAILPOINT": "*=3:kill"})
    assert workspace.penstock("ci", "--base", "main").code == -signal.SIGKILL
    places = workspace.folder / "target" / "penstock" / "ci"
    (left,) = [path for path in places.iterdir() if path.is_dir()]
    assert left.name.startswith(PREFIX) and (left / f"{left.name}.duckdb").exists()
    assert (left / "profiles.yml").stat().st_mode & 0o077 == 0
    assert workspace.query("select count(*) from penstock.run") == before, "production's file was never written"

    pull_requests.verdict({}, build=False)
    assert list(places.iterdir()) == [], "by the next run, though it builds nothing"
