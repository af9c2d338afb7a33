"""What each service reads: valid by its schema, every problem in it, and foreign words never more than words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema
from penstock.plan.difference import Difference
from penstock.plan.verdict import CheckOutcome, Finding, Severity, Verdict
from penstock.ui.reports.annotations import MOST, github_annotations
from penstock.ui.reports.formats import FORMATS, report
from penstock.ui.reports.gitlab import code_quality
from penstock.ui.reports.junit import junit, junit_checks
from penstock.ui.reports.sarif import sarif
from verdict_builders import HOSTILE, MART, full

DATA = Path(__file__).parents[2] / "data"
NOTHING = Verdict(Difference("origin/main", "working tree"))


@pytest.fixture(scope="module")
def sarif_schema() -> Any:
    schema = json.loads((DATA / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


@pytest.fixture(scope="module")
def junit_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(DATA / "junit-10.xsd"))


@pytest.mark.parametrize("word", [*HOSTILE, "plain"])
def test_sarif_and_junit_are_valid_by_their_schemas(word: str, sarif_schema: Any, junit_schema: xmlschema.XMLSchema) -> None:
    sarif_schema.validate(json.loads(sarif(full(word), "1.0")))
    junit_schema.validate(junit(full(word)))


def test_a_verdict_without_problems_is_valid_too(sarif_schema: Any, junit_schema: xmlschema.XMLSchema) -> None:
    log = json.loads(sarif(NOTHING, ""))
    sarif_schema.validate(log)
    assert log["runs"][0]["results"] == []
    junit_schema.validate(junit(NOTHING))
    assert (github_annotations(NOTHING), json.loads(code_quality(NOTHING))) == ("", [])


def test_sarif_points_at_file_line_and_rule() -> None:
    (run,) = json.loads(sarif(full(), "1.2"))["runs"]
    assert run["tool"]["driver"]["version"] == "1.2"
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["build", "check", "naming", "owner", "unique_key"]
    assert all(rules[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    naming = next(one for one in run["results"] if one["ruleId"] == "naming")
    place = naming["locations"][0]["physicalLocation"]
    assert (naming["level"], place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("error", "amount", 7)
    assert {one["level"] for one in run["results"] if one["ruleId"] == "owner"} == {"warning"}


def test_sarif_keeps_brackets_and_braces_as_text() -> None:
    found = Verdict(Difference("a", "b"), (Finding("naming", Severity.WARN, "[x](y) {0} \\"),))
    assert json.loads(sarif(found, ""))["runs"][0]["results"][0]["message"]["text"] == r"\[x\](y) {{0}} \\"


def test_each_problem_is_one_annotation_and_errors_come_first() -> None:
    lines = github_annotations(full()).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error"] * 5 + ["::warning"] * 2
    assert lines[0] == "::error file=amount,line=7,title=penstock naming::amount%0Aamount"
    assert lines[1] == "::error title=penstock unique_key::amount%0Aamount".removesuffix("%0Aamount")
    assert "::warning file=models/mart.sql,line=1,title=penstock owner::amount%0Aamount" in lines


@pytest.mark.parametrize("word", HOSTILE)
def test_no_word_becomes_a_command_of_its_own(word: str) -> None:
    problems = full(word).problems
    lines = github_annotations(full(word)).split("\n")
    assert lines.pop() == "" and len(lines) == len(problems)
    for line, found in zip(lines, problems, strict=True):
        match = re.fullmatch(r"::(?:error|warning) ((?:file=([^,:\r\n]*),line=(\d+),)?title=penstock \w+)::([^\r\n]*)", line)
        assert match is not None, line
        message = match[4].replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
        assert message == (f"{found.message}\n{found.remedy}" if found.remedy else found.message)
        path = (match[2] or "").replace("%2C", ",").replace("%3A", ":").replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
        assert path == found.path


def test_annotations_beyond_what_is_shown_are_counted() -> None:
    many = Verdict(Difference("a", "b"), tuple(Finding("owner", Severity.WARN, f"m{number}") for number in range(MOST + 3)))
    lines = github_annotations(many).splitlines()
    assert (len(lines), lines[-1]) == (MOST + 1, "::notice title=penstock::3 more problems are in the report")


def test_gitlab_entries_have_what_gitlab_asks_for_and_fingerprints_of_their_own() -> None:
    twice = Verdict(Difference("a", "b"), (*full().findings, *full().findings))
    entries = json.loads(code_quality(twice))
    assert len({entry["fingerprint"] for entry in entries}) == len(entries) == 6
    assert {entry["severity"] for entry in entries} == {"major", "minor"}
    assert all(entry["location"]["path"] and entry["location"]["lines"]["begin"] >= 1 for entry in entries)
    assert entries == json.loads(code_quality(twice)), "the same in every run"


def test_junit_counts_what_failed_broke_and_was_left_out() -> None:
    root = ET.fromstring(junit(full()))
    counts = {suite.get("name"): [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] for suite in root}
    assert counts == {"rules": ["3", "2", "0", "0"], "builds": ["2", "0", "1", "0"], "checks": ["5", "1", "1", "1"]}
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("10", "3", "2")


def test_junit_of_checks_alone_shows_samples_and_takes_any_character(junit_schema: xmlschema.XMLSchema) -> None:
    checks = [
        CheckOutcome("not_null\x00<x>", MART, "fail", 1200, "", 0.0004, ({"id": "1", "amount": "-5"},)),
        CheckOutcome("ok", MART, "pass"),
    ]
    text = junit_checks(checks)
    junit_schema.validate(text)
    case = ET.fromstring(text)[0][0]
    assert (case.get("name"), case.get("classname")) == ("not_null\N{REPLACEMENT CHARACTER}<x>", MART)
    failure = case.find("failure")
    assert failure is not None and (failure.get("message"), failure.text) == ("1,200 failures", "id=1, amount=-5")
    junit_schema.validate(junit_checks([]))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_made_of_every_verdict(name: str) -> None:
    assert report(full(), name, "1.0").endswith("\n") or name == "junit"
    assert isinstance(report(NOTHING, name), str)
