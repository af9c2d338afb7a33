"""GitHub's workflow commands: one annotation for each problem, at its file and line.

Source: "Workflow commands for GitHub Actions" and `command.ts` of actions/toolkit, which escapes in the same way.
"""

from __future__ import annotations

from penstock.plan.verdict import Finding, Severity, Verdict

MOST = 50
"""More than so many of a kind GitHub does not show of a run (10 of a step); the report has them all."""

_COMMANDS = {Severity.ERROR: "error", Severity.WARN: "warning"}


def github_annotations(verdict: Verdict) -> str:
    """Return a line for each problem, worst first; what is left out is counted in a notice."""
    problems = verdict.problems
    lines = [_annotation(one) for one in problems[:MOST]]
    if len(problems) > MOST:
        lines.append(f"::notice title=penstock::{len(problems) - MOST} more problems are in the report")
    return "".join(f"{line}\n" for line in lines)


def _annotation(found: Finding) -> str:
    values = {"file": found.path, "line": str(found.line or 1) if found.path else "", "title": f"penstock {found.rule}"}
    properties = ",".join(f"{key}={escaped_property(value)}" for key, value in values.items() if value)
    message = f"{found.message}\n{found.remedy}" if found.remedy else found.message
    return f"::{_COMMANDS[found.severity]} {properties}::{escaped_data(message)}"


def escaped_data(text: str) -> str:
    """Escape a command's message: a line of its own would be a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(text: str) -> str:
    """Escape a property's value, which commas and colons would end."""
    return escaped_data(text).replace(":", "%3A").replace(",", "%2C")
