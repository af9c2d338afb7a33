"""GitLab's code quality report: a JSON list with a fingerprint for each problem.

Source: "Code Quality report format" in GitLab's documentation.
"""

from __future__ import annotations

import json
from hashlib import sha256

from penstock.plan.verdict import Finding, Severity, Verdict

_SEVERITIES = {Severity.ERROR: "major", Severity.WARN: "minor"}
_NO_FILE = "dbt_project.yml"
"""Where a problem is shown that no file is to blame for: GitLab drops entries without a path."""


def code_quality(verdict: Verdict) -> str:
    """Return the report; the same problem has the same fingerprint in every run, and no two of a report share one."""
    seen: dict[str, int] = {}
    return json.dumps([_entry(one, seen) for one in verdict.problems], indent=2) + "\n"


def _entry(found: Finding, seen: dict[str, int]) -> dict[str, object]:
    text = json.dumps([found.rule, found.asset, found.path, found.message])
    seen[text] = seen.get(text, 0) + 1
    return {
        "description": f"{found.message}. {found.remedy}" if found.remedy else found.message,
        "check_name": f"penstock/{found.rule}",
        "fingerprint": sha256(f"{text}{seen[text]}".encode()).hexdigest(),
        "severity": _SEVERITIES[found.severity],
        "location": {"path": found.path or _NO_FILE, "lines": {"begin": max(found.line, 1)}},
    }
