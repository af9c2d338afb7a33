"""Times cut down to a period: a filter on whole periods says the same of the time and of what it is cut down to."""

from __future__ import annotations

from sqlglot import exp

from penstock.assets.grains import Grain

_PARTS_OF = {
    Grain.HOUR: (),
    Grain.DAY: (Grain.HOUR,),
    Grain.WEEK: (Grain.HOUR, Grain.DAY),
    Grain.MONTH: (Grain.HOUR, Grain.DAY),
    Grain.QUARTER: (Grain.HOUR, Grain.DAY, Grain.MONTH),
    Grain.YEAR: (Grain.HOUR, Grain.DAY, Grain.MONTH, Grain.QUARTER),
}
"""What a period is made of in whole; no month begins with a week."""

_SHORTER = ("microseconds", "milliseconds", "second", "minute")


def untruncated(tree: exp.Expr, name: str, grain: Grain) -> exp.Expr:
    """Return a copy of a DuckDB query in which a column of this name is the time itself where it was cut down to `grain` or less.

    It is `date_trunc` with a unit of which periods are made in whole, or a cast to DATE; not for times with a zone, which
    DuckDB cuts down in the zone of the session. The name is compared folded.
    """
    copy = tree.copy()
    for alias in list(copy.find_all(exp.Alias)):
        time = _time(alias.this, grain) if alias.alias.lower() == name else None
        if time is not None:
            alias.set("this", time)
    return copy


def _time(value: exp.Expr, grain: Grain) -> exp.Column | None:
    whole = {*_SHORTER, grain.value, *(part.value for part in _PARTS_OF[grain])}
    unit = None
    if isinstance(value, (exp.TimestampTrunc, exp.DateTrunc)):
        unit = value.text("unit").lower()
    elif isinstance(value, exp.Cast) and value.to.this is exp.DataType.Type.DATE and not isinstance(value, exp.TryCast):
        unit = Grain.DAY.value
    if unit not in whole:
        return None
    inner = value.this
    return inner if isinstance(inner, exp.Column) else _time(inner, grain)
