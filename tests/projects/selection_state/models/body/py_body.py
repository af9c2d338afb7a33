def model(dbt, session):
    dbt.config(materialized="table")
    return dbt.ref("body_kept")
