def model(dbt, session):
    dbt.config(materialized="table", tags=["python", "hourly"])
    return dbt.ref("europe")
