-- The state tables as a fresh store has them. `{state}` is the quoted schema. All times are UTC.
-- Facts are appended and never edited; `claim` is the only table whose rows change.

create table {state}.meta (
    "key" varchar not null,
    "value" varchar not null
);

-- One row when a run starts ...
create table {state}.run (
    run_id varchar not null,
    started_at timestamp not null,
    command varchar not null,
    target varchar not null,
    selection varchar not null,
    git_sha varchar not null,
    penstock_version varchar not null,
    dbt_version varchar not null,
    threads integer not null
);

-- ... and one when it ends; a run without it crashed or is still going.
create table {state}.run_end (
    run_id varchar not null,
    finished_at timestamp not null,
    status varchar not null,
    built integer not null,
    reused integer not null,
    failed integer not null,
    skipped integer not null
);

-- What a run decided for each asset, and why.
create table {state}.decision (
    run_id varchar not null,
    asset varchar not null,
    "partition" varchar not null,
    decision varchar not null,
    reason varchar not null,
    detail varchar not null
);

-- Who may write an asset now: whoever holds the highest token.
create table {state}.claim (
    asset varchar not null,
    "partition" varchar not null,
    token bigint not null,
    run_id varchar not null,
    claimed_at timestamp not null
);

-- One row for each finished attempt, good or bad.
create table {state}.attempt (
    run_id varchar not null,
    asset varchar not null,
    "partition" varchar not null,
    token bigint not null,
    executor varchar not null,
    status varchar not null,
    error varchar not null,
    started_at timestamp not null,
    finished_at timestamp not null
);

-- The record of data: written in the transaction that wrote the data. `generation` is the token with which its table was made:
-- only records of the latest one count. `high_water` is how far a cursor came. `nulls` are the numbers of NULLs in `columns`, where
-- they were counted.
create table {state}.materialization (
    run_id varchar not null,
    asset varchar not null,
    "partition" varchar not null,
    partition_start timestamp,
    partition_end timestamp,
    token bigint not null,
    relation varchar not null,
    relation_type varchar not null,
    code_version varchar not null,
    data_version varchar not null,
    "rows" bigint,
    volatile varchar not null,
    executor varchar not null,
    committed_at timestamp not null,
    fingerprint varchar,
    generation bigint,
    high_water varchar,
    columns varchar[],
    nulls bigint[]
);

-- Which version of which input a materialization consumed, and which of its columns (NULL: all). A view's row holds only
-- what it names itself; a table's row also what lies behind the views it reads.
create table {state}.materialization_input (
    run_id varchar not null,
    asset varchar not null,
    "partition" varchar not null,
    token bigint not null,
    input varchar not null,
    input_version varchar not null,
    columns varchar[]
);

-- What was seen of inputs that Penstock does not build.
create table {state}.observation (
    run_id varchar not null,
    asset varchar not null,
    version varchar not null,
    strength varchar not null,
    observed_at timestamp not null
);

create table {state}.check_result (
    run_id varchar not null,
    "check" varchar not null,
    asset varchar not null,
    "partition" varchar not null,
    status varchar not null,
    severity varchar not null,
    failures bigint,
    message varchar not null,
    code_version varchar not null,
    inputs_version varchar not null,
    volatile varchar not null,
    checked_at timestamp not null,
    seconds double not null,
    fingerprint varchar,
    "when" varchar,
    total bigint
);

-- The graph: a row only when something changed, the latest row wins.
create table {state}.asset (
    run_id varchar not null,
    asset varchar not null,
    kind varchar not null,
    "name" varchar not null,
    package varchar not null,
    path varchar not null,
    relation varchar not null,
    materialized varchar not null,
    code_version varchar not null,
    owner varchar not null,
    description varchar not null,
    tags varchar[] not null,
    removed boolean not null,
    warn_after_seconds bigint,
    error_after_seconds bigint
);

create table {state}.edge (
    run_id varchar not null,
    parent varchar not null,
    child varchar not null,
    kind varchar not null,
    removed boolean not null
);

create table {state}.asset_column (
    run_id varchar not null,
    asset varchar not null,
    "column" varchar not null,
    data_type varchar not null,
    description varchar not null,
    removed boolean not null
);

create table {state}.column_edge (
    run_id varchar not null,
    from_asset varchar not null,
    from_column varchar not null,
    to_asset varchar not null,
    to_column varchar not null,
    kind varchar not null,
    removed boolean not null,
    detail varchar
);

-- What `state:` compares of each node, and the text of each macro (kind `macro`), as hashes; an enforced contract as JSON,
-- since columns and constraints nest. A row only when something changed, the latest row of a run or earlier counts.
create table {state}.definition (
    run_id varchar not null,
    asset varchar not null,
    kind varchar not null,
    body varchar not null,
    configs varchar not null,
    relation varchar not null,
    description varchar not null,
    column_descriptions varchar not null,
    contents varchar not null,
    contract varchar not null,
    removed boolean not null
);

-- A raw fingerprint that was found to mean the same as a recorded code version: a comment was edited, say.
create table {state}.code_alias (
    run_id varchar not null,
    asset varchar not null,
    fingerprint varchar not null,
    code_version varchar not null
);

-- What some columns alone held in one version of an asset; a fact, whichever run found it out.
create table {state}.projection (
    run_id varchar not null,
    asset varchar not null,
    "version" varchar not null,
    columns varchar[] not null,
    projected varchar not null
);

-- What `penstock freshness` found of each source, in dbt's words. `max_loaded_at` and `age_seconds` are NULL for a table without
-- rows, which is infinitely old; they and `snapshotted_at` are where the source could not be asked.
create table {state}.source_freshness (
    run_id varchar not null,
    asset varchar not null,
    status varchar not null,
    basis varchar not null,
    max_loaded_at timestamp,
    snapshotted_at timestamp,
    age_seconds double,
    error varchar not null,
    observed_at timestamp not null,
    seconds double not null
);

-- The version of an input with which all partitions of an asset agree: where it is the current one, none needs a look.
create table {state}.agreed_input (
    run_id varchar not null,
    asset varchar not null,
    input varchar not null,
    input_version varchar not null
);

-- The partitions that an asset should hold and did not at the end of a run: `missing`, or `waiting` for their files. Written when
-- they changed; a row without a partition says that there are none.
create table {state}.partition_gap (
    run_id varchar not null,
    asset varchar not null,
    "partition" varchar not null,
    partition_start timestamp,
    partition_end timestamp,
    status varchar not null
);

-- A backfill that was asked for ...
create table {state}.backfill (
    backfill_id varchar not null,
    requested_at timestamp not null,
    selection varchar not null,
    "order" varchar not null,
    max_active integer not null,
    forced boolean not null
);

-- ... the partitions it is to bring up to date: done are those committed since ...
create table {state}.backfill_partition (
    backfill_id varchar not null,
    asset varchar not null,
    "partition" varchar not null
);

-- ... and how it ended; one without a row can be resumed.
create table {state}.backfill_end (
    backfill_id varchar not null,
    ended_at timestamp not null,
    status varchar not null
);

-- Some of the rows that failed a check, as JSON objects: columns differ from check to check. Values of masked columns are not there.
create table {state}.check_sample (
    run_id varchar not null,
    "check" varchar not null,
    asset varchar not null,
    "partition" varchar not null,
    "position" integer not null,
    "row" varchar not null
);

-- A check that may fail until a day, and why; a later row, with `until` in the past, takes it back.
create table {state}.waiver (
    "check" varchar not null,
    until timestamp not null,
    reason varchar not null,
    waived_at timestamp not null
);

-- What a build with `metrics: full` measured of the columns it wrote, in the transaction that wrote them: `smallest` and `largest` as
-- text, quantiles (5 %, 25 %, 50 %, 75 %, 95 %) of numbers and of times, these in seconds since 1970. NULL: not measured.
create table {state}.column_metric (
    run_id varchar not null,
    asset varchar not null,
    "partition" varchar not null,
    token bigint not null,
    "column" varchar not null,
    smallest varchar,
    largest varchar,
    distinct_count bigint,
    quantiles double[]
);

-- The columns that a relation was built with; a row only when something changed, the latest row wins.
create table {state}.relation_column (
    run_id varchar not null,
    asset varchar not null,
    "column" varchar not null,
    data_type varchar not null,
    "position" integer not null,
    removed boolean not null
);

-- How much of an asset's column lineage is known: of so many columns so many; `reason` where some are not. `version` is that of
-- what the lineage was read from, "" once the asset is gone; `names` are the columns, `inputs` those whose columns were looked at.
create table {state}.column_coverage (
    run_id varchar not null,
    asset varchar not null,
    "version" varchar not null,
    columns integer not null,
    known integer not null,
    reason varchar not null,
    "names" varchar[] not null,
    inputs varchar[] not null
);

-- Which column an asset's cursor follows; a row only when that changed, the latest row wins: an earlier mark is of another column.
create table {state}.cursor_column (
    run_id varchar not null,
    asset varchar not null,
    "column" varchar not null
);
