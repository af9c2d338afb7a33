def model(dbt, session):
    dbt.config(materialized="table", tags=["ml"])
    return dbt.ref("fct_orders")
