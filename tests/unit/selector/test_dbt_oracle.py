"""Every line of the case files selects what dbt selects, in all four modes of indirect selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from conftest import Case, Oracle

MODES = ("eager", "cautious", "buildable", "empty")


def test_a_line_selects_what_dbt_selects(oracle: Oracle, right_case: Case) -> None:
    for mode in [right_case.indirect] if right_case.indirect else MODES:
        ours = oracle.penstock(right_case, mode)
        assert sorted(ours.keys) == oracle.dbt(right_case, mode), mode


def test_a_wrong_line_is_refused_by_both(oracle: Oracle, wrong_case: Case) -> None:
    with pytest.raises(PenstockError):
        oracle.penstock(wrong_case, "eager")
    with pytest.raises(oracle.errors):
        oracle.dbt(wrong_case, "eager")


@pytest.mark.parametrize("line", ["+fct_orders,tag:marts", "tag:nightly", "dim_customers.v2+", "resource_type:unit_test"])
def test_the_oracle_lists_what_the_dbt_command_lists(oracle: Oracle, right_cases: Sequence[Case], line: str) -> None:
    (case,) = [case for case in right_cases if case.line == line]
    assert oracle.listed(*case.select) == oracle.dbt(case, "eager")


def test_every_node_is_selected_by_some_line_that_selects_few(oracle: Oracle, right_cases: Sequence[Case]) -> None:
    found = [set(oracle.dbt(case, "eager")) for case in right_cases]
    everything = set().union(*found)
    hooks = {key for key in everything if key.startswith("operation.")}
    assert everything - hooks == set(oracle.graph.ids) - hooks
    assert set().union(*(some for some in found if len(some) < len(everything) / 2)) == everything


def test_few_lines_select_nothing(oracle: Oracle, right_cases: Sequence[Case]) -> None:
    """A line that agrees with dbt about nothing proves little."""
    empty = [case.line for case in right_cases if not oracle.dbt(case, "eager")]
    assert len(empty) < len(right_cases) / 4


def test_the_case_files_hold_enough_lines(right_cases: Sequence[Case], wrong_cases: Sequence[Case]) -> None:
    assert len({case.line for case in right_cases}) == len(right_cases) >= 150
    assert len({case.line for case in wrong_cases}) == len(wrong_cases) >= 20
