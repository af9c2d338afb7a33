-- Freshness: when sources were loaded, and from which age on data is late. The graph is recorded anew with the criteria.

alter table {state}.asset add column warn_after_seconds bigint;
alter table {state}.asset add column error_after_seconds bigint;

delete from {state}.meta where "key" = 'graph_hash';

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
