-- Checks: when they looked, at how many rows, samples, waivers; what builds measured, and the columns that relations have; of column
-- lineage, how much is known and why not all.

alter table {state}.check_result add column "when" varchar;
alter table {state}.check_result add column total bigint;
alter table {state}.materialization add column columns varchar[];
alter table {state}.materialization add column nulls bigint[];
alter table {state}.column_edge add column detail varchar;

create table {state}.check_sample (
    run_id varchar not null,
    "check" varchar not null,
    asset varchar not null,
    "partition" varchar not null,
    "position" integer not null,
    "row" varchar not null
);

create table {state}.waiver (
    "check" varchar not null,
    until timestamp not null,
    reason varchar not null,
    waived_at timestamp not null
);

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

create table {state}.relation_column (
    run_id varchar not null,
    asset varchar not null,
    "column" varchar not null,
    data_type varchar not null,
    "position" integer not null,
    removed boolean not null
);

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

create table {state}.cursor_column (
    run_id varchar not null,
    asset varchar not null,
    "column" varchar not null
);
