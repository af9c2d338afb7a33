"""What one SQL query reads: a sqlglot tree turned into plain facts, with every failure contained to that query."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from penstock.assets.fingerprint import digest
from penstock.assets.names import RelationName
from penstock.parser.canonical import canonical_query
from penstock.parser.reads import Reads, columns_read
from penstock.parser.scopes import means_cte

VOLATILE_FUNCTIONS = frozenset(
    (
        "now current_timestamp current_date current_time current_localtime current_localtimestamp localtimestamp "
        "localtime get_current_timestamp get_current_time transaction_timestamp statement_timestamp clock_timestamp "
        "timeofday today random rand setseed uuid gen_random_uuid uuidv4 uuidv7 nextval currval txid_current "
        "current_setting getvariable getenv current_user session_user current_role current_query pg_backend_pid setval write_log "
        "current_connection_id current_query_id current_transaction_id current_database current_catalog current_schema current_schemas "
        "in_search_path"
    ).split()
)
"""Functions whose value depends on the clock, on chance or on the session (DuckDB's and Postgres' documentation)."""

PURE_TABLE_FUNCTIONS = frozenset("range generate_series unnest repeat repeat_row json_each json_tree generate_subscripts values".split())
FILE_FUNCTIONS = frozenset(
    (
        "read_csv read_csv_auto read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson "
        "read_ndjson_auto read_ndjson_objects read_parquet parquet_scan read_text read_blob parquet_metadata "
        "parquet_schema sniff_csv read_xlsx glob"
    ).split()
)
_FILE_NAME = re.compile(r"[/\\]|\.(?:csv|tsv|txt|json|ndjson|jsonl|parquet|gz|zst|xlsx)$", re.IGNORECASE)
_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog"})


@dataclass(frozen=True, slots=True)
class QueryFacts:
    """What a query reads.

    `tables` are relations as written, CTE names taken out; `files` are glob patterns; `unknown` names inputs that
    cannot be told from the text; `volatile` are functions such as now(); `error` is set where the text was not
    understood at all, and then nothing else may be believed. `reads` are the columns read of a table, lower case; a table
    that is missing there is read in full. `canonical` is the hash of what counts of the text, `unaliased` the same without
    aliases that repeat the `repeated` names of columns; `functions` are the names of those it calls.
    """

    tables: tuple[RelationName, ...] = ()
    files: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    error: str = ""
    reads: Mapping[RelationName, frozenset[str]] = field(default_factory=dict)
    canonical: str = ""
    functions: tuple[str, ...] = ()
    unaliased: str = ""
    repeated: tuple[str, ...] = ()

    def canonical_among(self, columns: Collection[str] | None) -> str:
        """Return the canonical hash for tables that have these columns, as they spell them; None where nobody knows."""
        spelled = {name.lower(): name for name in self.repeated}
        alike = columns is not None and all(spelled.get(name.lower(), name) == name for name in columns)
        return self.unaliased if self.repeated and alike else self.canonical


def parse_one(sql: str, dialect: str) -> exp.Expr:
    """Parse exactly one statement. Raises ValueError with a one-line message for anything else."""
    try:
        statements = [tree for tree in sqlglot.parse(sql, dialect=dialect) if tree is not None and not isinstance(tree, exp.Semicolon)]
    except SqlglotError as error:
        raise ValueError(_first_line(error)) from error
    except RecursionError as error:
        raise ValueError("the query is nested too deeply to be read") from error
    if len(statements) != 1:
        raise ValueError(f"expected one statement, found {len(statements)}")
    return statements[0]


def statement_in(sql: str, dialect: str) -> tuple[str, int]:
    """Return a text that was parsed without the semicolons around it, as it will stand in parentheses, and where it begins."""
    tokens = sqlglot.tokenize(sql, read=dialect)
    code = [token for token in tokens if token.token_type is not TokenType.SEMICOLON]
    first = code[0].start if tokens[0] is not code[0] else 0
    text = sql[first : code[-1].end + 1] if len(code) < len(tokens) else sql[first:]
    return text.strip(), first + len(text) - len(text.lstrip())


def read_query(sql: str, dialect: str) -> QueryFacts:
    """Read one query; never raises: what is not understood is said in `error`."""
    tree = None
    try:
        tree = parse_one(sql, dialect)
        facts = facts_of(tree)
    except ValueError as error:
        facts = QueryFacts(error=str(error))
    except RecursionError:
        tree, facts = None, QueryFacts(error="the query is nested too deeply to be read")
    found = canonical_query(sql, dialect, tree if not facts.error else None)
    unaliased = digest(found.unaliased) if found.repeated else ""
    return dataclasses.replace(facts, canonical=digest(found.text), unaliased=unaliased, repeated=found.repeated)


def reads_for(sql: str, dialect: str, wanted: Collection[str]) -> Reads:
    """Return the columns a query reads for the sake of some of its own; tables that are missing are read in full."""
    try:
        return columns_read(parse_one(sql, dialect), wanted)
    except (ValueError, RecursionError):
        return {}


def facts_of(tree: exp.Expr) -> QueryFacts:
    """Collect the facts of a parsed query."""
    command = tree.find(exp.Command)
    if command is not None:
        return QueryFacts(error=f"{str(command.this).upper()} is not a query that can be read")
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    tables: set[RelationName] = set()
    files: set[str] = set()
    unknown: set[str] = set()
    for table in tree.find_all(exp.Table):
        _read_table(table, ctes, tables, files, unknown)
    functions = set(_function_names(tree))
    volatile = functions & VOLATILE_FUNCTIONS
    if any(function_name(function) == "age" and len(_arguments(function)) == 1 for function in tree.find_all(exp.Anonymous)):
        volatile.add("age")  # with one argument it counts from today
    if tree.find(exp.TableSample) is not None:
        volatile.add("tablesample")
    reads = {table: names for table, names in columns_read(tree).items() if names is not None}
    return QueryFacts(
        tables=tuple(sorted(tables)),
        files=tuple(sorted(files)),
        unknown=tuple(sorted(unknown)),
        volatile=tuple(sorted(volatile)),
        reads=reads,
        functions=tuple(sorted(functions)),
    )


def _read_table(table: exp.Table, ctes: set[str], tables: set[RelationName], files: set[str], unknown: set[str]) -> None:
    source = table.this
    if isinstance(source, exp.Func):
        name = function_name(source)
        if name in FILE_FUNCTIONS:
            patterns = list(_patterns(source))
            files.update(patterns)
            if not patterns:
                unknown.add(f"{name}(...)")
        elif name not in PURE_TABLE_FUNCTIONS:
            unknown.add(f"{name}(...)")
        return
    if isinstance(source, exp.Literal):
        files.add(source.name)
        return
    name = table.name
    if not name or (not table.db and name.lower() in ctes and means_cte(table, name.lower())):
        return
    if not table.db and _FILE_NAME.search(name):
        files.add(name)
    elif table.db.lower() in _SYSTEM_SCHEMAS or name.lower().startswith(("duckdb_", "pragma_", "sqlite_master")):
        unknown.add(str(RelationName("", table.db, name)))
    else:
        tables.add(RelationName(table.catalog, table.db, name))


def _patterns(function: exp.Func) -> Iterator[str]:
    """Yield the file patterns of a reader's first argument; a part known only at run time becomes `*`."""
    for part in patterns_in(function):
        pattern = pattern_of(part)
        if pattern.strip("*"):
            yield pattern


def patterns_in(function: exp.Func) -> list[exp.Expr]:
    """Return the expressions that name files in a reader's first argument: one, or those of a list."""
    first = next((arg for arg in _arguments(function) if not isinstance(arg, (exp.PropertyEQ, exp.EQ, exp.Kwarg))), None)
    if first is None:
        return []
    return list(first.expressions) if isinstance(first, (exp.Array, exp.List)) else [first]


def _arguments(function: exp.Func) -> list[exp.Expr]:
    this = function.args.get("this")
    values = [this] if isinstance(this, exp.Expr) else []
    return values + [arg for arg in function.expressions if isinstance(arg, exp.Expr)]


def pattern_of(part: exp.Expr | None) -> str:
    """Return an expression that names files as a pattern, `*` for what is known at run time only."""
    if isinstance(part, exp.Literal) and part.is_string:
        return str(part.this)
    if isinstance(part, exp.DPipe):
        return pattern_of(part.left) + pattern_of(part.right)
    if isinstance(part, exp.Concat):
        return "".join(pattern_of(arg) for arg in part.expressions)
    if isinstance(part, exp.Paren):
        return pattern_of(part.this)
    return "*"


def _function_names(tree: exp.Expr) -> Iterator[str]:
    for function in tree.find_all(exp.Func):
        yield function_name(function)
        if not isinstance(function, exp.Anonymous):
            yield from (name.lower() for name in function.sql_names())
    for column in tree.find_all(exp.Column):
        if not column.table and not column.this.args.get("quoted") and column.name.lower() in _KEYWORD_FUNCTIONS:
            yield column.name.lower()


_KEYWORD_FUNCTIONS = frozenset("current_timestamp current_date current_time localtimestamp localtime current_user session_user".split())


def function_name(function: exp.Func) -> str:
    """Return a function's name, lower case."""
    if isinstance(function, exp.Anonymous):
        return str(function.this).lower()
    return function.sql_name().lower()


def _first_line(error: Exception) -> str:
    text = re.sub("\x1b\\[[0-9;]*m", "", str(error)).strip()
    return text.splitlines()[0] if text else type(error).__name__
