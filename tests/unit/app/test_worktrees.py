"""Temporary worktrees: the commit's files, gone afterwards, swept after a kill, without a hook; refs and changed lines."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from penstock.app.worktree import changed_lines, commit_of, default_base, repository_of, sweep, worktree
from penstock.errors import ConfigError


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.email=a@example.com", "-c", "user.name=A", "-c", "commit.gpgsign=false", *words]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(command, env={**env, "HOME": str(folder)}, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "shop" / "models").mkdir(parents=True)
    (folder / "shop" / "models" / "größe.sql").write_text("select 1 as a\n", encoding="utf-8")
    (folder / ".gitignore").write_text("target/\n", encoding="utf-8")
    git(tmp_path, "init", "--quiet", "--initial-branch", "main", str(folder))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "one")
    return folder


def listed(repository: Path) -> int:
    return git(repository, "worktree", "list").count("\n") + 1


def test_a_worktree_holds_the_commits_files_and_goes_after_use_and_after_an_error(repository: Path) -> None:
    commit, folder = commit_of(repository, "main"), repository / "target" / "worktrees"
    (repository / "shop" / "models" / "größe.sql").write_text("select 2 as a\n", encoding="utf-8")
    with worktree(repository, commit, folder) as place:
        assert (place / "shop" / "models" / "größe.sql").read_text(encoding="utf-8") == "select 1 as a\n"
    with pytest.raises(ValueError, match="something"), worktree(repository, commit, folder):
        raise ValueError("something")
    assert listed(repository) == 1
    assert list(folder.iterdir()) == []
    assert git(repository, "status", "--short") != "", "the change here is still there"


def test_no_hook_of_the_repository_runs(repository: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{repository}/ran'\n", encoding="utf-8")
    hook.chmod(0o755)
    with worktree(repository, commit_of(repository, "main"), repository / "target" / "worktrees"):
        pass
    assert not (repository / "ran").exists()


def test_what_a_killed_run_left_is_swept_and_what_another_uses_is_not(repository: Path) -> None:
    commit, folder = commit_of(repository, "main"), repository / "target" / "worktrees"
    git(repository, "worktree", "add", "--quiet", "--detach", str(folder / "killed-1"), commit)
    (folder / "half-2").mkdir()
    with worktree(repository, commit, folder) as place:
        assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == [place.name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 77)
        with worktree(repository, commit, folder) as other:
            sweep(repository, folder / "nowhere")
            child = f"from pathlib import Path; from penstock.app.worktree import sweep; sweep(Path({str(repository)!r}), Path({str(folder)!r}))"
            subprocess.run([os.sys.executable, "-c", child], check=True)
            assert other.is_dir(), "its lock is held"
    assert listed(repository) == 1


def test_the_usual_base_is_the_first_branch_there_is(repository: Path) -> None:
    assert default_base(repository) == "main"
    git(repository, "branch", "--move", "trunk")
    assert default_base(repository) == "HEAD"
    git(repository, "update-ref", "refs/remotes/origin/main", "HEAD")
    assert default_base(repository) == "origin/main"
    git(repository, "update-ref", "-d", "refs/remotes/origin/main")
    git(repository, "branch", "master")
    assert default_base(repository) == "master"


@pytest.mark.parametrize("ref", ["nix", "--help", "-c", "main; touch x", "$(touch x)", "HEAD~9"])
def test_a_ref_that_is_none_is_an_error_and_never_an_option(repository: Path, ref: str) -> None:
    with pytest.raises(ConfigError, match="there is no commit, branch or tag"):
        commit_of(repository, ref)


def test_a_folder_outside_of_any_repository_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ConfigError, match="lies in no git repository") as caught:
        repository_of(tmp_path)
    assert "--base-target" in caught.value.hint


def test_an_empty_repository_has_no_base(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    with pytest.raises(ConfigError, match="no commit to compare with"):
        default_base(tmp_path)


def test_the_first_changed_line_of_each_file_is_told_from_the_project_on(repository: Path) -> None:
    path = repository / "shop" / "models" / "größe.sql"
    path.write_text("select 2 as a\nfrom b\nwhere c", encoding="utf-8")
    (repository / ".gitignore").write_text("target/\nother/\n", encoding="utf-8")
    assert changed_lines(repository / "shop", "main") == {"models/größe.sql": 1}
    path.write_text("select 1 as a\n\nfrom b\n", encoding="utf-8")
    assert changed_lines(repository / "shop", "main") == {"models/größe.sql": 2}
