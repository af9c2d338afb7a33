"""The files of a small dbt project in a folder, for what reads them without dbt."""

from __future__ import annotations

from pathlib import Path

from penstock.app.settings import Place, Settings, discover

DBT_PROJECT = "name: shop\nversion: '1.0'\nprofile: shop\n"
PROFILES = """\
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, threads: 3}
    prod: {type: duckdb, path: prod.duckdb, schema: prod}
    memory: {type: duckdb}
    cloud: {type: duckdb, path: 'md:shop'}
    motherduck: {type: duckdb, path: 'motherduck:shop'}
    lake: {type: duckdb, path: 'ducklake:shop.ducklake'}
    bucket: {type: duckdb, path: 's3://bucket/shop.duckdb'}
    far: {type: duckdb, path: shop.duckdb, remote: {host: example.org, port: 5433, user: me}}
    postgres: {type: postgres, host: localhost}
    many: {type: duckdb, path: shop.duckdb, threads: lots}
"""


def write(folder: Path, **files: str) -> Path:
    """Write a project into a folder; `files` are more files, with `__` for a slash and `_yml` or `_sql` at the end."""
    named = {name.replace("__", "/").replace("_sql", ".sql").replace("_yml", ".yml"): text for name, text in files.items()}
    for name, text in {"dbt_project.yml": DBT_PROJECT, "profiles.yml": PROFILES, **named}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def found(folder: Path, *, env: dict[str, str] | None = None, **place: object) -> Settings:
    """Discover the project around a folder, in an environment of its own."""
    return discover(Place(**place), folder, {"HOME": str(folder / "no home"), **(env or {})})  # type: ignore[arg-type]
