"""An upgrade that makes code versions in another way: said in the plan, and carried over on request."""

from __future__ import annotations

from conftest import Make
from small_project import SMALL


def test_what_nobody_edited_is_carried_over(make: Make) -> None:
    workspace = make(SMALL)
    workspace.penstock("build").expect(0)
    assert {decision for decision, _ in workspace.decisions().values()} == {"REUSE"}
    workspace.execute(
        "update penstock.materialization set code_version = '0:' || code_version, fingerprint = '0:' || fingerprint;"
        "update penstock.check_result set code_version = '0:' || code_version, fingerprint = '0:' || fingerprint"
    )
    workspace.replace("models/doubled.sql", "n * 2", "n * 3")
    assert "code versions are made in another way now" in workspace.penstock("plan").expect(0).stdout
    said = workspace.penstock("store", "carry-over").expect(0)
    assert "model.small.doubled was edited" in said.stderr
    due = {name for name, (decision, _) in workspace.decisions().items() if decision == "BUILD"}
    assert {"doubled", "raw.numbers"} == due, "of an ingestion file no definition is on record"
