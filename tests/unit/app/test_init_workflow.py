"""The workflow that `penstock init` writes: at the top of the repository, with no more rights than it needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from penstock.app.init_project import WORKFLOW, init_project
from penstock.ui.commands.ci import ci
from penstock.ui.commands.init import init
from project_files import write


@pytest.fixture
def workflow(tmp_path: Path) -> dict[str, Any]:
    init_project(write(tmp_path))
    return yaml.load((tmp_path / WORKFLOW).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_only_the_job_that_comments_may_write_and_it_never_sees_the_code(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        "verdict": {"contents": "read"}, "comment": {"pull-requests": "write"},
    }  # fmt: skip
    assert not any("checkout" in step.get("uses", "") for step in workflow["jobs"]["comment"]["steps"])
    assert set(workflow["on"]) == {"pull_request"}


def test_every_action_is_pinned_to_a_commit_and_keeps_no_credentials(workflow: dict[str, Any]) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", one) for one in used)
    (checkout,) = [step for step in steps(workflow) if "checkout" in step.get("uses", "")]
    assert checkout["with"] == {"fetch-depth": "0", "persist-credentials": "false"}


def test_no_script_is_put_together_from_what_a_pull_request_says(workflow: dict[str, Any]) -> None:
    assert not any("${{" in step.get("run", "") for step in steps(workflow))
    assert "secrets." not in str(workflow)


def test_forks_are_never_trusted(workflow: dict[str, Any]) -> None:
    same = "github.event.pull_request.head.repo.full_name == github.repository"
    for step in steps(workflow):
        if "penstock ci" in step.get("run", ""):
            assert ("--untrusted" in step["run"]) is (step["if"] == same.replace("==", "!="))
    assert same in workflow["jobs"]["comment"]["if"]


def test_every_option_in_it_is_known(workflow: dict[str, Any]) -> None:
    known = {name for param in ci.params if isinstance(param, click.Option) for name in param.opts}
    used = {
        word for step in steps(workflow) if "penstock ci" in step.get("run", "") for word in re.findall(r"penstock ci (.*)", step["run"])
    }
    assert {flag for line in used for flag in re.findall(r"--[\w-]+", line)} == {"--no-build", "--report", "--untrusted"} <= known


def test_a_project_below_the_top_of_its_repository_is_named(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    folder = tmp_path / 'the "shop": #1'
    init_project(write(folder))
    assert not (folder / WORKFLOW).exists()
    found = yaml.safe_load((tmp_path / WORKFLOW).read_text(encoding="utf-8"))
    assert found["jobs"]["verdict"]["defaults"]["run"]["working-directory"] == 'the "shop": #1'


def test_it_can_be_left_out_and_what_is_there_is_kept(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert init.main([str(folder), "--no-ci"], standalone_mode=False) == 0
    assert not (tmp_path / WORKFLOW).exists()
    (tmp_path / WORKFLOW).parent.mkdir(parents=True)
    (tmp_path / WORKFLOW).write_text("mine")
    init_project(folder)
    assert (tmp_path / WORKFLOW).read_text() == "mine"
