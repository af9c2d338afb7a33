"""Every line of the case files selects what dbt selects, in all four modes of indirect selection, in each project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.errors import PenstockError, SelectionError
from penstock.selector.grammar import parse_criterion

if TYPE_CHECKING:
    from conftest import Case, Oracle

MODES = ("eager", "cautious", "buildable", "empty")


def test_a_line_selects_what_dbt_selects(oracle_of: Callable[[str], Oracle], right_case: Case) -> None:
    oracle = oracle_of(right_case.project)
    for mode in [right_case.indirect] if right_case.indirect else MODES:
        ours = oracle.penstock(right_case, mode)
        assert sorted(ours.keys) == oracle.dbt(right_case, mode), mode


def test_a_wrong_line_is_refused_by_both(oracle_of: Callable[[str], Oracle], wrong_case: Case) -> None:
    oracle = oracle_of(wrong_case.project)
    with pytest.raises(PenstockError):
        oracle.penstock(wrong_case, "eager")
    with pytest.raises(oracle.errors):
        oracle.dbt(wrong_case, "eager")


@pytest.mark.parametrize(
    ("project", "line"),
    [
        ("selection", "+fct_orders,tag:marts"),
        ("selection", "tag:nightly"),
        ("selection", "dim_customers.v2+"),
        ("selection", "resource_type:unit_test"),
        ("selection_mesh", "accounts"),
        ("selection_mesh", "path:models/names/*ß*"),
        ("selection_mesh", "@tax_rates"),
    ],
    indirect=["project"],
)
def test_the_oracle_lists_what_the_dbt_command_lists(oracle: Oracle, right_cases: Sequence[Case], line: str) -> None:
    (case,) = [case for case in right_cases if case.line == line]
    assert oracle.listed(*case.select) == oracle.dbt(case, "eager")


VALUES = {
    "selection": "stg_orders fct_orders dim_customers dim_customers.v2 marts.* *orders* revenue_daily stg_payments countries orders_history"
    " tag:nightly tag:st* source:raw source:raw.payments path:models/staging models/**/*.sql file:*.csv package:helper half exposure:* metric:*"
    " config.materialized:table config.tags:nightly test_type:generic test_name:relationships test_type:unit version:latest group:finance",
    "selection_mesh": "accounts crm mesh.accounts products products.v2 ranks *größe* odd[1] orders.* europe two_versions tax_rates *_snapshot"
    " tag:hourly tag:[hw]* source:landing source:*.orders path:models/domains models/**/accounts* file:accounts.* package:crm with_tax"
    " exposure:* metric:*value config.meta.cost.centre:42 config.tags:hourly test_type:singular test_name:balanced unit_test:* version:old"
    " group:commerce access:protected resource_type:source",
}


def texts(project: str) -> st.SearchStrategy[str]:
    """Make unions of intersections of criteria of a project."""
    values = st.sampled_from(VALUES[project].split())
    criteria = st.builds("{}{}{}".format, st.sampled_from(["", "", "+", "1+", "2+"]), values, st.sampled_from(["", "", "+", "+1", "+2"]))
    return st.lists(st.lists(criteria | values.map("@{}".format), min_size=1, max_size=3).map(",".join), max_size=3).map(" ".join)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), mode=st.sampled_from(MODES))
def test_any_combination_selects_what_dbt_selects(
    oracle: Oracle, project: str, make_case: type[Case], data: st.DataObject, mode: str
) -> None:
    include, exclude = data.draw(texts(project)), data.draw(st.none() | texts(project))
    case = make_case(project, "", (include,), () if exclude is None else (exclude,), mode, ("all",), ())
    assert sorted(oracle.penstock(case, mode).keys) == oracle.dbt(case, mode)


@given(st.text("ab1.*/-:_+@\u0663", max_size=12))
def test_any_text_is_read_as_dbt_reads_it(text: str) -> None:
    from dbt.graph.selector_spec import RAW_SELECTOR_PATTERN, SelectionCriteria

    theirs = RAW_SELECTOR_PATTERN.match(text)
    assert theirs is not None
    try:
        ours = parse_criterion(text)
    except SelectionError as error:
        ends = theirs["childrens_parents"] and theirs["children"]
        assert error.message.startswith("expected no `+` at the end" if ends else "expected a selection method")
        return
    default = SelectionCriteria.default_method(theirs["value"]).value
    assert ".".join((ours.method, *ours.arguments)) == (theirs["method"] or default)
    assert ours.value == theirs["value"]
    assert (ours.childrens_parents, ours.parents, ours.children) == tuple(
        bool(theirs[name]) for name in ("childrens_parents", "parents", "children")
    )
    assert ours.parents_depth == (int(theirs["parents_depth"]) if theirs["parents_depth"] else None)
    assert ours.children_depth == (int(theirs["children_depth"]) if theirs["children_depth"] else None)


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
