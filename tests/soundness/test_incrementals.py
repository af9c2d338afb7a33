"""The same where tables remember: the oracle is a database that `dbt build` brings up to date after every edit."""

from __future__ import annotations

from trials import table, trial


def test_random_edits_around_incremental_models_miss_no_rebuild() -> None:
    figures = trial(1, 4, rounds=6, islands=10, incrementals=True)
    print(table(figures))
    assert figures.total.edits == 60
    assert figures.misses == []
