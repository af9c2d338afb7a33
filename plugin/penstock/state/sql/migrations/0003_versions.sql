-- Versions by content: what an input was read of it, which raw code means the same, and what some columns alone held.

alter table {state}.materialization add column fingerprint varchar;
alter table {state}.materialization_input add column columns varchar[];
alter table {state}.check_result add column fingerprint varchar;

create table {state}.code_alias (
    run_id varchar not null,
    asset varchar not null,
    fingerprint varchar not null,
    code_version varchar not null
);

create table {state}.projection (
    run_id varchar not null,
    asset varchar not null,
    "version" varchar not null,
    columns varchar[] not null,
    projected varchar not null
);
