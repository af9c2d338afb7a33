-- What `state:` compares, as of each run: without it a selection could only look back at a folder of artifacts.

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
