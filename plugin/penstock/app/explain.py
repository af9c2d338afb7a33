"""`plan --why`: the whole argument for one asset, from the same facts the planner used."""

from __future__ import annotations

from penstock.app.compiled import CompiledQueries
from penstock.app.planning import Planned
from penstock.assets.asset import Kind
from penstock.assets.contract import agreed_columns
from penstock.compiler.agreed import in_agreed_order, require_values
from penstock.compiler.checks import check_query
from penstock.compiler.materialize import NATIVE, ingest_steps
from penstock.compiler.tests import test_query
from penstock.errors import SelectionError
from penstock.plan.conditions import RULES
from penstock.plan.freshness import HELD_BACK
from penstock.plan.names import display
from penstock.plan.planner import PlanRow, partitioning
from penstock.plan.readings import How
from penstock.plan.reasons import Decision


def explain(planned: Planned, name: str) -> list[str]:
    """Return lines: the decision, each input with recorded and current version, and each rule with what it found.

    Raises SelectionError for a name that no asset, or more than one, has.
    """
    number = _find(planned, name)
    graph, facts = planned.graph, planned.facts
    asset = graph.assets[number]
    row = next((row for row in planned.plan.rows if row.id == number), None)
    lines = [asset.key]
    if row is None:
        return [*lines, "  nothing to run: it is not selected, or it has no relation of its own"]
    lines.append(f"  decision   {row.decision.value} {row.reason.value}{f': {row.detail}' if row.detail else ''}")
    because = ", ".join(planned.obstacles(asset))
    lines.append(f"  executor   {planned.executor(asset)}{f' ({because})' if because else ''}")
    built = facts.state.materializations.get(asset.key)
    if built is not None:
        lines.append(f"  last built {built.committed_at:%Y-%m-%d %H:%M:%S} UTC in run {built.run_id}")
        edited = "" if asset.fingerprint in built.fingerprints else ", edited since"
        lines.append(
            f"  code       recorded {built.code_version[:14]}{edited}: {'the same' if facts.same_code(number) else 'another'} meaning"
        )
    if asset.key in facts.specs:
        return lines + _partitions(planned, number)
    consumed = {seen.input: seen for seen in facts.state.inputs.get(asset.key, ())}
    for key in dict.fromkeys([*facts.versions.inputs_of(number), *consumed]):
        seen, now = consumed.get(key), facts.versions.of(key) or "unknown"
        columns = f" (columns {', '.join(seen.columns) or 'none'})" if seen is not None and seen.columns is not None else ""
        lines.append(f"  input      {display(key)}{columns}: consumed {seen.version if seen else 'never'}, now {now}")
    if row.decision is Decision.MAYBE:
        lines.append("  built only if one of them holds something else, in columns that are read, once they are done")
    decided = False
    if row.decision is Decision.BUILD and not any(rule.holds([number], facts) for rule in RULES):
        lines.append(f"  rule       {row.reason.value}: yes ({row.detail}: due in this plan) <- decides")
        decided = True
    for rule in RULES:
        held = rule.holds([number], facts)
        mark = "yes" if held else "no"
        first = " <- decides" if held and not decided and row.decision is Decision.BUILD else ""
        decided = decided or bool(held)
        lines.append(f"  rule       {rule.reason.value}: {mark}{f' ({held[number]})' if held and held[number] else ''}{first}")
    if row.reason in HELD_BACK:
        lines.append(f"  policy     {row.reason.value}: {row.detail} <- decides")
    return lines


def _partitions(planned: Planned, number: int) -> list[str]:
    """Return the argument partition by partition: how each input is read, what is held, missing and waiting, and what is due and why."""
    one = partitioning(planned.facts, number)
    lines = []
    for reading in one.readings:
        how = {How.PARTITIONS: "by its partitions", How.EVENT_TIME: f"cut by {reading.event_time}", How.WHOLE: "as a whole"}[reading.how]
        lines.append(f"  input      {display(reading.name)}: {how}, now {planned.facts.versions.of(reading.name) or 'unknown'}")
    counts = {"exist": one.existing, "held": one.held, "missing": one.missing, "waiting for files": one.waiting.minus(one.held)}
    lines.append("  partitions " + ", ".join(f"{len(found):,} {word}" for word, found in counts.items()))
    for due in one.due():
        detail = f": {display(due.detail)}" if due.detail else ""
        lines.append(f"  due        {due.reason.value}{detail}: {due.partitions} ({len(due.partitions)})")
    return lines if one.due() else [*lines, "  due        none"]


def statements_of(planned: Planned, row: PlanRow, queries: CompiledQueries) -> tuple[str, ...]:
    """Return the SQL a build would run for one row: the native executor's own statements, or the query handed to dbt."""
    asset = planned.graph.assets[row.id]
    if asset.ingest is not None and asset.relation is not None and not asset.ingest.partitions:
        return ingest_steps(asset.relation, asset.ingest, planned.facts.standing_type(row.id))
    if asset.ingest is not None:
        return (asset.ingest.sql,)
    if asset.kind in (Kind.SEED, Kind.FUNCTION, Kind.UNIT_TEST) or asset.language != "sql":
        return (f"-- {asset.kind.value} {asset.name}: run by dbt",)
    query = queries.get(asset)[0]
    if planned.executor(asset) == "dbt" or (asset.relation is None and not asset.is_test):
        return (query,)
    if asset.check is not None:
        return (check_query(asset.check, query, asset.check.this),)
    if asset.test is not None:
        return (test_query(asset.test, query),)
    if asset.key in planned.facts.specs:
        return (query,)
    agreed = agreed_columns(asset) if asset.materialized == "table" else ()
    query = in_agreed_order(query, agreed)
    if asset.relation is None:
        return (query,)
    steps = NATIVE[asset.materialized](asset.relation, query, planned.facts.standing_type(row.id))
    return (*steps, *require_values(asset.relation, agreed))


def _find(planned: Planned, name: str) -> int:
    graph = planned.graph
    if name in graph:
        return graph.ids[name]
    found = [
        number
        for number, asset in enumerate(graph.assets)
        if name in (asset.name, display(asset.key), str(asset.relation or "")) and not asset.is_test
    ] or [number for number, asset in enumerate(graph.assets) if asset.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise SelectionError(f"`{name}` could be {', '.join(graph.assets[number].key for number in found)}", hint="Use the full name.")
    import difflib

    near = difflib.get_close_matches(name, [asset.name for asset in graph.assets], 3)
    raise SelectionError(f"there is no asset `{name}`", hint=f"Did you mean {', '.join(near)}?" if near else "See `penstock ls`.")
