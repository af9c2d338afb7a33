"""One verdict for a pull request: what differs, which rules it breaks, what was built and what checks said; every report reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from penstock.assets.names import AssetKey
from penstock.plan.difference import Difference


class Severity(StrEnum):
    """How bad a finding is, worst first; only an error fails the pull request."""

    ERROR = "error"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a reviewer must know; `path` is relative to the repository, `line` counts from 1, 0 is unknown."""

    rule: str
    severity: Severity
    message: str
    asset: AssetKey = ""
    path: str = ""
    line: int = 0
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """How one check, or dbt test, ended on one asset; `status` is `pass`, `warn`, `fail`, `error`, `skipped` or another of dbt's words.

    `failures` are rows, `samples` some of them as text by column.
    """

    name: str
    asset: AssetKey
    status: str
    failures: int | None = None
    message: str = ""
    seconds: float = 0.0
    samples: tuple[Mapping[str, str], ...] = ()
    path: str = ""

    @property
    def failed(self) -> bool:
        """Whether it found what must not be, or broke."""
        return self.status in ("fail", "error")


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """How the build of one asset ended.

    `status` is `success`, `error`, `skipped`, `cancelled`, `reused`; `unpublished` where a check, which has failed itself, held its
    rows back; `planned` without a build.
    """

    asset: AssetKey
    name: str
    status: str
    seconds: float = 0.0
    rows: int | None = None
    message: str = ""
    path: str = ""

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than well."""
        return self.status in ("error", "cancelled")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything `ci` found out; `edges` connect the assets of the changed subgraph, `notes` say what was not looked at and why.

    `names` are the names of assets as people say them.
    """

    difference: Difference
    findings: tuple[Finding, ...] = ()
    builds: tuple[BuildOutcome, ...] = ()
    checks: tuple[CheckOutcome, ...] = ()
    edges: tuple[tuple[AssetKey, AssetKey], ...] = ()
    notes: tuple[str, ...] = ()
    names: Mapping[AssetKey, str] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[Finding, ...]:
        """All that stands in the way: broken rules, failed builds and failed checks, worst first and otherwise in that order."""
        found = [*self.findings, *_of_builds(self.builds), *_of_checks(self.checks)]
        return tuple(sorted(found, key=lambda one: one.severity is not Severity.ERROR))

    @property
    def failed(self) -> bool:
        """Whether the pull request must not be merged as it is."""
        return any(one.severity is Severity.ERROR for one in self.problems)

    @property
    def word(self) -> str:
        """The verdict in one word: `failed`, `warnings` or `passed`."""
        return "failed" if self.failed else "warnings" if self.problems else "passed"

    def name(self, key: AssetKey) -> str:
        """Return how people call an asset."""
        return self.names.get(key, key)


def _of_builds(builds: tuple[BuildOutcome, ...]) -> Iterator[Finding]:
    for one in builds:
        if one.failed:
            yield Finding("build", Severity.ERROR, f"{one.name} could not be built: {one.message}", one.asset, one.path)


def _of_checks(checks: tuple[CheckOutcome, ...]) -> Iterator[Finding]:
    for one in checks:
        if one.failed or one.status == "warn":
            rows = f" ({one.failures:,} failing row{'' if one.failures == 1 else 's'})" if one.failures else ""
            severity = Severity.ERROR if one.failed else Severity.WARN
            yield Finding("check", severity, f"{one.name} {_ENDED[one.status]}{rows}: {one.message}".rstrip(": "), one.asset, one.path)


_ENDED = {"fail": "failed", "error": "broke", "warn": "warns"}
