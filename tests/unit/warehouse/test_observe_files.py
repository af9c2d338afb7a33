"""A file pattern's version changes with every change that a reader could notice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from penstock.assets.records import Observation, Strength
from penstock.warehouse.files import observe_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("data/a.csv", "data/b.csv", "data/deep/c.csv", "data/.hidden.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n1\n")
        os.utime(tmp_path / name, (1000, 1000))
    return tmp_path


def look(folder: Path, pattern: str = "data/*.csv") -> Observation:
    return observe_files("file:x", pattern, folder)


def test_what_did_not_change_has_the_same_version(folder: Path) -> None:
    first = look(folder)
    assert look(folder) == first
    assert (first.asset, first.strength, first.detail) == ("file:x", Strength.LISTING, "3 files")


def touched(folder: Path) -> None:
    os.utime(folder / "data/a.csv", ns=(0, 1000 * 10**9 + 1))


def grown(folder: Path) -> None:
    (folder / "data/a.csv").write_text("x\n1\n2\n")
    os.utime(folder / "data/a.csv", (1000, 1000))


def renamed(folder: Path) -> None:
    (folder / "data/a.csv").rename(folder / "data/z.csv")


def added(folder: Path) -> None:
    (folder / "data/new.csv").write_text("")


def hidden(folder: Path) -> None:
    (folder / "data/.hidden.csv").unlink()


def gone(folder: Path) -> None:
    (folder / "data/b.csv").unlink()


@pytest.mark.parametrize("change", [touched, grown, renamed, added, hidden, gone])
def test_each_change_is_another_version(folder: Path, change: Callable[[Path], None]) -> None:
    before = look(folder)
    change(folder)
    after = look(folder)
    assert after.version != before.version
    assert after.strength == Strength.LISTING


def test_files_that_do_not_match_do_not_count(folder: Path) -> None:
    before = look(folder)
    (folder / "data/notes.txt").write_text("x")
    (folder / "data/deep/d.csv").write_text("x")
    assert look(folder) == before


def test_two_stars_look_into_folders(folder: Path) -> None:
    before = look(folder, "data/**/*.csv")
    assert before.detail == "4 files"
    (folder / "data/deep/c.csv").unlink()
    assert look(folder, "data/**/*.csv").version != before.version


def test_a_folder_named_like_a_file_counts_with_all_it_holds(folder: Path) -> None:
    (folder / "data/part.csv/x").mkdir(parents=True)
    (folder / "data/part.csv/x/1.csv").write_text("1")
    before = look(folder)
    (folder / "data/part.csv/x/1.csv").write_text("22")
    assert look(folder).version != before.version


def test_no_file_at_all_is_a_version_of_its_own(folder: Path) -> None:
    assert look(folder, "nothing/*.csv").detail == "0 files"
    assert look(folder, "nothing/*.csv").version != look(folder).version


def test_an_absolute_pattern_is_the_same_wherever_one_stands(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    pattern = f"{folder}/data/*.csv"
    assert look(folder, pattern).detail == "3 files"
    assert look(tmp_path_factory.mktemp("other"), pattern).detail == "3 files"


@pytest.mark.parametrize("pattern", ["s3://bucket/*.csv", "https://example.com/a.csv", "HTTP://x/a", "hf://datasets/a", "gs://b/x"])
def test_a_remote_place_is_unknown(folder: Path, pattern: str) -> None:
    found = look(folder, pattern)
    assert (found.version, found.strength, found.detail) == ("", Strength.UNKNOWN, "a remote location cannot be listed")


def test_a_link_to_nowhere_is_unknown(folder: Path) -> None:
    (folder / "data/link.csv").symlink_to(folder / "nowhere.csv")
    assert (look(folder).version, look(folder).strength) == ("", Strength.UNKNOWN)


def test_a_file_that_cannot_be_looked_at_is_unknown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    found = look(folder)
    assert (found.version, found.strength, found.detail) == ("", Strength.UNKNOWN, "Permission denied")


@pytest.fixture
def unlisted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forbid to list `data/`, as a change of its permissions does for anyone but root."""
    listed = os.scandir

    def refuse(path: Any = ".") -> Any:
        if "data" in os.fspath(path):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    return lambda: monkeypatch.setattr(os, "scandir", refuse)


def test_a_folder_that_matches_and_cannot_be_listed_is_unknown(folder: Path, unlisted: Callable[[], None]) -> None:
    assert look(folder, "data").strength == Strength.LISTING
    unlisted()
    found = look(folder, "data")
    assert (found.version, found.strength, found.detail) == ("", Strength.UNKNOWN, "Permission denied")


@pytest.mark.parametrize("pattern", ["data/*.csv", "data/**/*.csv"])
def test_files_that_can_no_longer_be_found_are_a_change(folder: Path, unlisted: Callable[[], None], pattern: str) -> None:
    before = look(folder, pattern)
    unlisted()
    assert look(folder, pattern).version != before.version
