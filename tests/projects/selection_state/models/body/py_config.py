def model(dbt, session):
    dbt.config(materialized="table", tags=["now"], timeout=5)
    return dbt.ref("body_kept")
