"""Nothing is skipped that would have changed: random edits, Penstock against everything built by dbt after each."""

from __future__ import annotations

from pathlib import Path

from trials import Decided, World, table, trial


def test_two_hundred_and_fifty_random_edits_miss_no_rebuild() -> None:
    figures = trial(1, 0, check=True)
    figures.add(trial(1, 1))
    print(table(figures))
    assert figures.total.edits >= 250
    assert figures.total.ideal > 50, "edits that change nothing prove nothing"
    assert figures.misses == []


class _Idle(World):
    """A Penstock that builds once and never again."""

    built = False

    def _penstock(self) -> dict[str, Decided]:
        if self.built:
            return {}
        self.built = True
        return super()._penstock()


def test_a_penstock_that_skips_everything_is_found_out(tmp_path: Path) -> None:
    ideal = 0
    world = _Idle(tmp_path, "1:0", islands=4)
    for figures in world.rounds(2):
        ideal += figures.total.ideal
        assert figures.total.built == 0
    assert len(world.stale) >= ideal > 0
