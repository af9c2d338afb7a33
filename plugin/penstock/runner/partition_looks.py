"""What a run sees of an asset's partitions when their turn comes: values listed anew, and the slices of what they read."""

from __future__ import annotations

from dataclasses import replace

from penstock.assets.asset import Asset
from penstock.assets.dimensions import QueryDimension
from penstock.parser.partitioned import spec_of
from penstock.plan.facts import NOT_LOOKED
from penstock.plan.partitioning import Partitioning
from penstock.plan.readings import How
from penstock.runner.context import RunContext
from penstock.state.slices import slices_of, with_listed_values


def looked_at(context: RunContext, number: int, *, to_build: bool = False) -> Partitioning:
    """Return an asset's partitions as they are now.

    The slices of its inputs are looked at where the record does not settle what is due, and for the record of what is built.
    """
    asset = context.graph.assets[number]
    if asset.ingest is None:
        _list_anew(context, asset)
    facts = context.facts
    looked = facts.looked.get(asset.key, NOT_LOOKED)
    one = Partitioning(facts, context.versions, number, replace(looked, slices={}))
    cut = [reading for reading in one.readings if reading.compared is How.EVENT_TIME and (to_build or not one.agreed(reading))]
    if not cut:
        return one
    columns = context.read_columns(number, context.queries.get(asset)[1])
    dialect = context.warehouse.capabilities.dialect
    slices = {
        reading.name: slices_of(
            context.statements(), context.graph[reading.name].relation, reading.event_time.strip('"'), one.wanted, dialect,
            columns.get(reading.name),
        )
        for reading in cut
    }  # fmt: skip
    return Partitioning(facts, context.versions, number, replace(looked, slices=slices))


def _list_anew(context: RunContext, asset: Asset) -> None:
    """List the values of a model's dimensions again: what this run built may have added some."""
    spec = spec_of(asset)
    if spec is not None and any(isinstance(one, QueryDimension) for one in spec.dimensions):
        context.redefine(asset.key, with_listed_values(context.statements(), asset.key, spec))
