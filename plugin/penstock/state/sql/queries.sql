-- Every statement on the state tables, by name. `{state}` is the quoted schema, `{relation}` a quoted relation;
-- everything else is a bound parameter.

-- name: schema_version
-- The version of the stored schema; no row in a store that was never made.
select cast("value" as integer) from {state}.meta where "key" = 'schema_version';

-- name: set_meta
-- Replace one entry of meta (two statements: remove_meta first).
insert into {state}.meta select $key, $value;

-- name: remove_meta
delete from {state}.meta where "key" = $key;

-- name: get_meta
select "value" from {state}.meta where "key" = $key;

-- name: describe
-- The columns of a relation or subquery, with their types.
select column_name, column_type from (describe select * from {relation});

-- name: insert_run
insert into {state}.run
select $run_id, $started_at, $command, $target, $selection, $git_sha, $penstock_version, $dbt_version, $threads;

-- name: insert_run_end
insert into {state}.run_end select $run_id, $finished_at, $status, $built, $reused, $failed, $skipped;

-- name: insert_decisions
insert into {state}.decision
select $run_id, unnest($assets::varchar[]), unnest($partitions::varchar[]), unnest($decisions::varchar[]),
    unnest($reasons::varchar[]), unnest($details::varchar[]);

-- name: insert_observations
insert into {state}.observation
select $run_id, unnest($assets::varchar[]), unnest($versions::varchar[]), unnest($strengths::varchar[]), $observed_at;

-- name: touch_claims
-- Intent: change whoever holds these now, so that a take-over and an open fence conflict. In DuckDB only two updates of a
-- row conflict, not an update and a delete, and an update that changes nothing is none; hence the microsecond.
update {state}.claim set claimed_at = greatest($claimed_at, claimed_at + interval 1 microsecond)
where (asset, "partition") in (select unnest($assets::varchar[]), unnest($partitions::varchar[]));

-- name: remove_claims
-- Intent, first half: forget who held these before.
delete from {state}.claim
where (asset, "partition") in (select unnest($assets::varchar[]), unnest($partitions::varchar[]));

-- name: next_token
-- The highest token ever given, in claims or in records.
select greatest(
    (select coalesce(max(token), 0) from {state}.claim),
    (select coalesce(max(token), 0) from {state}.attempt),
    (select coalesce(max(token), 0) from {state}.materialization)
);

-- name: insert_claims
-- Intent, second half: one row with a new fencing token for each asset and partition.
insert into {state}.claim
select unnest($assets::varchar[]), unnest($partitions::varchar[]), unnest($tokens::bigint[]), $run_id, $claimed_at;

-- name: fence
-- Touch the claim inside the data's transaction: exactly one row must come back, with our token. The write makes two writers
-- conflict; two first claims that crossed both stand, and then neither may write.
update {state}.claim set claimed_at = greatest($claimed_at, claimed_at + interval 1 microsecond)
where asset = $asset and "partition" = $partition
returning token;

-- name: fence_or_fail
-- The same where no one can count the rows that come back: dbt's hooks.
update {state}.claim set claimed_at = greatest($claimed_at, claimed_at + interval 1 microsecond)
where asset = $asset and "partition" = $partition;
select case
    when count(*) = 1 and max(token) = $token then true
    else error('penstock: the claim on this asset was taken over by another run')
end
from {state}.claim
where asset = $asset and "partition" = $partition;

-- name: record_table
-- The record of a table whose columns were not known when this was written (dbt's post-hook): the same version as
-- `content_query` in compiler/content.py makes.
insert into {state}.materialization
select $run_id, $asset, $partition, $partition_start, $partition_end, $token, $relation_name, $relation_type, $code_version,
    content."version", content."rows", $volatile, $executor, $committed_at, $fingerprint,
    case when $recreates then $token else coalesce((select max(generation) from {state}.materialization where asset = $asset), $token) end, null,
    (select list(column_name) from (describe select * from {relation})),
    (select list_value(*columns(*)) from (select count(*) - count(columns(*)) from {relation}))
from (
    select count(*) as "rows", 'rows:' || count(*) || ':' || coalesce(sum(hash(*columns(*))), 0) || ':'
        || (select md5(string_agg(column_name || ' ' || column_type, chr(10))) from (describe select * from {relation})) as "version"
    from (
        select *, case
            when typeof(columns(*)) in ('DOUBLE', 'FLOAT') then cast(signbit(try_cast(columns(*) as double)) as ubigint)
            when typeof(columns(*)) in ('INTERVAL', 'VARIANT') or typeof(columns(*)) like '%[%'
                or (typeof(columns(*)) like '%(%' and typeof(columns(*)) not like 'DECIMAL%')
                then hash(cast(columns(*) as varchar))
        end
        from {relation}
    )
) as content;

-- name: record_view
-- The record of a view: it holds no rows of its own, so its version is its code and its columns.
insert into {state}.materialization
select $run_id, $asset, $partition, $partition_start, $partition_end, $token, $relation_name, $relation_type, $code_version,
    'code:' || $code_version || ':'
        || (select md5(string_agg(column_name || ' ' || column_type, chr(10))) from (describe select * from {relation})),
    null, $volatile, $executor, $committed_at, $fingerprint, $token, null, null, null;

-- name: record_version
-- The record of what has a version that is known beforehand.
insert into {state}.materialization
select $run_id, $asset, $partition, $partition_start, $partition_end, $token, $relation_name, $relation_type, $code_version,
    $data_version, $rows, $volatile, $executor, $committed_at, $fingerprint,
    case when $recreates then $token else coalesce((select max(generation) from {state}.materialization where asset = $asset), $token) end, $high_water,
    $counted::varchar[], $nulls::bigint[];

-- name: record_partitions
-- The record of some partitions that were written together; where they made the table anew, older records count no more.
insert into {state}.materialization
select $run_id, $asset, unnest($partitions::varchar[]), unnest($starts::timestamp[]), unnest($ends::timestamp[]),
    unnest($tokens::bigint[]), $relation_name, $relation_type, $code_version, unnest($data_versions::varchar[]),
    unnest($counts::bigint[]), $volatile, $executor, $committed_at, $fingerprint,
    case when $recreates then $token else coalesce((select max(generation) from {state}.materialization where asset = $asset), $token) end, $high_water,
    $counted::varchar[], unnest($null_counts::bigint[][]);

-- name: record_column_metrics
-- What was measured of the columns of some partitions, one row for each partition and column.
insert into {state}.column_metric
select $run_id, $asset, unnest($metric_partitions::varchar[]), unnest($metric_tokens::bigint[]), unnest($metric_columns::varchar[]),
    unnest($smallest::varchar[]), unnest($largest::varchar[]), unnest($distinct_counts::bigint[]), unnest($quantiles::double[][]);

-- name: record_partition_inputs
insert into {state}.materialization_input
select $run_id, $asset, unnest($input_partitions::varchar[]), unnest($input_tokens::bigint[]), unnest($inputs::varchar[]),
    unnest($versions::varchar[]), unnest($columns::varchar[][]);

-- name: record_partition_attempts
insert into {state}.attempt
select $run_id, $asset, unnest($partitions::varchar[]), unnest($tokens::bigint[]), $executor, $status, $error, $started_at, $finished_at;

-- name: record_partition_failures
-- The same for attempts that failed, but those whose record stands after all: a lost reply is not a failure.
insert into {state}.attempt
select $run_id, $asset, f."partition", f.token, $executor, $status, $error, $started_at, $finished_at
from (select unnest($partitions::varchar[]) as "partition", unnest($tokens::bigint[]) as token) as f
anti join {state}.materialization as m on m.asset = $asset and m."partition" = f."partition" and m.token = f.token;

-- name: fence_partitions
-- The fence of several partitions at once: each must come back, with our token.
update {state}.claim set claimed_at = greatest($claimed_at, claimed_at + interval 1 microsecond)
where asset = $asset and "partition" in (select unnest($partitions::varchar[]))
returning "partition", token;

-- name: read_back_partitions
select "partition", "rows", data_version
from {state}.materialization
where asset = $asset and token in (select unnest($tokens::bigint[])) and "partition" in (select unnest($partitions::varchar[]));

-- name: partition_records
-- What every asset with partitions holds.
select asset, "partition", run_id, token, code_version, data_version, "rows", committed_at, fingerprint, high_water
from {state}.current_materialization
where "partition" <> '';

-- name: partition_inputs
-- What those partitions consumed.
select i.asset, i."partition", i.input, i.input_version, i.columns
from {state}.materialization_input as i
join {state}.current_materialization as m using (asset, "partition", token)
where i."partition" <> '';

-- name: partition_costs
-- What a partition took on average: rows, and seconds of the query it was made with, which may have made others too.
with made as (
    select a.asset, count(*) as partitions, sum(m."rows") as "rows", epoch(a.finished_at) - epoch(a.started_at) as seconds
    from {state}.attempt as a
    join {state}.materialization as m on m.asset = a.asset and m."partition" = a."partition" and m.token = a.token
    where a."partition" <> '' and a.status = 'success'
    group by a.asset, a.run_id, a.started_at, a.finished_at
)
select asset, sum("rows") / sum(partitions), sum(seconds) / sum(partitions) from made group by asset;

-- name: agreed_inputs
-- What all that is held agrees with; a later run that built some partitions only, or failed at others, ends the agreement.
select a.asset, a.input, max_by(a.input_version, a.run_id)
from {state}.agreed_input as a
left join (select asset, max(run_id) as run_id from {state}.materialization group by asset) as latest using (asset)
where latest.run_id is null or a.run_id >= latest.run_id
group by a.asset, a.input;

-- name: insert_agreed_inputs
insert into {state}.agreed_input
select $run_id, $asset, unnest($inputs::varchar[]), unnest($versions::varchar[]);

-- name: recorded_gaps
-- What was last found missing of each asset.
select asset, "partition", status from {state}.current_gap;

-- name: insert_gaps
insert into {state}.partition_gap
select $run_id, $asset, unnest($partitions::varchar[]), unnest($starts::timestamp[]), unnest($ends::timestamp[]), unnest($statuses::varchar[]);

-- name: high_water_of
-- How far the cursor of an asset came.
select high_water from {state}.current_materialization where asset = $asset order by token desc limit 1;

-- name: cursor_column_of
-- The column that an asset's cursor followed last.
select "column" from {state}.cursor_column where asset = $asset order by run_id desc limit 1;

-- name: record_cursor_column
insert into {state}.cursor_column select $run_id, $asset, $column;

-- name: record_inputs
insert into {state}.materialization_input
select $run_id, $asset, $partition, $token, unnest($inputs::varchar[]), unnest($versions::varchar[]), unnest($columns::varchar[][]);

-- name: insert_projections
insert into {state}.projection
select $run_id, unnest($assets::varchar[]), unnest($versions::varchar[]), unnest($columns::varchar[][]), unnest($projected::varchar[]);

-- name: insert_code_aliases
insert into {state}.code_alias
select $run_id, unnest($assets::varchar[]), unnest($fingerprints::varchar[]), unnest($code_versions::varchar[]);

-- name: record_attempt
insert into {state}.attempt
select $run_id, $asset, $partition, $token, $executor, $status, $error, $started_at, $finished_at;

-- name: record_failure
-- The same for an attempt that failed, unless its record stands after all: a lost reply is not a failure.
insert into {state}.attempt
select $run_id, $asset, $partition, $token, $executor, $status, $error, $started_at, $finished_at
where not exists (
    select 1 from {state}.materialization where asset = $asset and "partition" = $partition and token = $token
);

-- name: read_back
-- Whether a commit really happened; only the table knows.
select "rows", data_version from {state}.materialization where asset = $asset and "partition" = $partition and token = $token;

-- name: release_claims
-- What was claimed and never begun: nobody holds it any more.
delete from {state}.claim
where run_id = $run_id and (asset, "partition") in (select unnest($assets::varchar[]), unnest($partitions::varchar[]));

-- name: crashed_claims
-- Claims of earlier runs that no attempt ever answered: what was in flight when a process died.
select c.asset, c."partition", c.token, c.run_id, c.claimed_at
from {state}.claim as c
anti join {state}.attempt as a on a.asset = c.asset and a."partition" = c."partition" and a.token = c.token
anti join {state}.materialization as m on m.asset = c.asset and m."partition" = c."partition" and m.token = c.token
where c.run_id <> $run_id;

-- name: mark_crashed
insert into {state}.attempt
select c.run_id, c.asset, c."partition", c.token, '', 'crashed', 'the process ended before this attempt did', c.claimed_at, $finished_at
from {state}.claim as c
anti join {state}.attempt as a on a.asset = c.asset and a."partition" = c."partition" and a.token = c.token
anti join {state}.materialization as m on m.asset = c.asset and m."partition" = c."partition" and m.token = c.token
where c.run_id <> $run_id;

-- name: insert_check_results
insert into {state}.check_result
select $run_id, unnest($checks::varchar[]), unnest($assets::varchar[]), unnest($partitions::varchar[]), unnest($statuses::varchar[]),
    unnest($severities::varchar[]), unnest($failures::bigint[]), unnest($messages::varchar[]), unnest($code_versions::varchar[]),
    unnest($inputs_versions::varchar[]), unnest($volatiles::varchar[]), unnest($checked_at::timestamp[]), unnest($seconds::double[]), unnest($fingerprints::varchar[]),
    unnest($whens::varchar[]), unnest($totals::bigint[]);

-- name: insert_check_samples
insert into {state}.check_sample
select $run_id, unnest($checks::varchar[]), unnest($assets::varchar[]), unnest($partitions::varchar[]), unnest($positions::integer[]),
    unnest($rows::varchar[]);

-- name: ci_samples
-- Rows that failed a run's checks, at most so many of each check and asset.
select "check", asset, "row"
from {state}.check_sample
where run_id = $run_id and "position" <= $most
order by "check", asset, "partition", "position";

-- name: insert_waivers
insert into {state}.waiver select unnest($checks::varchar[]), $until, $reason, $waived_at;

-- name: current_waivers
-- The latest waiver of each check.
select "check", max_by(until, waived_at), max_by(reason, waived_at) from {state}.waiver group by "check";

-- name: current_materializations
-- The latest materialization of each asset; the version of one with partitions is made of those of all it holds.
select m.asset, m."partition", m.run_id, m.token, m.code_version, v.data_version, m."rows", m.relation, m.committed_at,
    m.relation_type, m.volatile, list_distinct(list_value(m.fingerprint) || coalesce(a.fingerprints, []))
from {state}.materialization as m
join {state}.current_version as v on v.asset = m.asset and v.token = m.token
left join (
    select asset, code_version, list(fingerprint) as fingerprints from {state}.code_alias group by all
) as a on a.asset = m.asset and a.code_version = m.code_version;

-- name: columns_to_record
-- Relations whose last record was written with other columns than those on record, with the run that wrote it; functions have none.
-- Of runs before the last one whose columns are recorded nothing is left to do.
with latest as (
    select asset, max_by(run_id, token) as run_id, split_part(max_by(data_version, token), ':', -1) as columns
    from {state}.materialization
    where relation_type <> 'function' and run_id >= coalesce((select max(run_id) from {state}.relation_column), '')
    group by asset
),
recorded as (
    select asset, md5(string_agg("column" || ' ' || data_type, chr(10) order by "position")) as columns
    from {state}.current_relation_column
    where asset in (select asset from latest)
    group by asset
)
select l.asset, l.run_id from latest as l left join recorded as r using (asset) where l.columns is distinct from r.columns;

-- name: recorded_relation_columns
-- The columns on record of some relations, in order.
select asset, "column", data_type from {state}.current_relation_column
where asset in (select unnest($assets::varchar[])) order by asset, "position";

-- name: insert_relation_columns
insert into {state}.relation_column
select unnest($runs::varchar[]), unnest($assets::varchar[]), unnest($columns::varchar[]), unnest($data_types::varchar[]),
    unnest($positions::integer[]), unnest($removed::boolean[]);

-- name: show_column_changes
-- The columns of one asset in order, then those that are gone, each with the latest that became of it.
select h."column", h.data_type, h.change, h.before, h.run_id, h."at"
from (select * from {state}.column_history where asset = $asset qualify row_number() over (partition by "column" order by run_id desc) = 1) as h
left join {state}.current_relation_column as c on c.asset = h.asset and c."column" = h."column"
order by c."position" nulls last, h."column";

-- name: version_of
select data_version from {state}.current_version where asset = $asset;

-- name: current_projections
-- What some columns held in the versions that are current, or that somebody consumed last.
select p.asset, p."version", p.columns, p.projected
from {state}.projection as p
where (p.asset, p."version") in (
    select asset, data_version from {state}.current_version
    union
    select i.input, i.input_version from {state}.current_input as i
    union
    select asset, max_by(version, (observed_at, run_id)) from {state}.observation group by asset
);

-- name: current_inputs
select asset, input, input_version, columns from {state}.current_input;

-- name: latest_attempts
select asset, "partition", status, run_id, error, token from {state}.latest_attempt;

-- name: failed_partitions
-- Partitions whose latest attempt did not succeed, and those whose claim no attempt ever answered: the process died. The flag:
-- it was only interrupted, and what was tried before that went well.
select asset, "partition", coalesce(max_by(status, (token, finished_at)) filter (status <> 'cancelled'), 'success') = 'success'
from {state}.attempt
where "partition" <> ''
group by asset, "partition"
having max_by(status, (token, finished_at)) <> 'success'
    and max(token) > coalesce((select max(m.generation) from {state}.materialization as m where m.asset = attempt.asset), 0)
union
select c.asset, c."partition", false
from {state}.claim as c
anti join {state}.attempt as a on a.asset = c.asset and a."partition" = c."partition" and a.token = c.token
anti join {state}.materialization as m on m.asset = c.asset and m."partition" = c."partition" and m.token = c.token
where c."partition" <> '';

-- name: check_blocks
-- Assets whose latest rows were not published because tests found something in them: the tests, and the run.
select a.asset, list(c."check" order by c."check"), a.run_id
from {state}.latest_attempt as a
join {state}.check_result as c on c.run_id = a.run_id and c.asset = a.asset and c.status in ('fail', 'error') and c.inputs_version = ''
where a.status = 'failed'
group by a.asset, a.run_id;

-- name: latest_checks
select "check", max_by(status, (checked_at, run_id)), max_by(code_version, (checked_at, run_id)), max_by(run_id, (checked_at, run_id)),
    max_by(inputs_version, (checked_at, run_id)), max_by(volatile, (checked_at, run_id)),
    max_by(coalesce(fingerprint, ''), (checked_at, run_id))
from {state}.check_result
group by "check";

-- name: code_aliases
select asset, fingerprint, code_version from {state}.code_alias;

-- name: recorded_assets
select asset, kind, "name", package, path, relation, materialized, code_version, owner, description, tags,
    warn_after_seconds, error_after_seconds
from {state}.current_asset;

-- name: recorded_edges
select parent, child, kind from {state}.lineage;

-- name: recorded_columns
select asset, "column", data_type, description
from (select * from {state}.asset_column qualify row_number() over (partition by asset, "column" order by run_id desc) = 1)
where not removed;

-- name: insert_assets
insert into {state}.asset
select $run_id, unnest($assets::varchar[]), unnest($kinds::varchar[]), unnest($names::varchar[]), unnest($packages::varchar[]),
    unnest($paths::varchar[]), unnest($relations::varchar[]), unnest($materialized::varchar[]), unnest($code_versions::varchar[]),
    unnest($owners::varchar[]), unnest($descriptions::varchar[]), unnest($tags::varchar[][]), unnest($removed::boolean[]),
    unnest($warn_after_seconds::bigint[]), unnest($error_after_seconds::bigint[]);

-- name: insert_edges
insert into {state}.edge
select $run_id, unnest($parents::varchar[]), unnest($children::varchar[]), unnest($kinds::varchar[]), unnest($removed::boolean[]);

-- name: insert_columns
insert into {state}.asset_column
select $run_id, unnest($assets::varchar[]), unnest($columns::varchar[]), unnest($data_types::varchar[]),
    unnest($descriptions::varchar[]), unnest($removed::boolean[]);

-- name: insert_definitions
insert into {state}.definition
select $run_id, unnest($assets::varchar[]), unnest($kinds::varchar[]), unnest($bodies::varchar[]), unnest($configs::varchar[]),
    unnest($relations::varchar[]), unnest($descriptions::varchar[]), unnest($column_descriptions::varchar[]),
    unnest($contents::varchar[]), unnest($contracts::varchar[]), unnest($removed::boolean[]);

-- name: definitions_as_of
-- What each node and macro was in a run; an empty run_id means now.
select asset, kind, body, configs, relation, description, column_descriptions, contents, contract
from (
    select *
    from {state}.definition
    where $run_id = '' or run_id <= $run_id
    qualify row_number() over (partition by asset order by run_id desc) = 1
)
where not removed;

-- name: run_as_of
-- The latest run that had ended by a time, and well if it must be a good one.
select run_id
from {state}.run_history
where finished_at <= $before and (status = 'success' or not $good)
order by run_id desc
limit 1;

-- name: statuses_of
-- How each asset, or each of its partitions, ended in a run: the last attempt counts.
select asset, decision, status
from {state}.run_steps
where run_id = $run_id
qualify row_number() over (partition by asset, "partition" order by finished_at desc nulls last) = 1;

-- name: fresher_since
-- What holds other content than when a run ended: built here, or seen.
with seen as (
    select asset, data_version as version, run_id, token as n from {state}.materialization
    union all
    select asset, version, run_id, epoch_us(observed_at) from {state}.observation
)
select asset
from seen
group by asset
having max_by(version, (run_id, n)) is distinct from max_by(version, (run_id, n)) filter (run_id <= $run_id);

-- name: gc_runs
-- The runs that may be forgotten: older than the cut, and nothing current was made by them.
select run_id from {state}.run
where started_at < $before
    and run_id not in (select run_id from {state}.current_materialization)
    and run_id not in (select run_id from {state}.claim);

-- name: gc_decision
delete from {state}.decision where run_id in (select unnest($runs::varchar[]));

-- name: gc_attempt
delete from {state}.attempt where run_id in (select unnest($runs::varchar[]));

-- name: gc_check_result
-- The latest result of each check is kept.
delete from {state}.check_result
where run_id in (select unnest($runs::varchar[]))
    and ("check", checked_at) not in (select "check", max(checked_at) from {state}.check_result group by "check");

-- name: gc_check_sample
-- The samples of results that are kept are kept.
delete from {state}.check_sample
where run_id in (select unnest($runs::varchar[]))
    and (run_id, "check") not in (select run_id, "check" from {state}.check_result);

-- name: gc_observation
-- The latest observation of each asset is kept.
delete from {state}.observation
where run_id in (select unnest($runs::varchar[]))
    and (asset, observed_at) not in (select asset, max(observed_at) from {state}.observation group by asset);

-- name: gc_materialization_input
delete from {state}.materialization_input where run_id in (select unnest($runs::varchar[]));

-- name: gc_column_metric
delete from {state}.column_metric where run_id in (select unnest($runs::varchar[]));

-- name: gc_materialization
delete from {state}.materialization where run_id in (select unnest($runs::varchar[]));

-- name: gc_projection
-- What is known of current and consumed versions is kept.
delete from {state}.projection
where run_id in (select unnest($runs::varchar[])) and (asset, "version") not in (
    select asset, data_version from {state}.current_version
    union
    select input, input_version from {state}.current_input
    union
    select asset, max_by(version, (observed_at, run_id)) from {state}.observation group by asset
);

-- name: gc_agreed_input
-- The latest agreement with each input is kept.
delete from {state}.agreed_input
where run_id in (select unnest($runs::varchar[]))
    and (asset, input, run_id) not in (select asset, input, max(run_id) from {state}.agreed_input group by asset, input);

-- name: gc_partition_gap
-- What was last found missing of each asset is kept.
delete from {state}.partition_gap
where run_id in (select unnest($runs::varchar[]))
    and (asset, run_id) not in (select asset, max(run_id) from {state}.partition_gap group by asset);

-- name: gc_run_end
delete from {state}.run_end where run_id in (select unnest($runs::varchar[]));

-- name: gc_run
delete from {state}.run where run_id in (select unnest($runs::varchar[]));

-- name: show_status
-- Worst first.
select asset, relation, kind, status, reason, last_built_at, "rows", detail, owner, path
from {state}.asset_status
order by array_position(['failed', 'never_built', 'stale', 'fresh', 'external', 'ephemeral'], status), asset;

-- name: show_lateness
-- How old the data of each asset with freshness criteria is now, in dbt's words; `unknown` where nothing was ever seen.
select asset, case
        when data_loaded_at is null then 'unknown'
        when epoch($now::timestamp) - epoch(data_loaded_at) > error_after_seconds then 'error'
        when epoch($now::timestamp) - epoch(data_loaded_at) > warn_after_seconds then 'warn'
        else 'pass'
    end as status,
    nullif(data_loaded_at, timestamp '0001-01-01') as data_loaded_at, oldest_input
from {state}.data_freshness;

-- name: insert_source_freshness
insert into {state}.source_freshness
select $run_id, unnest($assets::varchar[]), unnest($statuses::varchar[]), unnest($bases::varchar[]), unnest($loaded::timestamp[]),
    unnest($snapshotted::timestamp[]), unnest($ages::double[]), unnest($errors::varchar[]), unnest($observed::timestamp[]),
    unnest($seconds::double[]);

-- name: gc_source_freshness
-- The latest look at each source is kept, and the latest that found a time.
delete from {state}.source_freshness
where observed_at < $before
    and (asset, observed_at) not in (select asset, max(observed_at) from {state}.source_freshness group by asset)
    and (asset, observed_at) not in (
        select asset, max(observed_at) from {state}.source_freshness where status <> 'runtime error' group by asset
    );

-- name: last_commits
-- When each asset was last committed.
select asset, max(committed_at) from {state}.materialization group by asset;

-- name: statuses
select asset, status from {state}.asset_status;

-- name: failed_looks
-- Sources that could not be asked when they were last looked at.
select asset from {state}.source_freshness group by asset having max_by(status, (observed_at, run_id)) = 'runtime error';

-- name: failed_checks
select "check" from {state}.check_result group by "check" having max_by(status, (checked_at, run_id)) in ('fail', 'error');

-- name: show_check_failures
select "check", asset, status, failures, message, checked_at
from {state}.check_result
qualify row_number() over (partition by "check" order by checked_at desc, run_id desc) = 1
    and status in ('fail', 'error', 'warn')
order by "check";

-- name: show_partitions
select asset, count(*) filter (where status = 'held') as held, count(*) filter (where status = 'failed') as failed,
    min("partition") filter (where status = 'held') as first_partition, max("partition") filter (where status = 'held') as last_partition,
    count(*) filter (where status = 'missing') as missing, count(*) filter (where status = 'waiting') as waiting
from {state}.partition_status
group by asset
order by asset;

-- name: partition_statuses
select asset, list(distinct status) from {state}.partition_status group by asset;

-- name: show_partitions_of
-- Every partition of an asset that is held, failed, missing or waiting.
select "partition", partition_start, partition_end, status, run_id, "rows", committed_at
from {state}.partition_status
where asset = $asset
order by partition_start nulls last, "partition";

-- name: insert_backfill
insert into {state}.backfill select $backfill_id, $requested_at, $selection, $order, $max_active, $forced;

-- name: insert_backfill_partitions
insert into {state}.backfill_partition select $backfill_id, unnest($assets::varchar[]), unnest($partitions::varchar[]);

-- name: insert_backfill_end
insert into {state}.backfill_end select $backfill_id, $ended_at, $status;

-- name: show_backfills
-- What was asked for, the newest first, and how much of it was committed since; `open` can be resumed.
select b.backfill_id, b.requested_at, b.selection, b."order", b.max_active, b.forced, count(nullif(p."partition", '')) as partitions,
    count(*) filter (p."partition" <> '' and m.committed_at >= b.requested_at) as built, coalesce(any_value(e.status), 'open') as status
from {state}.backfill as b
left join {state}.backfill_partition as p using (backfill_id)
left join {state}.current_materialization as m on m.asset = p.asset and m."partition" = p."partition"
left join {state}.backfill_end as e using (backfill_id)
where starts_with(b.backfill_id, $prefix)
group by all
order by b.backfill_id desc;

-- name: backfill_left
-- The partitions of a backfill that were not committed since it was asked for.
select p.asset, p."partition"
from {state}.backfill_partition as p
join {state}.backfill as b using (backfill_id)
left join {state}.current_materialization as m on m.asset = p.asset and m."partition" = p."partition"
where p.backfill_id = $backfill_id and (m.asset is null or m.committed_at < b.requested_at);

-- name: show_runs
select run_id, started_at, finished_at, status, command, built, reused, failed, skipped, git_sha
from {state}.run_history
where started_at >= $since and (not $failed_only or status <> 'success')
order by run_id desc
limit $limit;

-- name: show_run
select run_id, started_at, finished_at, status, command, built, reused, failed, skipped, git_sha, target, selection
from {state}.run_history
where starts_with(run_id, $prefix)
order by run_id desc
limit 2;

-- name: show_steps
select asset, "partition", decision, reason, status, started_at, finished_at, "rows", detail, error, executor
from {state}.run_steps
where run_id = $run_id
order by decision = 'REUSE', started_at nulls last, asset, "partition";

-- name: show_checks
select "check", asset, status, severity, failures, message, seconds
from {state}.check_history
where run_id = $run_id
order by status = 'pass', "check";

-- name: recorded_coverage
select asset, "version", "names", inputs from {state}.current_column_coverage;

-- name: recorded_column_edges
-- What was last recorded to flow into some assets.
select from_asset, from_column, to_asset, to_column, kind, detail
from {state}.column_lineage
where to_asset in (select unnest($assets::varchar[]));

-- name: insert_column_edges
insert into {state}.column_edge
select $run_id, unnest($from_assets::varchar[]), unnest($from_columns::varchar[]), unnest($to_assets::varchar[]),
    unnest($to_columns::varchar[]), unnest($kinds::varchar[]), unnest($removed::boolean[]), unnest($details::varchar[]);

-- name: insert_column_coverage
insert into {state}.column_coverage
select $run_id, unnest($assets::varchar[]), unnest($versions::varchar[]), unnest($columns::integer[]), unnest($known::integer[]),
    unnest($reasons::varchar[]), unnest($names::varchar[][]), unnest($inputs::varchar[][]);

-- name: show_column_lineage
select from_asset, from_column, to_asset, to_column, kind, coalesce(detail, '') from {state}.column_lineage order by all;

-- name: show_columns
-- The columns of each asset that anything is known of: those of queries in order, those that are read, those that are declared.
select asset, "column"
from (
    select asset, unnest("names") as "column", generate_subscripts("names", 1) as "position" from {state}.current_column_coverage
    union all
    select asset, "column", 10000
    from (select * from {state}.asset_column qualify row_number() over (partition by asset, "column" order by run_id desc) = 1)
    where not removed
    union all
    select from_asset, from_column, 20000 from {state}.column_lineage
)
where "column" <> '*'
group by asset, "column"
order by asset, min("position"), "column";

-- name: show_coverage
select v.asset, v.columns, v.known, v.reason
from {state}.current_column_coverage as v
join {state}.current_asset as a using (asset)
where a.kind in ('model', 'snapshot', 'ingest', 'source', 'function') and v.columns > 0
order by v.asset;

-- name: show_lineage
select parent, child, kind from {state}.lineage order by parent, child;

-- name: table_sizes
select table_name, estimated_size
from duckdb_tables()
where lower(schema_name) = lower($schema) and database_name = current_database()
order by table_name;

-- name: last_run
select run_id, started_at, status from {state}.run_history order by run_id desc limit 1;
