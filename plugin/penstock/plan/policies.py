"""The rules of a project, applied to what a pull request proposes; each rule of `penstock.yml` is one function here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from penstock.assets.asset import Asset, Kind
from penstock.assets.names import AssetKey
from penstock.errors import PenstockError
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.ci_rules import BreakingChangeRule, NamingRule, NoSelectStarRule, OwnerRule, Rule, Rules, UniqueKeyRule, matches
from penstock.plan.difference import AssetChange, Category, Difference
from penstock.plan.verdict import Finding, Severity
from penstock.selector.select import select

_NAMED = frozenset({Kind.MODEL, Kind.SNAPSHOT, Kind.SEED, Kind.INGEST})
_SHOWN = 5


def _as_it_is(path: str) -> str:
    return path


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a pull request proposes: the graph as it would be and how that differs, the labels somebody gave it.

    `stars` returns the tables whose `*` makes columns of an asset, `placed` a project's path as one of the repository.
    """

    graph: AssetGraph
    difference: Difference
    labels: Collection[str] = ()
    project: str = ""
    stars: Callable[[Asset], Sequence[str]] = field(default=lambda _: ())
    placed: Callable[[str], str] = field(default=_as_it_is)

    def about(self, rule: Rule) -> Iterator[Asset]:
        """Yield the assets a rule is about, in graph order. Raises SelectionError for a selection that cannot be understood."""
        counted = {"new": ("added",), "changed": ("added", "modified")}.get(rule.of)
        keys = {change.asset for change in self.difference.changes if counted is None or change.change in counted}
        chosen = select(self.graph, rule.select, rule.exclude, project=self.project, indirect="empty").keys
        for key in chosen:
            asset = self.graph[key]
            if (rule.of == "all" or key in keys) and asset.kind in _NAMED:
                yield asset

    def finding(self, name: str, rule: Rule, asset: Asset, message: str, remedy: str) -> Finding:
        """Return what is wrong with an asset, at the place where the pull request changes it."""
        change = next((one for one in self.difference.changes if one.asset == asset.key), None)
        path = change.path if change is not None else asset.ingest.path if asset.ingest is not None else self.placed(asset.path)
        return Finding(name, Severity(rule.severity), message, asset.key, path, change.line if change is not None else 1, remedy)


def broken_rules(rules: Rules, proposal: Proposal) -> tuple[Finding, ...]:
    """Return what breaks the rules, rule by rule; a rule whose selection cannot be understood is a finding itself."""
    found: list[Finding] = []
    for name in type(rules).model_fields:
        rule = getattr(rules, name)
        if rule is None or rule.severity == "off":
            continue
        try:
            found += _CHECKERS[name](name, rule, proposal)
        except PenstockError as error:
            found.append(Finding(name, Severity.ERROR, f"the rule cannot be applied: {error}", "", "penstock.yml", 1, error.hint))
    return tuple(found)


def _breaking_change(name: str, rule: BreakingChangeRule, proposal: Proposal) -> Iterator[Finding]:
    if rule.label in proposal.labels:
        return
    remedy = f"Keep the column for now, or have a reviewer give the label `{rule.label}`."
    chosen = set(select(proposal.graph, rule.select, rule.exclude, project=proposal.project, indirect="empty").keys)
    for change in proposal.difference.changes:
        if not change.category.at_least(Category.UNKNOWN):
            continue  # what cannot be judged may be breaking
        reached = _exposures_of(change, proposal)
        known = change.asset in proposal.graph
        if reached and (change.asset in chosen if known else not rule.select):
            message = f"{change.name}: {_broken(change)} reaches {_listed(reached)}"
            yield Finding(name, Severity(rule.severity), message, change.asset, change.path, change.line, remedy)


def _exposures_of(change: AssetChange, proposal: Proposal) -> list[str]:
    """Name the exposures that a change reaches; of an asset that is gone, all that the pull request reaches may have read it."""
    graph = proposal.graph
    known = change.asset in graph
    below = {graph.assets[number].key for number in graph.descendants([graph.ids[change.asset]])} if known else set()
    return [_name(graph, key) for key, _ in proposal.difference.impact.exposures if key in below or not known]


def _broken(change: AssetChange) -> str:
    columns = [f"`{one.column}` {one.change}" for one in change.columns if one.change != "added"]
    kind = "a breaking change" if change.category is Category.BREAKING else "a change that may be breaking"
    return f"{kind} ({_listed(columns or [change.reason])})"


def _unique_key(name: str, rule: UniqueKeyRule, proposal: Proposal) -> Iterator[Finding]:
    tested = {
        asset.test.attached_node
        for asset in proposal.graph.assets
        if asset.test is not None and asset.test.name in rule.tests and not _switched_off(asset)
    }
    for asset in proposal.about(rule):
        if asset.key not in tested:
            remedy = f"Give the key column, or the model, one of these tests: {', '.join(rule.tests)}."
            yield proposal.finding(name, rule, asset, f"{asset.name} has no check that its key is unique", remedy)


def _switched_off(test: Asset) -> bool:
    return test.config.get("enabled") is False


def _no_select_star(name: str, rule: NoSelectStarRule, proposal: Proposal) -> Iterator[Finding]:
    for asset in proposal.about(rule):
        tables = proposal.stars(asset)
        if tables:
            message = f"{asset.name} takes over whatever columns {_listed(list(tables))} has: `select *`"
            yield proposal.finding(name, rule, asset, message, "Name the columns, in the model or in the CTE it ends with.")


def _naming(name: str, rule: NamingRule, proposal: Proposal) -> Iterator[Finding]:
    folders = sorted(((PurePosixPath(folder), pattern) for folder, pattern in rule.patterns.items()), key=lambda one: -len(one[0].parts))
    for asset in proposal.about(rule):
        path = PurePosixPath(asset.ingest.path if asset.ingest is not None else asset.path)
        found = next(((folder, pattern) for folder, pattern in folders if path.is_relative_to(folder)), None)
        if found is not None and not matches(found[1], asset.name):
            message = f"{asset.name} does not match `{found[1]}`, the pattern of {found[0]}"
            yield proposal.finding(name, rule, asset, message, "Rename it, or move it to another folder.")


def _owner(name: str, rule: OwnerRule, proposal: Proposal) -> Iterator[Finding]:
    for asset in proposal.about(rule):
        meta = asset.config.get("meta") or {}
        if not (asset.owner or meta.get("owner")):
            remedy = "Put it into a group that has an owner, or say `meta: {owner: ...}`."
            yield proposal.finding(name, rule, asset, f"{asset.name} has no owner", remedy)


_CHECKERS: dict[str, Callable[..., Iterable[Finding]]] = {
    "breaking_change": _breaking_change,
    "unique_key": _unique_key,
    "no_select_star": _no_select_star,
    "naming": _naming,
    "owner": _owner,
}


def _name(graph: AssetGraph, key: AssetKey) -> str:
    return graph[key].name if key in graph else key


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
