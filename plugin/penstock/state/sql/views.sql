-- The public views: a stable API, described in docs/state.md. Made anew by every migration.

-- The latest row of each asset of the graph.
create or replace view {state}.current_asset as
select * exclude (removed)
from (select * from {state}.asset qualify row_number() over (partition by asset order by run_id desc) = 1)
where not removed;

-- The latest materialization of each asset and partition, of those that its table was not made anew after.
create or replace view {state}.current_materialization as
select m.*
from {state}.materialization as m
join (
    select asset, "partition", max(token) as token
    from {state}.materialization
    group by asset, "partition"
) as latest using (asset, "partition", token)
join (select asset, max(generation) as generation from {state}.materialization group by asset) as whole
    on whole.asset = m.asset and whole.generation is not distinct from m.generation;

-- The latest finished attempt of each asset.
create or replace view {state}.latest_attempt as
select asset, max_by("partition", token) as "partition", max_by(status, (token, finished_at)) as status,
    max_by(run_id, (token, finished_at)) as run_id, max_by(error, (token, finished_at)) as error, max(token) as token
from {state}.attempt
group by asset;

-- The version of each asset that Penstock builds; of one with partitions, it is made of those of all partitions held.
create or replace view {state}.current_version as
select asset, max(token) as token,
    case when count(*) = 1 and max("partition") = '' then max(data_version)
        else 'parts:' || count(*) || ':' || md5(string_agg("partition" || '=' || data_version, ' ' order by "partition")) || ':'
            || split_part(max_by(data_version, token), ':', -1)
    end as data_version
from {state}.current_materialization
group by asset;

-- What the latest materialization of each asset consumed.
create or replace view {state}.current_input as
select i.asset, i.input, i.input_version, i.columns
from {state}.materialization_input as i
join (select asset, max(token) as token from {state}.materialization group by asset) as latest using (asset, token);

-- Which inputs an asset consumed in a version that is no longer the current one, in columns that it reads. What a view is
-- behind in, its readers are behind in, for a view holds no rows. Partitions consume parts of their inputs: `plan` compares those.
create or replace view {state}.stale_input as
select i.asset, i.input, i.input_version as consumed, v.version as current
from {state}.current_input as i
join {state}.current_materialization as m on m.asset = i.asset and m."partition" = '' and m.relation_type <> 'view'
join (
    select asset, data_version as version from {state}.current_version
    union all
    select asset, max_by(version, (observed_at, run_id))
    from {state}.observation
    where asset not in (select asset from {state}.materialization)
    group by asset
) as v on v.asset = i.input
where i.input_version <> v.version
    and not exists (
        select 1
        from {state}.projection as before
        join {state}.projection as after using (asset, columns, projected)
        where before.asset = i.input and before.columns = i.columns and before.version = i.input_version and after.version = v.version
    );

create or replace view {state}.asset_status as
with built as (
    select asset, max(committed_at) as last_built_at, max_by(code_version, token) as code_version,
        max_by(fingerprint, token) as fingerprint, max_by(data_version, token) as data_version, cast(sum("rows") as bigint) as "rows", max(token) as token
    from {state}.current_materialization
    group by asset
),
stale as (
    select asset, min(input) as input from {state}.stale_input group by asset
),
reasoned as (
    select
        a.*, b.last_built_at, b.code_version as built_version, b.data_version, b."rows", t.error, s.input,
        case
            when a.kind in ('source', 'exposure', 'metric', 'semantic_model', 'saved_query', 'analysis', 'operation') and b.asset is null
                then 'external'
            when a.materialized = 'ephemeral' then 'ephemeral'
            when t.status in ('failed', 'crashed', 'cancelled') and t.token >= coalesce(b.token, 0) then 'previous_failed'
            when b.asset is null then 'never_built'
            when b.fingerprint is distinct from a.code_version and not exists (
                select 1 from {state}.code_alias as x
                where x.asset = a.asset and x.fingerprint = a.code_version and x.code_version = b.code_version
            ) then 'code_changed'
            when s.asset is not null then 'upstream_newer'
            else 'fresh'
        end as reason
    from {state}.current_asset as a
    left join built as b using (asset)
    left join {state}.latest_attempt as t using (asset)
    left join stale as s using (asset)
    where a.kind not in ('test', 'unit_test', 'check')
)
select
    asset,
    relation,
    kind,
    case reason when 'previous_failed' then 'failed' when 'code_changed' then 'stale' when 'upstream_newer' then 'stale' else reason end
        as status,
    reason,
    last_built_at,
    built_version as code_version,
    data_version,
    "rows",
    case reason when 'previous_failed' then error when 'upstream_newer' then input else '' end as detail,
    path,
    owner
from reasoned;

-- When each input that Penstock does not build was last looked at, and last seen to differ.
create or replace view {state}.freshness as
with latest as (
    select asset, max_by(version, (observed_at, run_id)) as version, max_by(strength, (observed_at, run_id)) as strength,
        max(observed_at) as last_observed_at
    from {state}.observation
    group by asset
)
select l.asset, l.strength, l.last_observed_at, min(o.observed_at) as version_first_seen_at, l.version
from latest as l
join {state}.observation as o using (asset, version)
group by all;

-- What was last found missing of each asset, but what it holds by now.
create or replace view {state}.current_gap as
select g.asset, g."partition", g.partition_start, g.partition_end, g.status, g.run_id
from {state}.partition_gap as g
join (select asset, max(run_id) as run_id from {state}.partition_gap group by asset) as latest using (asset, run_id)
anti join {state}.current_materialization as m on m.asset = g.asset and m."partition" = g."partition"
where g."partition" <> '';

-- A partition that was interrupted holds what it held before: nothing of the attempt is left.
create or replace view {state}.partition_status as
select m.asset, m."partition", m.partition_start, m.partition_end,
    case when f.token > m.token then 'failed' else 'held' end as status,
    case when f.token > m.token then f.run_id else m.run_id end as run_id,
    m."rows", m.committed_at
from {state}.current_materialization as m
left join (
    select asset, "partition", max(token) as token, max_by(run_id, token) as run_id
    from {state}.attempt
    where status not in ('success', 'cancelled')
    group by asset, "partition"
) as f using (asset, "partition")
where m."partition" <> ''
union all
select f.asset, f."partition", null, null, case when bool_or(f.status <> 'cancelled') then 'failed' else 'missing' end,
    coalesce(max_by(f.run_id, f.token) filter (f.status <> 'cancelled'), max_by(f.run_id, f.token)), null, null
from {state}.attempt as f
where f."partition" <> '' and f.status <> 'success'
    and not exists (
        select 1 from {state}.current_materialization as m where m.asset = f.asset and m."partition" = f."partition"
    )
    and f.token > coalesce((select max(m.generation) from {state}.materialization as m where m.asset = f.asset), 0)
group by f.asset, f."partition"
having bool_or(f.status <> 'cancelled') or (f.asset, f."partition") not in (select asset, "partition" from {state}.current_gap)
union all
select g.asset, g."partition", g.partition_start, g.partition_end, g.status, g.run_id, null, null
from {state}.current_gap as g
where not exists (
    select 1 from {state}.attempt as f
    where f.asset = g.asset and f."partition" = g."partition" and f.status not in ('success', 'cancelled')
        and f.token > coalesce((select max(m.generation) from {state}.materialization as m where m.asset = g.asset), 0)
);

-- What each build counted of an asset, or of one of its partitions; nothing of views.
create or replace view {state}.metric_history as
select asset, "partition", partition_start, run_id, committed_at as measured_at, "rows", token
from {state}.materialization
where "rows" is not null;

-- ... and of its columns: `nulls` unless `metrics: off`, the rest with `metrics: full`.
create or replace view {state}.column_metric_history as
select c.asset, c."partition", c."column", c.run_id, c.measured_at, c."rows", c.nulls, m.smallest, m.largest, m.distinct_count,
    m.quantiles, c.token
from (
    select asset, "partition", unnest(columns) as "column", run_id, committed_at as measured_at, "rows", unnest(nulls) as nulls, token
    from {state}.materialization
    where nulls is not null
) as c
left join {state}.column_metric as m using (asset, "partition", token, "column");

-- The columns that each relation has, as of its last recording.
create or replace view {state}.current_relation_column as
select asset, "column", data_type, "position", run_id
from (select * from {state}.relation_column qualify row_number() over (partition by asset, "column" order by run_id desc) = 1)
where not removed;

-- When a column of a relation appeared, vanished or changed its type; `before` is the type that it had.
create or replace view {state}.column_history as
select h.asset, h."column", h.data_type, h.change, h.before, h.run_id, r.started_at as "at"
from (
    select asset, "column", data_type, before, run_id,
        case when removed then 'removed' when before is null or gone then 'added' when before <> data_type then 'retyped' else 'moved' end as change
    from (
        select *, lag(data_type) over each as before, coalesce(lag(removed) over each, true) as gone
        from {state}.relation_column
        window each as (partition by asset, "column" order by run_id)
    )
) as h
left join {state}.run as r using (run_id)
where h.change <> 'moved';

create or replace view {state}.run_history as
select r.run_id, r.started_at, e.finished_at, coalesce(e.status, 'unfinished') as status, r.command, r.git_sha,
    e.built, e.reused, e.failed, e.skipped, r.target, r.selection
from {state}.run as r
left join {state}.run_end as e using (run_id);

create or replace view {state}.run_steps as
select d.run_id, d.asset, coalesce(a."partition", d."partition") as "partition", d.decision, d.reason,
    coalesce(
        a.status, c.status, case when d.decision = 'REUSE' then 'reused' when e.run_id is not null then 'skipped' else 'unfinished' end
    ) as status,
    coalesce(a.started_at, c.checked_at - to_microseconds(cast(c.seconds * 1000000 as bigint))) as started_at,
    coalesce(a.finished_at, c.checked_at) as finished_at, m."rows", d.detail,
    coalesce(a.error, c.message, '') as error, coalesce(a.executor, '') as executor
from (
    -- What may be due at first is decided once its inputs are done: that decision counts.
    select * from {state}.decision
    qualify decision <> 'MAYBE' or count(*) over (partition by run_id, asset) = 1
) as d
left join {state}.run_end as e on e.run_id = d.run_id
left join {state}.check_result as c on c.run_id = d.run_id and c."check" = d.asset
left join {state}.attempt as a on a.run_id = d.run_id and a.asset = d.asset and (d."partition" = '' or a."partition" = d."partition")
left join {state}.materialization as m
    on m.run_id = a.run_id and m.asset = a.asset and m."partition" = a."partition" and m.token = a.token;

create or replace view {state}.check_history as
select "check", asset, "partition", run_id, checked_at, severity, status, failures, message, seconds, total, coalesce("when", 'after') as "when"
from {state}.check_result;

-- Failing rows, as JSON objects.
create or replace view {state}.check_failures as
select "check", asset, "partition", run_id, "position", "row" from {state}.check_sample;

create or replace view {state}.lineage as
select parent, child, kind
from (select * from {state}.edge qualify row_number() over (partition by parent, child order by run_id desc) = 1)
where not removed;

-- How old the data is of each source and model with freshness criteria: as old as the oldest of the sources behind it, through
-- views and tables alike; a table that is behind its inputs is as old as its last build. NULL: nothing is known. A source
-- without rows is infinitely old.
create or replace view {state}.data_freshness as
with recursive wanted as (
    select asset, kind, warn_after_seconds, error_after_seconds
    from {state}.current_asset
    where warn_after_seconds is not null or error_after_seconds is not null
),
reach(asset, origin) as (
    select asset, asset from wanted
    union
    select r.asset, l.parent
    from reach as r
    join {state}.lineage as l on l.child = r.origin and l.kind in ('data', 'producer')
),
built as (
    select asset, max(committed_at) as built_at from {state}.current_materialization group by asset
),
loaded as (
    select asset, max_by(coalesce(max_loaded_at, timestamp '0001-01-01'), (observed_at, run_id)) as loaded_at
    from {state}.source_freshness
    where status <> 'runtime error' and basis <> 'commit'
    group by asset
),
points as (
    select r.asset, r.origin, b.built_at, case
            when a.kind in ('source', 'ingest') then coalesce(o.loaded_at, b.built_at)
            when r.origin in (select asset from {state}.stale_input) then b.built_at
        end as loaded_at
    from reach as r
    join {state}.current_asset as a on a.asset = r.origin
    left join built as b on b.asset = r.origin
    left join loaded as o on o.asset = r.origin
)
select w.asset, w.kind,
    coalesce(min(p.loaded_at), max(p.built_at) filter (p.origin = w.asset)) as data_loaded_at,
    coalesce(min_by(p.origin, p.loaded_at), max(p.origin) filter (p.origin = w.asset and p.built_at is not null)) as oldest_input,
    w.warn_after_seconds, w.error_after_seconds
from wanted as w
join points as p using (asset)
group by w.asset, w.kind, w.warn_after_seconds, w.error_after_seconds;

create or replace view {state}.lineage_closure as
with recursive reach(parent, child, depth) as (
    select parent, child, 1 from {state}.lineage
    union
    select r.parent, l.child, r.depth + 1
    from reach as r
    join {state}.lineage as l on l.parent = r.child
)
select parent, child, min(depth) as depth from reach group by parent, child;

-- How much of each asset's column lineage is known.
create or replace view {state}.current_column_coverage as
select * from {state}.column_coverage qualify row_number() over (partition by asset order by run_id desc) = 1 and "version" <> '';

create or replace view {state}.column_lineage as
select from_asset, from_column, to_asset, to_column, kind, detail
from (
    select *
    from {state}.column_edge
    qualify row_number() over (partition by from_asset, from_column, to_asset, to_column, kind order by run_id desc) = 1
)
where not removed;

-- The same as it was in a run, or at a time (UTC).
create or replace macro {state}.column_lineage_as_of(moment) as table
select from_asset, from_column, to_asset, to_column, kind, detail
from (
    select *
    from {state}.column_edge
    where run_id <= coalesce(
        (select run_id from {state}.run where run_id = moment::varchar),
        (select max(run_id) from {state}.run where started_at <= try_cast(moment::varchar as timestamp))
    )
    qualify row_number() over (partition by from_asset, from_column, to_asset, to_column, kind order by run_id desc) = 1
)
where not removed;

-- Which columns lead to which: `*` at one end of an edge means each column of that asset that anything is known of.
create or replace view {state}.column_link as
with edges as materialized (select distinct from_asset, from_column, to_asset, to_column from {state}.column_lineage),
columns as (
    select asset, unnest("names") as "column" from {state}.current_column_coverage
    union
    select asset, "column" from {state}.asset_column
    union
    select from_asset, from_column from edges
)
select from_asset, from_column, to_asset, to_column from edges
union
select e.from_asset, c."column", e.to_asset, e.to_column
from edges as e
join columns as c on c.asset = e.from_asset
where e.from_column = '*'
union
select e.from_asset, e.from_column, e.to_asset, c."column"
from edges as e
join columns as c on c.asset = e.to_asset
where e.to_column = '*'
union
select e.from_asset, f."column", e.to_asset, t."column"
from edges as e
join columns as f on f.asset = e.from_asset
join columns as t on t.asset = e.to_asset
where e.from_column = '*' and e.to_column = '*';

-- Each column with every column it flows into (`to_column` empty: it decides which rows there are, and so about everything that
-- reads them), over the fewest edges.
create or replace view {state}.column_lineage_closure as
with recursive links as materialized (from {state}.column_link),
below(parent, child, depth) using key (parent, child) as (
    select distinct parent, child, 1 from {state}.lineage
    union
    select b.parent, l.child, min(b.depth + 1)
    from below as b
    join {state}.lineage as l on l.parent = b.child
    anti join recurring.below as known on known.parent = b.parent and known.child = l.child
    group by all
),
reach(from_asset, from_column, to_asset, to_column, depth) using key (from_asset, from_column, to_asset, to_column) as (
    select from_asset, from_column, to_asset, to_column, 1 from links where to_column <> ''
    union
    select r.from_asset, r.from_column, l.to_asset, l.to_column, min(r.depth + 1)
    from reach as r
    join links as l on l.from_asset = r.to_asset and l.from_column = r.to_column and l.to_column <> ''
    anti join recurring.reach as known on known.from_asset = r.from_asset and known.from_column = r.from_column
        and known.to_asset = l.to_asset and known.to_column = l.to_column
    group by all
),
chosen as (
    select from_asset, from_column, to_asset, 1 as depth from links where to_column = ''
    union all
    select r.from_asset, r.from_column, l.to_asset, r.depth + 1
    from reach as r
    join links as l on l.from_asset = r.to_asset and l.from_column = r.to_column and l.to_column = ''
),
decided as (select from_asset, from_column, to_asset, min(depth) as depth from chosen group by all)
select from_asset, from_column, to_asset, to_column, depth from reach
union all
select from_asset, from_column, to_asset, '', min(depth)
from (
    from decided
    union all
    select d.from_asset, d.from_column, b.child, d.depth + b.depth
    from decided as d
    join below as b on b.parent = d.to_asset
)
group by all;

-- The same from one column alone, which takes a fraction of the time: what it flows into ...
create or replace macro {state}.column_readers(of_asset, of_column) as table
with recursive links as materialized (from {state}.column_link),
reach(asset, "column", depth) using key (asset, "column") as (
    select distinct to_asset, to_column, 1 from links where from_asset = of_asset and lower(from_column) = lower(of_column)
    union
    select n.asset, n."column", min(n.depth)
    from (
        select l.to_asset as asset, l.to_column as "column", r.depth + 1 as depth
        from reach as r
        join links as l on l.from_asset = r.asset and l.from_column = r."column"
        union all
        select l.child, '', r.depth + 1
        from reach as r
        join {state}.lineage as l on l.parent = r.asset
        where r."column" = ''
    ) as n
    anti join recurring.reach as known on known.asset = n.asset and known."column" = n."column"
    group by all
)
select asset, "column", depth from reach;

-- ... and what flows into it, or decides about the rows it stands in.
create or replace macro {state}.column_origins(of_asset, of_column) as table
with recursive links as materialized (from {state}.column_link),
reach(asset, "column", depth) using key (asset, "column") as (
    select distinct from_asset, from_column, 1
    from links
    where to_asset = of_asset and lower(to_column) in (lower(of_column), '')
    union
    select n.asset, n."column", min(n.depth)
    from (
        select l.from_asset as asset, l.from_column as "column", r.depth + 1 as depth
        from reach as r
        join links as l on l.to_asset = r.asset and l.to_column in (r."column", '')
    ) as n
    anti join recurring.reach as known on known.asset = n.asset and known."column" = n."column"
    group by all
)
select asset, "column", depth from reach;
