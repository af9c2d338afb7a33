"""Whatever dbt reads is watched, wherever it lies: a change that goes unseen would be a wrong skip."""

from __future__ import annotations

from pathlib import Path

import pytest
from penstock.app.project import _all_vars
from penstock.app.project_files import Stamp
from project_files import DBT_PROJECT, found, write


def notices(folder: Path, path: str, before: str = "select 1", after: str = "select 22") -> bool:
    """Whether a change of a file makes dbt parse again."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(before)
    known = Stamp(found(folder), {}).taken()
    assert Stamp(found(folder), known).unchanged_dbt()
    (folder / path).write_text(after)
    return not Stamp(found(folder), known).unchanged_dbt()


@pytest.mark.parametrize(
    "path",
    ["models/a.sql", "models/target/a.sql", "models/.hidden/a.sql", "models/x/y/z.yml", "seeds/s.csv", "macros/m.sql", "tests/fixtures/f.csv",
     "dbt_packages/pack/models/a.sql", "dbt_packages/pack/target/a.sql", "packages.yml", "models/docs.md"],
)  # fmt: skip
def test_a_change_is_noticed_in(tmp_path: Path, path: str) -> None:
    assert notices(write(tmp_path), path)


def test_a_change_in_a_local_package_is_noticed_behind_the_link_that_dbt_deps_makes(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop")
    (tmp_path / "helper" / "models").mkdir(parents=True)
    (folder / "dbt_packages").mkdir()
    (folder / "dbt_packages" / "helper").symlink_to(tmp_path / "helper")
    assert notices(folder, "dbt_packages/helper/models/a.sql")
    files = Stamp(found(folder), {}).project_files()
    assert "models/a.sql" in files


def test_a_package_that_links_to_itself_ends(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "dbt_packages" / "pack").mkdir(parents=True)
    (folder / "dbt_packages" / "pack" / "again").symlink_to(folder / "dbt_packages")
    assert notices(folder, "dbt_packages/pack/a.sql")


def test_a_package_that_comes_or_goes_is_noticed(tmp_path: Path) -> None:
    folder = write(tmp_path, dbt_packages__one__dbt_project_yml="name: one")
    known = Stamp(found(folder), {}).taken()
    write(folder, dbt_packages__two__dbt_project_yml="name: two")
    assert not Stamp(found(folder), known).unchanged_dbt()


def test_defaults_that_packages_give_their_variables_are_watched(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        dbt_project_yml=DBT_PROJECT + "vars: {a: 1, helper: {b: 2}}\n",
        dbt_packages__helper__dbt_project_yml="name: helper\nvars: {c: 3}",
    )
    seen = _all_vars(found(folder, vars={"a": 9}))
    assert (seen["a"], seen["b"], seen["c"]) == ([1, {"command line": 9}], [2], [3])
    for broken in ("vars: [1]", "name: [", ""):
        write(folder, dbt_packages__helper__dbt_project_yml=broken)
        assert "c" not in _all_vars(found(folder))
