"""SARIF 2.1.0, which code scanning services read. Source: the OASIS standard; its JSON schema checks this in the tests."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from penstock.plan.verdict import Finding, Severity, Verdict

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS = {Severity.ERROR: "error", Severity.WARN: "warning"}
_ABOUT = {
    "build": "An asset could not be built.",
    "check": "A check did not pass.",
    "naming": "A model's name does not follow its folder's pattern.",
    "no_select_star": "A model's columns are whatever its input has.",
    "owner": "A model has no owner.",
    "breaking_change": "A change breaks what reads a column.",
    "unique_key": "A model has no check that its key is unique.",
}


def sarif(verdict: Verdict, version: str) -> str:
    """Return the log of one run of the tool in that version."""
    problems = verdict.problems
    rules = sorted({one.rule for one in problems})
    driver = {"name": "penstock", "rules": [_rule(name) for name in rules]} | ({"version": version} if version else {})
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, rules.index(one.rule)) for one in problems],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(name: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": _ABOUT.get(name, name)}}


def _result(found: Finding, index: int) -> dict[str, Any]:
    text = f"{found.message}. {found.remedy}" if found.remedy else found.message
    print_ = sha256(json.dumps([found.rule, found.asset, found.message]).encode()).hexdigest()
    result: dict[str, Any] = {
        "ruleId": found.rule, "ruleIndex": index, "level": _LEVELS[found.severity], "message": {"text": _literal(text)},
        "partialFingerprints": {"penstock/v1": print_},
    }  # fmt: skip
    if found.path:
        place = {"artifactLocation": {"uri": quote(found.path)}, "region": {"startLine": max(found.line, 1)}}
        result["locations"] = [{"physicalLocation": place}]
    return result


def _literal(text: str) -> str:
    """Escape what SARIF would read as a link or a placeholder (sections 3.11.5 and 3.11.6)."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace("{", "{{").replace("}", "}}")
