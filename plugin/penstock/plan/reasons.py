"""Reason codes: a public enumeration, the same in the terminal, in JSON and in the state tables."""

from __future__ import annotations

from enum import StrEnum


class Decision(StrEnum):
    """What happens to an asset in a run."""

    BUILD = "BUILD"
    MAYBE = "MAYBE"
    REUSE = "REUSE"
    BLOCKED = "BLOCKED"


class Reason(StrEnum):
    """Why. The first group leads to BUILD, the second to MAYBE, the third to REUSE, the fourth to BLOCKED."""

    FORCED = "forced"
    FULL_REFRESH = "full_refresh"
    NEVER_BUILT = "never_built"
    RELATION_MISSING = "relation_missing"
    RELATION_CHANGED = "relation_changed"
    SCHEMA_CHANGED = "schema_changed"
    CODE_CHANGED = "code_changed"
    PREVIOUS_FAILED = "previous_failed"
    TTL_EXPIRED = "ttl_expired"
    VOLATILE = "volatile"
    UNKNOWN_EVIDENCE = "unknown_evidence"
    PARTITION_MISSING = "partition_missing"
    NEW_FILES = "new_files"
    LATE_DATA = "late_data"
    UPSTREAM_NEWER = "upstream_newer"

    UPSTREAM_MAY_CHANGE = "upstream_may_change"

    FRESH = "fresh"
    UNCHANGED_INPUT = "unchanged_input"
    DEFERRED = "deferred"
    BUILD_AFTER_NOT_DUE = "build_after_not_due"
    LAG_TOLERATED = "lag_tolerated"
    WAITING_FOR_FILES = "waiting_for_files"
    WAITING_ALL_PARENTS = "waiting_all_parents"

    UPSTREAM_FAILED = "upstream_failed"
    CHECK_BLOCKED = "check_blocked"
    PARSE_FAILED = "parse_failed"
    CODE_CHANGE_REFUSED = "code_change_refused"
