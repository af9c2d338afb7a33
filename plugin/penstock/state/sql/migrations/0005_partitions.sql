-- Partitions: which records a table that was made anew has outlived, how far a cursor came, what all partitions agree with,
-- which are missing, and backfills.

alter table {state}.materialization add column generation bigint;
alter table {state}.materialization add column high_water varchar;

update {state}.materialization set generation = case when "partition" = '' then token else 0 end;

create table {state}.agreed_input (
    run_id varchar not null,
    asset varchar not null,
    input varchar not null,
    input_version varchar not null
);

create table {state}.partition_gap (
    run_id varchar not null,
    asset varchar not null,
    "partition" varchar not null,
    partition_start timestamp,
    partition_end timestamp,
    status varchar not null
);

create table {state}.backfill (
    backfill_id varchar not null,
    requested_at timestamp not null,
    selection varchar not null,
    "order" varchar not null,
    max_active integer not null,
    forced boolean not null
);

create table {state}.backfill_partition (
    backfill_id varchar not null,
    asset varchar not null,
    "partition" varchar not null
);

create table {state}.backfill_end (
    backfill_id varchar not null,
    ended_at timestamp not null,
    status varchar not null
);
