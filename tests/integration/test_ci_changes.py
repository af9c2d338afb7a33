"""`penstock ci` on a scripted repository: for each kind of change its category, what is built for it, and whether it may be merged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import pytest
from ci_repository import DOUBLED, DOUBLED_SQL, MART, MART_SQL, PROPERTIES, PROPERTIES_YML, PullRequests, pull_requests
from penstock.plan.difference import Category
from penstock.plan.verdict import Verdict

__all__ = ["pull_requests"]

BREAKING, _, _, ADDITIVE, COSMETIC = Category
EVERYTHING = {"doubled", "fct_numbers", "shown"}
TABLE = "{{ config(materialized='table') }}\n"
SALES = f"{TABLE}select n, twice from {{{{ ref('doubled') }}}}\n"


@dataclass(frozen=True)
class Kind:
    """A kind of change: files, the category of each changed asset, what is built, and the rules that are broken."""

    files: dict[str, str | None]
    changes: dict[str, Category]
    builds: set[str] = field(default_factory=set)
    errors: tuple[str, ...] = ()


def edited(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


KINDS = {
    "a comment": Kind({DOUBLED: f"{DOUBLED_SQL}-- twice as much\n"}, {"doubled": COSMETIC}),
    "a new column": Kind({DOUBLED: edited(DOUBLED_SQL, "as twice", "as twice, n + 1 as more")}, {"doubled": ADDITIVE}, {"doubled"}),
    "a renamed column": Kind(
        {
            DOUBLED: edited(DOUBLED_SQL, "as twice", "as double_n"),
            MART: edited(MART_SQL, "d.twice", "d.double_n as twice"),
            "models/shown.sql": "{{ config(materialized='view') }}\nselect n, double_n as twice from {{ ref('doubled') }} where double_n < 100\n",
        },
        {"doubled": BREAKING, "fct_numbers": BREAKING, "shown": BREAKING},
        EVERYTHING,
        ("breaking_change", "breaking_change"),
    ),
    "a removed column": Kind(
        {MART: edited(MART_SQL, "d.twice, ", ""), PROPERTIES: edited(PROPERTIES_YML, "      - name: twice\n        data_tests: [not_null]\n", "")},
        {"fct_numbers": BREAKING},
        {"fct_numbers"},
        ("breaking_change",),
    ),
    "another filter": Kind({DOUBLED: edited(DOUBLED_SQL, "n > 0", "n > 1")}, {"doubled": BREAKING}, EVERYTHING, ("breaking_change",)),
    "another type": Kind({MART: edited(MART_SQL, "d.twice,", "cast(d.twice as double) as twice,")}, {"fct_numbers": BREAKING}, {"fct_numbers"}, ("breaking_change",)),
    "a mart without a check": Kind({"models/marts/fct_sales.sql": SALES}, {"fct_sales": ADDITIVE}, {"fct_sales"}, ("unique_key",)),
    "a mart with a check": Kind(
        {
            "models/marts/fct_sales.sql": SALES,
            "models/marts/sales.yml": "models: [{name: fct_sales, columns: [{name: n, data_tests: [unique]}]}]\n",
        },
        {"fct_sales": ADDITIVE},
        {"fct_sales"},
    ),
    "a mart that breaks every rule": Kind(
        {"models/marts/sales.sql": f"{TABLE}select * from {{{{ ref('doubled') }}}}\n"},
        {"sales": ADDITIVE},
        {"sales"},
        ("unique_key", "no_select_star", "naming"),
    ),
    "a removed model": Kind({"models/lonely.sql": None}, {"lonely": BREAKING}),
    "broken SQL": Kind({DOUBLED: edited(DOUBLED_SQL, "n * 2", "no_such_column * 2")}, {"doubled": BREAKING}, EVERYTHING, ("breaking_change", "build")),
    "a failing test": Kind({MART: f"{MART_SQL}union all select 1, 2, 'red'\n"}, {"fct_numbers": BREAKING}, {"fct_numbers"}, ("breaking_change", "check")),
    "another seed": Kind({"seeds/colours.csv": "n,colour\n1,red\n2,blue\n"}, {"colours": BREAKING}, {"colours", "fct_numbers"}, ("breaking_change",)),
}  # fmt: skip


def categories(verdict: Verdict) -> dict[str, Category]:
    return {change.name: change.category for change in verdict.difference.changes if not change.asset.startswith(("test.", "exposure."))}


def errors(verdict: Verdict) -> list[str]:
    return [one.rule for one in verdict.problems if one.severity == "error"]


@pytest.fixture(scope="module")
def verdict_on_kind(pull_requests: PullRequests) -> Callable[[str], Verdict]:
    """Looks at each kind once, however many tests ask."""
    return cache(lambda name: pull_requests.verdict(KINDS[name].files))


@pytest.mark.parametrize("name", KINDS)
def test_category_affected_set_and_verdict_of_each_kind_of_change(verdict_on_kind: Callable[[str], Verdict], name: str) -> None:
    kind, verdict = KINDS[name], verdict_on_kind(name)
    assert categories(verdict) == kind.changes
    assert {one.name for one in verdict.builds} == kind.builds
    assert sorted(errors(verdict)) == sorted(kind.errors)
    assert verdict.failed is bool(kind.errors)


def test_a_label_lets_a_breaking_change_pass(pull_requests: PullRequests) -> None:
    kind = KINDS["a removed column"]
    verdict = pull_requests.verdict(kind.files, labels=("breaking-change", "other"), build=False)
    assert (verdict.failed, verdict.problems) == (False, ())
    assert {(one.name, one.status) for one in verdict.builds} == {("fct_numbers", "planned")}, "without a build the plan is shown"
    assert (verdict.checks, verdict.difference.row_diffs) == ((), ())


def test_rows_are_compared_with_production_also_where_a_view_was_built(verdict_on_kind: Callable[[str], Verdict]) -> None:
    verdict = verdict_on_kind("another filter")
    rows = {one.asset.rsplit(".", 1)[-1]: one for one in verdict.difference.row_diffs}
    assert {name: (one.added, one.removed, one.changed, one.same, one.problem) for name, one in rows.items()} == {
        "doubled": (0, 1, 0, 2, ""), "shown": (0, 1, 0, 2, ""), "fct_numbers": (0, 1, 0, 2, ""),
    }  # fmt: skip
    assert rows["fct_numbers"].key == ("n",), "the column that a test says is unique"


def test_a_failed_check_comes_with_its_rows_and_a_failed_build_with_its_message(verdict_on_kind: Callable[[str], Verdict]) -> None:
    (failed,) = [one for one in verdict_on_kind("a failing test").checks if one.failed]
    assert (failed.name, failed.asset, failed.status, failed.failures) == ("unique_fct_numbers_n", "model.small.fct_numbers", "fail", 1)
    assert failed.samples == ({"unique_field": "1", "n_records": "2"},)
    assert [one.status for one in verdict_on_kind("a failing test").builds] == ["unpublished"], "the check is the problem"
    (build,) = [one for one in verdict_on_kind("broken SQL").builds if one.failed]
    assert (build.name, build.path) == ("doubled", DOUBLED) and "no_such_column" in build.message


def test_production_is_only_read_and_a_source_that_only_it_holds_is_read_there(pull_requests: PullRequests) -> None:
    workspace = pull_requests.workspace
    question = (
        "select table_schema, table_name from information_schema.tables union all select 'runs', run_id from penstock.run order by all"
    )
    before = workspace.query(question)
    exported = workspace.folder.parent / "exported.csv"
    verdict = pull_requests.verdict({
        "models/lonely.sql": f"{TABLE}select n, n + 1 as m from {{{{ source('loaded', 'things') }}}}\n",
        "models/exported.sql": f"{{{{ config(materialized='external', location='{exported}') }}}}\nselect 1 as n\n",
        "models/shown.sql": "{{ config(materialized='view') }}\nselect n, twice from {{ ref('doubled') }} where twice < 5\n",
    })  # fmt: skip
    assert sorted((one.name, one.status, one.rows) for one in verdict.builds) == [("lonely", "success", 1), ("shown", "success", None)]
    shown = next(one for one in verdict.difference.row_diffs if one.asset == "model.small.shown")
    assert (shown.removed, shown.same, shown.problem) == (1, 2, ""), "a view of what only production holds"
    assert "exported is not built: it writes a file at a place of its own" in verdict.notes and not exported.exists()
    assert workspace.query(question) == before
    assert list((workspace.folder / "target" / "penstock" / "ci").iterdir()) == [], "nothing is left behind"


def test_a_project_that_dbt_cannot_parse_fails_at_its_file(pull_requests: PullRequests) -> None:
    verdict = pull_requests.verdict({DOUBLED: "select {{ nothing( }}"})
    (found,) = verdict.findings
    assert (verdict.failed, found.rule, found.path) == (True, "parse", DOUBLED)
