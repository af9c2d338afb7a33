"""Ready-made checks as SQL over `this` and `history`: one query for the rows that fail, one that says whether history is too short.

The formulas, with u for the median of what earlier builds had:

- volume: rows < low * u or rows > high * u
- null_rate: nulls / rows - u > jump
- freshness: now - max(column) > max_age, or no value at all
- distribution: |q - u(q)| / (u(q95) - u(q5)) > shift for any of the five quantiles q
"""

from __future__ import annotations

from penstock.assets.check import CheckSpec
from penstock.assets.dimensions import TimeDimension
from penstock.assets.metrics import SHARES
from penstock.assets.monitors import Distribution, Monitor, Newest, NullRate, Volume
from penstock.assets.names import literal, quote
from penstock.assets.partitions import PartitionSpec

NOW = "make_timestamp(epoch_us(now()))"
"""The time in UTC, as the state tables write it."""

_DAILY = ("hour", "day")


def monitor_check(monitor: Monitor, path: str, partitions: PartitionSpec | None = None, now: str = NOW) -> CheckSpec:
    """Return a ready-made check of one asset; `path` is where it is written, `partitions` what the asset has, `now` a TIMESTAMP as SQL."""
    compared = _compared(monitor, partitions, now)
    failing, short = f"{compared}\n{_fails(monitor, now)}", _short(compared, monitor.min_history)
    severity = monitor.meaning.severity
    return CheckSpec(
        path=path,
        sql=failing,
        severity=severity,
        blocking=severity == "error",
        scope=_scope(monitor, partitions),
        when=monitor.meaning.when or ("before_publish" if severity == "error" else "after"),
        reads_history=monitor.min_history > 0,
        insufficient_sql=short if monitor.min_history else "",
    )


def _compared(monitor: Monitor, partitions: PartitionSpec | None, now: str) -> str:
    """Return the query for what is compared, one row for each thing; `builds` are those that its usual value was made of."""
    if isinstance(monitor, Newest):
        return f"select max({quote(monitor.column)}) as newest from this"
    if isinstance(monitor, NullRate):
        return _null_rate(monitor)
    if isinstance(monitor, Distribution):
        return _distribution(monitor)
    time = partitions.time if partitions is not None else None
    return _volume(monitor, now) if time is None else _volume_of_periods(monitor, time)


def _fails(monitor: Monitor, now: str) -> str:
    if isinstance(monitor, Newest):
        return f"having max({quote(monitor.column)}) is null or coalesce(epoch({now}) - epoch(newest) > {monitor.max_age}, false)"
    enough = f"where builds >= {monitor.min_history}"
    if isinstance(monitor, Volume):
        return f'{enough} and ("rows" < {monitor.low} * usual or "rows" > {monitor.high} * usual)'
    if isinstance(monitor, NullRate):
        return f"{enough} and rate - usual > {monitor.jump}"
    return f"{enough} and moved > {monitor.shift}"


def _short(compared: str, needed: int) -> str:
    """Return the query for one row where nothing that is compared has history enough: how much there is, and how much is needed."""
    return (
        f"select coalesce(max(builds), 0) as builds, {needed} as needed from (\n{compared}\n) as compared "
        f"having count(*) > 0 and coalesce(max(builds), 0) < {needed}"
    )


def _scope(monitor: Monitor, partitions: PartitionSpec | None) -> str:
    """Freshness is that of all rows, however old the slice just written; so is a volume that other dimensions divide."""
    if isinstance(monitor, Newest):
        return "table"
    return "table" if isinstance(monitor, Volume) and partitions is not None and len(partitions.dimensions) > 1 else ""


def _volume(monitor: Volume, now: str) -> str:
    """The rows of the last build of each earlier day; days are those of UTC."""
    days = monitor.last * (7 if monitor.weekday else 1)
    same = f" and dayofweek(measured_at) = dayofweek({now})" if monitor.weekday else ""
    return (
        'select * from (select count(*) as "rows" from this), (\n'
        '    select median("rows") as usual, count(*) as builds from (\n'
        '        select max_by("rows", measured_at) as "rows" from history\n'
        f"        where measured_at >= cast({now} as date) - interval {days} day and measured_at < cast({now} as date){same}\n"
        "        group by cast(measured_at as date)\n"
        "    )\n"
        ")"
    )


def _volume_of_periods(monitor: Volume, time: TimeDimension) -> str:
    """The rows of each period that the slice holds, against those of earlier periods; of no rows, against all that is held.

    History says when a period begins in UTC, which is within half a day of the local day that the rows name.
    """
    grain = str(time.grain.value)
    weekday = monitor.weekday and grain in _DAILY
    start = "partition_start" if grain == "hour" else "date_trunc('day', partition_start + interval 12 hour)"
    near = [f"h.start < p.period and h.start >= p.period - {monitor.last} * interval {'7 day' if weekday else f'1 {grain}'}"]
    near += ["dayofweek(h.start) = dayofweek(p.period)"] if weekday else []
    near += ["hour(h.start) = hour(p.period)"] if weekday and grain == "hour" else []
    return (
        'select * from (select p.period, p."rows", median(h."rows") as usual, count(h."rows") as builds from (\n'
        f"    select date_trunc('{grain}', {_local(time.column, time.tz)}) as period, count(*) as \"rows\" from this group by 1\n"
        "    union all select null, 0 from this having count(*) = 0\n"
        ") as p left join (\n"
        f'    select {start} as start, sum("rows") as "rows" from history where is_current group by 1\n'
        f") as h on p.period is null or ({' and '.join(near)})\n"
        'group by p.period, p."rows")'
    )


def _local(column: str, tz: str) -> str:
    """Return a column of dates or times as local times of a zone, whichever of their types it has."""
    name = quote(column)
    zoned = f"timezone({literal(tz)}, try_cast({name} as timestamptz))"
    return f"case when typeof({name}) = 'TIMESTAMP WITH TIME ZONE' then {zoned} else try_cast({name} as timestamp) end"


def _null_rate(monitor: NullRate) -> str:
    column, name = quote(monitor.column), literal(monitor.column)
    return (
        f"select * from (select (count(*) - count({column})) / count(*) as rate from this having count(*) > 0), (\n"
        "    select median(rate) as usual, count(rate) as builds from (\n"
        f'        select columns[{name}].nulls / "rows" as rate from history\n'
        f'        where "rows" > 0 and columns[{name}].nulls is not null order by measured_at desc limit {monitor.last}\n'
        "    )\n"
        ")"
    )


def _distribution(monitor: Distribution) -> str:
    column, name = quote(monitor.column), literal(monitor.column)
    places = range(1, len(SHARES) + 1)
    usual = ", ".join(f"median(quantiles[{place}])" for place in places)
    moved = ", ".join(f"abs(quantiles[{place}] - usual[{place}])" for place in places)
    return (
        f"select *, greatest({moved}) / greatest(usual[{len(SHARES)}] - usual[1], 1e-300) as moved from (\n"
        f"    select quantile_disc(value, {list(SHARES)}) filter (where isfinite(value)) as quantiles\n"
        f"    from (select coalesce(try_cast({column} as double), epoch({_local(monitor.column, 'UTC')})) as value from this)\n"
        "), (\n"
        f"    select [{usual}] as usual, count(*) as builds from (\n"
        f"        select columns[{name}].quantiles as quantiles from history\n"
        f"        where columns[{name}].quantiles is not null order by measured_at desc limit {monitor.last}\n"
        "    )\n"
        ")"
    )
