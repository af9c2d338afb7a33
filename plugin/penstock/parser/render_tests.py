"""dbt's own generic tests, rendered without dbt: unique, not_null and relationships with plain column names.

Only where the manifest holds dbt's macros to the letter and nothing of the project stands in their place; all else is
left to dbt's compiler. Source: dbt-core's `generic_test_sql` and `tests/generic/builtin.sql`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from penstock.parser.macros import MacroIndex
from penstock.parser.render import SimpleRenderer

_MACROS: Mapping[str, str] = {
    "not_null": """
        {% macro default__test_not_null(model, column_name) %}
        {% set column_list = '*' if should_store_failures() else column_name %}
        select {{ column_list }} from {{ model }} where {{ column_name }} is null
        {% endmacro %}""",
    "unique": """
        {% macro default__test_unique(model, column_name) %}
        select {{ column_name }} as unique_field, count(*) as n_records
        from {{ model }} where {{ column_name }} is not null group by {{ column_name }} having count(*) > 1
        {% endmacro %}""",
    "relationships": """
        {% macro default__test_relationships(model, column_name, to, field) %}
        with child as ( select {{ column_name }} as from_field from {{ model }} where {{ column_name }} is not null ),
        parent as ( select {{ field }} as to_field from {{ to }} )
        select from_field from child left join parent on child.from_field = parent.to_field where parent.to_field is null
        {% endmacro %}""",
}
"""dbt's macros, white space aside."""

_ARGUMENTS = {"not_null": {"column_name"}, "unique": {"column_name"}, "relationships": {"column_name", "to", "field"}}
_MODEL = re.compile(r"\{\{ get_where_subquery\((.*)\) \}\}")
_COLUMN = re.compile(r"[A-Za-z_]\w*")
_TAG = re.compile(r"\{%.*?%\}")
_PLACE = re.compile(r"\{\{ (\w+) \}\}")
_STANDS_IN = ("get_where_subquery", "should_store_failures")


class TestRenderer:
    """Renders the simple generic tests of one manifest."""

    __test__ = False

    def __init__(self, raw: Mapping[str, Any], macros: MacroIndex, models: SimpleRenderer) -> None:
        self._models = models
        known = raw.get("macros") or {}
        self._usable = {
            name
            for name, macro in _MACROS.items()
            if str((known.get(f"macro.dbt.default__test_{name}") or {}).get("macro_sql") or "").split() == macro.split()
            and not macros.written & {name, f"test_{name}", *_STANDS_IN}
        }

    def render(self, node: Mapping[str, Any]) -> str | None:
        """Return the compiled query of a test, None where dbt has to do it."""
        metadata = node.get("test_metadata") or {}
        name, arguments = metadata.get("name"), dict(metadata.get("kwargs") or {})
        model = _MODEL.fullmatch(str(arguments.pop("model", "")))
        config = node.get("config") or {}
        if name not in self._usable or metadata.get("namespace") or model is None or set(arguments) != _ARGUMENTS[name]:
            return None
        if config.get("where") or not str(node.get("raw_code") or "").startswith(f"{{{{ test_{name}(**_dbt_generic_test_kwargs) }}}}"):
            return None
        values = {"model": self._models.value(model[1], node)}
        for key, value in arguments.items():
            if key == "to":
                values[key] = self._models.value(str(value), node)
            else:
                values[key] = str(value) if _COLUMN.fullmatch(str(value)) else None
        if None in values.values():
            return None
        query = _TAG.sub("", _MACROS[name]).replace("column_list", "column_name")  # tests that store failures are dbt's
        return _PLACE.sub(lambda match: str(values[match[1]]), " ".join(query.split()))
