"""Freshness policies: what is due only because of newer data waits until it may be built again.

Never held back is what was never built, failed, is missing, has other code or is forced: those rules come before.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator

from penstock.assets.asset import Kind
from penstock.plan.facts import Facts
from penstock.plan.reasons import Reason
from penstock.plan.versions import Versions

PATIENT = frozenset({
    Reason.VOLATILE, Reason.UNKNOWN_EVIDENCE, Reason.NEW_FILES, Reason.UPSTREAM_NEWER, Reason.UPSTREAM_MAY_CHANGE,
})  # fmt: skip
"""Reasons that speak of data alone: only these can wait."""

HELD_BACK = frozenset({Reason.BUILD_AFTER_NOT_DUE, Reason.LAG_TOLERATED, Reason.WAITING_ALL_PARENTS})
"""Reasons of a policy: the asset is reused though it is, or may become, due."""

_TIMELESS = frozenset({Kind.SEED, Kind.FUNCTION})
"""Parents that change with the project, not with time: nobody waits for their data."""


def resting(facts: Facts, number: int) -> tuple[Reason, str] | None:
    """Say why an asset may not be built again yet, whatever its inputs hold; None where it may.

    A record from the future permits nothing: the clock cannot be believed.
    """
    policy, built = facts.policy(number), facts.state.materializations.get(facts.graph.assets[number].key)
    if policy.window is None or built is None:
        return None
    age = facts.now - built.committed_at
    if age.total_seconds() < 0:
        return None
    due = f"due from {built.committed_at + policy.window:%Y-%m-%d %H:%M} UTC on"
    if policy.build_after is not None and age < policy.build_after:
        return Reason.BUILD_AFTER_NOT_DUE, due
    if policy.lag_tolerance is not None and age < policy.lag_tolerance:
        return Reason.LAG_TOLERATED, due
    return None


def expired(facts: Facts, number: int) -> bool:
    """Whether an asset has a time after which it is to be built again, and that time has passed."""
    return facts.policy(number).window is not None and resting(facts, number) is None


def waiting_for(facts: Facts, versions: Versions, number: int, moving: Container[int] = ()) -> tuple[list[str], bool]:
    """Return the parents without newer data that an asset waits for, and whether each of them may get some in this run.

    No names where it waits for none. A parent stands for all that is read through it: a view holds newer data as soon as
    one table behind it does.
    """
    if not facts.policy(number).all_parents:
        return [], False
    newer = versions.newer(number)
    old = [(name, behind) for name, behind in _parents(facts, versions, number) if newer.isdisjoint(behind)]
    ids = facts.graph.ids
    movable = all(any(ids.get(name) in moving for name in behind if name in ids) for _, behind in old)
    return [name for name, _ in old], movable


def _parents(facts: Facts, versions: Versions, number: int) -> Iterator[tuple[str, Collection[str]]]:
    """Yield each direct parent with everything read through it, then each file and table that no parent stands for."""
    covered: set[str] = set()
    for parent in facts.graph.parents[number]:
        leaves = facts.inputs[parent] if facts.looked_through(parent) else (parent,)
        behind = set(versions.behind({facts.graph.assets[leaf].key: None for leaf in leaves}))
        covered |= behind
        if any(_gets_data(facts, versions, name) for name in behind):
            yield facts.graph.assets[parent].key, behind
    for name in versions.inputs_of(number):
        if name not in covered:
            yield name, (name,)


def _gets_data(facts: Facts, versions: Versions, name: str) -> bool:
    return not versions.is_view(name) and not (name in facts.graph and facts.graph[name].kind in _TIMELESS)
