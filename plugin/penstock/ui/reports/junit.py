"""JUnit XML: a test case for each check, built asset and rule, which every CI server can show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from penstock.plan.verdict import CheckOutcome, Finding, Severity, Verdict

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document can hold, not even escaped."""


@dataclass(frozen=True, slots=True)
class _Case:
    group: str
    name: str
    status: str
    message: str = ""
    detail: str = ""
    seconds: float = 0.0


_RESULTS = {"fail": Failure, "error": Error, "cancelled": Error, "skipped": Skipped, "unpublished": Skipped}


def junit_checks(checks: Sequence[CheckOutcome]) -> str:
    """Return the report of checks alone; what failed comes with its samples."""
    return _document([("checks", [_of_check(one) for one in checks])])


def junit(verdict: Verdict) -> str:
    """Return the report of everything: rules, builds and checks, each a suite of its own."""
    builds = [_Case("build", one.name, one.status, one.message, seconds=one.seconds) for one in verdict.builds]
    suites = [
        ("rules", [_of_finding(one) for one in verdict.findings]),
        ("builds", builds),
        ("checks", [_of_check(one) for one in verdict.checks]),
    ]
    return _document([(name, cases) for name, cases in suites if cases])


def _of_check(one: CheckOutcome) -> _Case:
    counted = f"{one.failures:,} failures" if one.failures else ""
    rows = "\n".join(", ".join(f"{column}={value}" for column, value in sample.items()) for sample in one.samples)
    return _Case(one.asset or "check", one.name, one.status, one.message or counted, rows, one.seconds)


def _of_finding(one: Finding) -> _Case:
    status = "fail" if one.severity is Severity.ERROR else "pass"
    place = f"{one.path}:{one.line or 1}\n" if one.path else ""
    return _Case(one.rule, one.asset or one.path or one.rule, status, one.message, f"{place}{one.remedy}")


def _document(suites: Iterable[tuple[str, Sequence[_Case]]]) -> str:
    document = JUnitXml("penstock")
    for name, cases in suites:
        suite = TestSuite(name)
        suite.add_testcases([_testcase(case) for case in cases])
        suite.time = round(sum(case.seconds for case in cases), 3)
        document.add_testsuite(suite)
    document.tests = sum(suite.tests for suite in document)
    document.failures = sum(suite.failures for suite in document)
    document.errors = sum(suite.errors for suite in document)  # and not `skipped`: the schema Jenkins publishes has none here
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return text.decode("utf-8")


def _testcase(case: _Case) -> TestCase:
    found = TestCase(_clean(case.name), _clean(case.group), round(case.seconds, 3))
    result = _RESULTS.get(case.status)
    if result is not None:
        made = result(_clean(case.message), case.status)
        made.text = _clean(case.detail)
        found.result = [made]
    elif case.message:
        found.system_out = _clean(f"{case.status}: {case.message}")
    return found


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
