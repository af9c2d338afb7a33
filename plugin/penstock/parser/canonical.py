"""The canonical form of a query: what is left when nothing but the result counts.

It is made of tokens, not of a tree printed again: a token says what stood there, while a parser may forget. Comments,
whitespace, the case of keywords and function names, needless quotes and final semicolons go; so do the names that a
query gives to its own CTEs and tables, and aliases that repeat a column's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from penstock.parser.scopes import means_cte

_Word = tuple[str, str]
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_A_NAME = frozenset(
    "current_date current_time current_timestamp current_user current_role current_catalog current_schema localtime localtimestamp"
    " session_user user true false null rowid default".split()
)
"""Without quotes these are no names."""

_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)


def canonical_query(sql: str, dialect: str, tree: exp.Expr | None) -> str:
    """Return a text that two queries share only if they give the same rows, columns and types.

    `tree` is the query parsed, None where it could not be: then the names it gives count. What cannot even be cut into
    tokens is returned as it stands.
    """
    try:
        tokens = sqlglot.tokenize(sql, read=dialect)
    except (SqlglotError, ValueError):
        return sql
    own = _own_names(tree, tokens) if tree is not None else frozenset()
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    words = list(_without_repeated_aliases(list(_words(tokens))))
    renamed = {name: f"\0{number}" for number, name in enumerate(_in_order(words, own))}
    return "\n".join(f"{kind} {_escaped(renamed.get(text.lower(), text) if kind == 'name' else text)}" for kind, text in words)


def _words(tokens: list[Token]) -> Iterator[_Word]:
    for number, token in enumerate(tokens):
        kind = token.token_type
        follower = tokens[number + 1].token_type if number + 1 < len(tokens) else None
        if kind is TokenType.VAR:
            yield ("function", token.text.upper()) if follower is TokenType.L_PAREN else ("name", token.text)
        elif kind is TokenType.IDENTIFIER:
            plain = _PLAIN_NAME.fullmatch(token.text) and token.text.lower() not in _NOT_A_NAME and follower is not TokenType.L_PAREN
            yield ("name" if plain else "quoted", token.text)
        elif kind in (TokenType.STRING, TokenType.NUMBER) or kind.name.endswith("_STRING"):
            yield kind.name, token.text
        else:
            yield kind.name, token.text.upper()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _in_order(words: Iterable[_Word], own: frozenset[str]) -> list[str]:
    return list(dict.fromkeys(text.lower() for kind, text in words if kind == "name" and text.lower() in own))


def _without_repeated_aliases(words: list[_Word]) -> Iterator[_Word]:
    """Leave out `AS x` right after a column `x` of a SELECT's list, where the column's name is the same anyway."""
    in_list = [False]
    number = 0
    while number < len(words):
        kind, _ = words[number]
        if kind == "L_PAREN":
            in_list.append(False)
        elif kind == "R_PAREN" and len(in_list) > 1:
            in_list.pop()
        elif kind == "SELECT":
            in_list[-1] = True
        elif kind in ("FROM", "WHERE", "UNION", "GROUP_BY", "ORDER_BY", "HAVING", "QUALIFY", "WINDOW", "LIMIT"):
            in_list[-1] = False
        if in_list[-1] and _repeats(words, number):
            yield words[number]
            number += 3
        else:
            yield words[number]
            number += 1


def _repeats(words: list[_Word], number: int) -> bool:
    if number == 0 or number + 3 >= len(words) or words[number][0] != "name":
        return False
    before, alias, name, after = words[number - 1][0], words[number + 1][0], words[number + 2], words[number + 3][0]
    return before in ("SELECT", "COMMA", "DOT") and alias == "ALIAS" and name == words[number] and after in ("COMMA", "FROM")


def _own_names(tree: exp.Expr, tokens: list[Token]) -> frozenset[str]:
    """Return the names of CTEs and table aliases, lower case, that occur as nothing else and leave no trace in the result."""
    given: Counter[str] = Counter()
    for alias in tree.find_all(exp.TableAlias):
        if isinstance(alias.this, exp.Identifier):
            given[alias.name.lower()] += 1
    used = Counter(given)
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and not table.db:
            used[table.name.lower()] += 1
    for column in tree.find_all(exp.Column):
        if column.table and not column.args.get("db"):
            used[column.table.lower()] += 1
    occurrences = Counter(token.text.lower() for token in tokens if token.token_type in _NAMES)
    traced = {column.table.lower() for select in tree.find_all(exp.Select) for column in _nameless(select)}
    return frozenset(
        name for name in given if occurrences[name] == used[name] and name not in traced and not _means_something_else(tree, name)
    )


def _nameless(select: exp.Select) -> Iterator[exp.Column]:
    """Yield the columns within expressions that have no alias: DuckDB names such a result after the text, qualifiers too."""
    for projection in select.expressions:
        if not isinstance(projection, (exp.Alias, exp.Column, exp.Star)):
            yield from projection.find_all(exp.Column)


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
        if isinstance(node, exp.Select):
            sources = [node.args.get("from_"), *node.args.get("joins", ())]
            if any(source is not None and source.this.alias_or_name.lower() == name for source in sources):
                return True
        node = node.parent
    return False
