"""The canonical form of a query: what is left when nothing but the result counts.

It is made of tokens, not of a tree printed again: a token says what stood there, while a parser may forget. Comments,
whitespace, the case of keywords and function names, needless quotes and final semicolons go; so do the names that a
query gives to its own CTEs and tables. An alias that repeats a column's name goes too where every table spells that name
alike: without the alias DuckDB spells it as the table does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from penstock.parser.scopes import means_cte

_SYNTAX = {
    TokenType.SELECT, TokenType.DISTINCT, TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY, TokenType.ORDER_BY, TokenType.HAVING,
    TokenType.QUALIFY, TokenType.LIMIT, TokenType.OFFSET, TokenType.WITH, TokenType.ALIAS, TokenType.UNION, TokenType.EXCEPT,
    TokenType.INTERSECT, TokenType.ALL, TokenType.JOIN, TokenType.INNER, TokenType.LEFT, TokenType.RIGHT, TokenType.FULL,
    TokenType.OUTER, TokenType.CROSS, TokenType.ON, TokenType.USING, TokenType.AND, TokenType.OR, TokenType.NOT, TokenType.IN,
    TokenType.IS, TokenType.NULL, TokenType.BETWEEN, TokenType.LIKE, TokenType.EXISTS, TokenType.CASE, TokenType.WHEN,
    TokenType.THEN, TokenType.ELSE, TokenType.END, TokenType.OVER, TokenType.PARTITION_BY, TokenType.ASC, TokenType.DESC,
}  # fmt: skip
"""Keywords whose case never shows, unless they stand where a name is expected: after AS or a dot, before a colon."""

_Word = tuple[str, str]
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_A_NAME = frozenset(
    "current_date current_time current_timestamp current_user current_role current_catalog current_schema localtime localtimestamp"
    " session_user user true false null rowid default".split()
)
"""Without quotes these are no names."""

_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)


@dataclass(frozen=True, slots=True)
class Canonical:
    """The canonical form of a query; `unaliased` is without the aliases that only repeat the name of a column.

    `repeated` are those names as the query spells them: `unaliased` may be believed where no table spells one otherwise.
    """

    text: str
    unaliased: str = ""
    repeated: tuple[str, ...] = ()


def canonical_query(sql: str, dialect: str, tree: exp.Expr | None) -> Canonical:
    """Return texts that two queries share only if they give the same rows, columns and types.

    `tree` is the query parsed, None where it could not be: then the names it gives count. What cannot even be cut into
    tokens is returned as it stands.
    """
    try:
        tokens = sqlglot.tokenize(sql, read=dialect)
    except (SqlglotError, ValueError):
        return Canonical(sql)
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    if tree is None:
        return Canonical(_text(tokens, frozenset()))
    own = _own_names(tree, tokens)
    repeating = {alias.args["alias"].meta["start"]: alias.alias for alias in _repeating_aliases(tree)}
    if not repeating:
        return Canonical(_text(tokens, own))
    return Canonical(_text(tokens, own), _text(list(_without(tokens, repeating)), own), tuple(sorted(set(repeating.values()))))


def _text(tokens: list[Token], own: frozenset[str]) -> str:
    words = list(_words(tokens))
    renamed = {name: f"\0{number}" for number, name in enumerate(_in_order(words, own))}
    return "\n".join(f"{kind} {_escaped(renamed.get(text.lower(), text) if kind == 'name' else text)}" for kind, text in words)


def _without(tokens: list[Token], starts: Collection[int]) -> Iterator[Token]:
    """Yield the tokens but for the aliases that begin at `starts`, and the AS before each."""
    for number, token in enumerate(tokens):
        follower = tokens[number + 1].start if token.token_type is TokenType.ALIAS and number + 1 < len(tokens) else -1
        if token.start not in starts and follower not in starts:
            yield token


def _repeating_aliases(tree: exp.Expr) -> Iterator[exp.Alias]:
    """Yield the aliases that give a column the name it has, where nothing else can mean either of them."""
    spellings: dict[str, set[str]] = {}
    for name in tree.find_all(exp.Identifier):
        spellings.setdefault(name.name.lower(), set()).add(name.name)
    bare = {column.name.lower() for column in tree.find_all(exp.Column) if not column.table and not isinstance(column.parent, exp.Alias)}
    for select in tree.find_all(exp.Select):
        joins = select.args.get("joins") or ()
        if any(join.args.get("using") or join.method == "NATURAL" for join in joins):
            continue  # a column of one side is not the one both share
        alone = not joins and not select.args.get("laterals")
        own = {"", *_sources(select)}
        for one in select.expressions:
            if not (isinstance(one, exp.Alias) and _repeats(one) and len(spellings[one.alias.lower()]) == 1):
                continue
            qualifier = one.this.table.lower()  # any other than a table of this SELECT may be a column that has fields
            if qualifier in own and (alone or (qualifier and one.alias.lower() not in bare)):
                yield one


def _repeats(alias: exp.Alias) -> bool:
    column, name = alias.this, alias.args["alias"]
    if not (isinstance(column, exp.Column) and isinstance(column.this, exp.Identifier) and not column.args.get("db")):
        return False
    plain = column.this.args.get("quoted") or column.table or column.name.lower() not in _NOT_A_NAME
    return bool(plain) and isinstance(name, exp.Identifier) and column.name == name.name and "start" in name.meta


def _words(tokens: list[Token]) -> Iterator[_Word]:
    for number, token in enumerate(tokens):
        kind = token.token_type
        before = tokens[number - 1].token_type if number else None
        follower = tokens[number + 1].token_type if number + 1 < len(tokens) else None
        if kind is TokenType.VAR:
            yield ("function", token.text.upper()) if follower is TokenType.L_PAREN else ("name", token.text)
        elif kind is TokenType.IDENTIFIER:
            plain = _PLAIN_NAME.fullmatch(token.text) and token.text.lower() not in _NOT_A_NAME and follower is not TokenType.L_PAREN
            yield ("name" if plain else "quoted", token.text)
        elif kind in _SYNTAX and before not in (TokenType.ALIAS, TokenType.DOT) and follower is not TokenType.COLON:
            yield kind.name, ""
        else:
            yield kind.name, token.text


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _in_order(words: Iterable[_Word], own: frozenset[str]) -> list[str]:
    return list(dict.fromkeys(text.lower() for kind, text in words if kind == "name" and text.lower() in own))


def _own_names(tree: exp.Expr, tokens: list[Token]) -> frozenset[str]:
    """Return the names of CTEs and table aliases, lower case, that occur as nothing else and leave no trace in the result."""
    used: Counter[str] = Counter()
    given: set[str] = set()
    traced = {name for select in tree.find_all(exp.Select) for name in _names_in_results(select)}
    for alias in tree.find_all(exp.TableAlias):
        if isinstance(alias.this, exp.Identifier):
            used[alias.name.lower()] += 1
            given.add(alias.name.lower())
            if not _is_query_or_table(alias.parent):
                traced.add(alias.name.lower())  # a function's one column has the name of its alias
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and not table.db:
            used[table.name.lower()] += 1
    for column in tree.find_all(exp.Column):
        if column.table and not column.args.get("db"):
            used[column.table.lower()] += 1
    occurrences = Counter(token.text.lower() for token in tokens)
    unseen = (name for name in given - traced if occurrences[name] == used[name])
    return frozenset(name for name in unseen if not _means_something_else(tree, name))


def _is_query_or_table(node: exp.Expr | None) -> bool:
    if isinstance(node, (exp.Table, exp.Lateral)):
        return isinstance(node.this, (exp.Identifier, exp.Subquery))
    return isinstance(node, (exp.CTE, exp.Subquery))


def _names_in_results(select: exp.Select) -> Iterator[str]:
    """Yield the names within expressions that have no alias: DuckDB names such a result after its text."""
    for projection in select.expressions:
        if not isinstance(projection, (exp.Alias, exp.Column, exp.Star)):
            yield from (name.name.lower() for name in projection.find_all(exp.Identifier))


def _means_something_else(tree: exp.Expr, name: str) -> bool:
    """Whether the name also stands for a table of the warehouse, or for a column that has fields."""
    aliased = any(table.alias.lower() == name for table in tree.find_all(exp.Table, exp.Subquery))
    tables = [table for table in tree.find_all(exp.Table) if table.name.lower() == name and not table.db]
    if tables and (aliased or not all(means_cte(table, name) for table in tables)):
        return True
    return any(column.table.lower() == name and not _in_scope(column, name) for column in tree.find_all(exp.Column))


def _in_scope(column: exp.Column, name: str) -> bool:
    """Tell whether a SELECT around a column reads from something of that name."""
    node: exp.Expr | None = column
    while node is not None:
        if isinstance(node, exp.Select) and name in _sources(node):
            return True
        node = node.parent
    return False


def _sources(select: exp.Select) -> set[str]:
    """Return the lower-case names by which a SELECT knows what it reads from."""
    sources = [select.args.get("from_"), *select.args.get("joins", ())]
    return {source.this.alias_or_name.lower() for source in sources if source is not None}
