"""The formats of reports, by the names and file endings that `ci` knows them under."""

from __future__ import annotations

from penstock.plan.verdict import Verdict

FORMATS = ("github", "gitlab", "junit", "sarif", "md", "html")
ENDINGS = {".md": "md", ".html": "html", ".htm": "html", ".sarif": "sarif", ".xml": "junit", ".json": "gitlab"}


def report(verdict: Verdict, name: str, version: str = "") -> str:
    """Return a verdict in a format; `github` are annotations. Each format's module is imported when it is asked for."""
    if name == "github":
        from penstock.ui.reports.annotations import github_annotations

        return github_annotations(verdict)
    if name == "gitlab":
        from penstock.ui.reports.gitlab import code_quality

        return code_quality(verdict)
    if name == "junit":
        from penstock.ui.reports.junit import junit

        return junit(verdict)
    if name == "sarif":
        from penstock.ui.reports.sarif import sarif

        return sarif(verdict, version)
    if name == "html":
        from penstock.ui.reports.html import html

        return html(verdict)
    from penstock.ui.reports.markdown import markdown

    return markdown(verdict)
