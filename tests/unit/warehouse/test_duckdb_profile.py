"""A target's connection settings as statements that DuckDB takes, and nothing that could be something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from penstock.errors import ConfigError
from penstock.warehouse.duckdb import DuckDBWarehouse
from penstock.warehouse.duckdb_profile import attach_statement, connection_statements, session_statements


def test_nothing_asked_is_nothing_said() -> None:
    assert list(connection_statements({})) == list(session_statements({})) == []
    assert list(connection_statements({"extensions": None, "secrets": None, "attach": None})) == []


def test_an_attached_database_is_found_under_its_hostile_alias(tmp_path: Path) -> None:
    path = tmp_path / 'it\'s "other".duckdb'
    with duckdb.connect(str(path)) as other:
        other.execute("create table t as select 42 as x")
    target = {"attach": [{"path": str(path), "alias": 'select "x"', "read_only": True}]}
    warehouse = DuckDBWarehouse(duckdb.connect(), target)
    connection = warehouse.connect()
    assert connection.execute('select x from "select ""x""".t') == [(42,)]
    assert connection.execute("select readonly from duckdb_databases() where database_name like 'select%'") == [(True,)]
    warehouse.close()


def test_attached_twice_is_attached_once(tmp_path: Path) -> None:
    entry = {"path": str(tmp_path / "o.duckdb"), "alias": "o", "type": "duckdb", "read_only": False, "options": {"block_size": 16384}}
    warehouse = DuckDBWarehouse(duckdb.connect(), {"attach": [entry, entry]}, [entry])
    assert warehouse.connect().execute("select count(*) from duckdb_databases() where database_name = 'o'") == [(1,)]
    warehouse.close()


@pytest.mark.parametrize(
    ("attachment", "statement"),
    [
        ({"path": "a.duckdb"}, "attach if not exists 'a.duckdb'"),
        ({"path": "a.db", "type": "sqlite"}, "attach if not exists 'a.db' (TYPE sqlite)"),
        ({"path": "x", "secret": "s", "read_only": True}, "attach if not exists 'x' (SECRET s, READ_ONLY)"),
        ({"path": "x", "options": {"block_size": 16384, "note": "it's", "off": False, "no": None, "on": True}},
         "attach if not exists 'x' (BLOCK_SIZE 16384, NOTE 'it''s', ON)"),
        ({"path": "x", "options": {"type": "sqlite"}, "type": "duckdb"}, "attach if not exists 'x' (TYPE duckdb)"),
        ({"path": "x", "read_only": False, "alias": ""}, "attach if not exists 'x'"),
    ],
)  # fmt: skip
def test_options_are_written_as_their_type_wants(attachment: dict[str, Any], statement: str) -> None:
    assert attach_statement(attachment) == statement


def test_settings_hold_for_every_connection() -> None:
    warehouse = DuckDBWarehouse(duckdb.connect(), {"settings": {"TimeZone": "Asia/Tokyo", "threads": 1, "preserve_insertion_order": False}})
    for _ in range(2):
        shown = "select current_setting('TimeZone'), current_setting('threads'), current_setting('preserve_insertion_order')"
        assert warehouse.connect().execute(shown) == [("Asia/Tokyo", 1, False)]


def test_a_settings_value_cannot_break_out() -> None:
    statements = list(session_statements({"settings": {"file_search_path": "'; drop table t; --"}}))
    connection = duckdb.connect()
    connection.execute("create table t as select 1 as a")
    for statement in statements:
        connection.execute(statement)
    assert connection.execute("select current_setting('file_search_path'), (select a from t)").fetchall() == [("'; drop table t; --", 1)]


def test_secrets_are_made_with_maps_and_names_of_any_kind() -> None:
    target = {
        "secrets": [
            {"type": "http", "name": 'my "own"', "extra_http_headers": {"X-Key": "it's", "Y": "2"}, "scope": "https://a'b/", "proxy": None},
            {"type": "http", "bearer_token": "'; drop table t; --"},
        ]
    }
    warehouse = DuckDBWarehouse(duckdb.connect(), target)
    found = warehouse.connect().execute("select name, type, scope, persistent from duckdb_secrets() order by name")
    assert found == [("_dbt_secret_2", "http", [], False), ('my "own"', "http", ["https://a'b/"], False)]


def test_secrets_are_written_as_dbt_writes_them() -> None:
    secret = {"type": "s3", "name": "s", "persistent": True, "provider": "credential_chain", "key_id": "it's", "scope": ["s3://a", "s3://b"],
              "list": ["x", "y'z"], "use_ssl": False}  # fmt: skip
    (found,) = connection_statements({"secrets": [secret]})
    assert found == (
        "create or replace persistent secret \"s\" (type s3, provider credential_chain, key_id 'it''s', scope 's3://a', scope 's3://b', "
        "list array ['x', 'y''z'], use_ssl 'False')"
    )
    assert secret["name"] == "s", "the profile itself is not changed"


def test_extensions_are_installed_and_loaded() -> None:
    assert list(connection_statements({"extensions": ["icu", {"name": "h3", "repo": "community"}, {"name": "x", "repo": "https://it's"}]})) == [
        "install icu", "load icu", "install h3 from community", "load h3", "install x from 'https://it''s'", "load x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "target",
    [
        {"extensions": ["icu; drop table t"]},
        {"extensions": [{"name": "a b", "repo": "core"}]},
        {"extensions": [{"repo": "core", "name": "x'"}]},
        {"attach": [{"path": "x", "type": "duckdb, read_only"}]},
        {"attach": [{"path": "x", "secret": "a b"}]},
        {"attach": [{"path": "x", "options": {"a b": 1}}]},
        {"attach": [{"path": "x", "options": {"on) ; drop": True}}]},
        {"secrets": [{"type": "s3); drop table t"}]},
        {"secrets": [{"type": "s3", "key id": "x"}]},
        {"secrets": [{"type": "s3", "provider": "a b"}]},
        {"secrets": [{"type": "s3", "a-b": ["x"]}]},
        {"secrets": [{"type": "s3", "a.b": {"x": 1}}]},
    ],
)
def test_a_name_that_is_no_word_is_refused(target: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="is not a plain name"):
        list(connection_statements(target))


def test_a_setting_whose_name_is_no_word_is_refused() -> None:
    with pytest.raises(ConfigError, match="`threads = 1; set x` in the profile is not a plain name"):
        list(session_statements({"settings": {"threads = 1; set x": 1}}))
