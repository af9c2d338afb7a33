"""Reason codes: a public enumeration, the same in the terminal, in JSON and in the state tables."""

from __future__ import annotations

from enum import StrEnum


class Decision(StrEnum):
    """What happens to an asset in a run."""

    BUILD = "BUILD"
    REUSE = "REUSE"
    BLOCKED = "BLOCKED"


class Reason(StrEnum):
    """Why. The first group leads to BUILD, the second to REUSE, the third to BLOCKED."""

    FORCED = "forced"
    FULL_REFRESH = "full_refresh"
    NEVER_BUILT = "never_built"
    RELATION_MISSING = "relation_missing"
    CODE_CHANGED = "code_changed"
    PREVIOUS_FAILED = "previous_failed"
    VOLATILE = "volatile"
    UNKNOWN_EVIDENCE = "unknown_evidence"
    NEW_FILES = "new_files"
    UPSTREAM_NEWER = "upstream_newer"

    FRESH = "fresh"

    UPSTREAM_FAILED = "upstream_failed"
    PARSE_FAILED = "parse_failed"
