"""A project holds the same relations, column types and rows, whoever builds it: Penstock, Penstock through dbt, or dbt."""

from __future__ import annotations

from pathlib import Path

import pytest
from changing_projects import changing
from compare import compare, read
from feature_projects import features
from project_writer import Scenario, layered
from workspace import Dbt, Workspace


@pytest.mark.parametrize("scenario", [layered(), changing(), features()], ids=lambda scenario: scenario.name)
def test_a_generated_project_is_the_same_whoever_builds_it_round_after_round(scenario: Scenario, tmp_path: Path, dbt: Dbt) -> None:
    native, through, plain = (_place(tmp_path, way) for way in ("native", "through", "plain"))
    for number, step in enumerate(scenario.rounds):
        for workspace in (native, through, plain):
            workspace.write(step.files)
            workspace.execute(step.raw or "select 1")
        native.penstock("build", *step.flags).expect(0)
        through.penstock("build", "--executor", "dbt", *step.flags).expect(0)
        dbt("build", *step.flags, project=plain.folder)
        left_out = scenario.leave_out if number else frozenset()
        assert len(read(plain.database)) > 5
        for built in (native, through):
            problems = compare(built.database, plain.database, clock=scenario.clock, leave_out=left_out)
            assert not problems, f"round {number + 1}, {built.folder.name}:\n" + "\n".join(problems)


def _place(tmp_path: Path, way: str) -> Workspace:
    folder = tmp_path / way
    return Workspace(folder, folder / "warehouse.duckdb")
