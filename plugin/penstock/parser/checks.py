"""Check files: a YAML header in `-- ` lines and one query whose rows are failures. FORMATS, section 4."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, field_validator
from sqlglot import exp

from penstock.assets.check import ALWAYS, HISTORY, THIS, CheckSpec, parse_threshold
from penstock.assets.names import RelationName
from penstock.errors import Location, ParseError, PenstockError, problems_in, raise_all, with_remedies
from penstock.parser.models import FileModel, key_lines, validate
from penstock.parser.query import QueryFacts, facts_of, statement_in
from penstock.parser.sql_file import Names, one_query, render, split_header
from penstock.parser.yaml12 import load_yaml

_STAND_INS = {RelationName("", "", name) for name in (THIS, HISTORY)}


class CheckHeader(FileModel):
    """The header of a check file; only `select` has to be there."""

    select: str | list[str] = Field(default="", description="the assets it tests: dbt selection, one text or a list")
    exclude: str | list[str] = Field(default="", description="assets it leaves out: dbt selection, one text or a list")
    description: str = Field(default="", description="shown to people")
    owner: str = Field(default="", description="for `owner:` selection")
    tags: list[str] = Field(default_factory=list, description="for `tag:` selection")
    severity: Literal["error", "warn"] = Field(default="error", description="what reaching a threshold means at worst")
    error_if: str = Field(default=ALWAYS, description='when it fails: an operator and a number, as in "> 10" or "> 1% of total"')
    warn_if: str = Field(default=ALWAYS, description="when it warns, in the same form")
    blocking: bool | None = Field(default=None, description="whether a failure keeps the rows from readers; default: true for error")
    scope: Literal["partition", "table"] | None = Field(default=None, description="default: partition if the asset has any")
    when: Literal["before_publish", "after"] | None = Field(default=None, description="default: before_publish if it is blocking")
    limit: int = Field(default=100, ge=0, description="how many failing rows are stored; 0 for none")

    @field_validator("severity", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        """Take `ERROR` for `error`, as dbt does."""
        return value.lower() if isinstance(value, str) else value

    @property
    def blocks(self) -> bool:
        """Whether a failure keeps the rows from readers."""
        return self.severity == "error" if self.blocking is None else self.blocking


@dataclass(frozen=True, slots=True)
class CheckFile:
    """One parsed check file; with `error` set, only its path and name can be believed.

    `facts.tables` are relations of the warehouse: `this` and `history` are not among them, but in `stand_ins`.
    """

    path: str
    name: str
    header: CheckHeader
    sql: str = ""
    facts: QueryFacts = field(default_factory=QueryFacts)
    stand_ins: frozenset[str] = frozenset()
    refs: tuple[tuple[str, ...], ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    error: PenstockError | None = None
    first_line: int = 1
    lines: Mapping[str, int] = field(default_factory=dict)

    def at(self, key: str = "") -> Location:
        """Return the place of a header's key, the file's first line where it has none."""
        return Location(self.path, self.lines.get(key, 1))

    @property
    def problems(self) -> tuple[PenstockError, ...]:
        """A broken file's problems, one by one."""
        return problems_in(self.error) if self.error else ()

    @property
    def spec(self) -> CheckSpec:
        """The check, with every default filled in."""
        header = self.header
        return CheckSpec(
            path=self.path,
            sql=self.sql,
            select=_texts(header.select),
            exclude=_texts(header.exclude),
            severity=header.severity,
            error_if=header.error_if,
            warn_if=header.warn_if,
            blocking=header.blocks,
            scope=header.scope or "",
            when=header.when or ("before_publish" if header.blocks else "after"),
            limit=header.limit,
            reads_history=HISTORY in self.stand_ins,
            error=with_remedies(self.problems),
            first_line=self.first_line,
        )


def parse_check(path: str, text: str, names: Names, dialect: str = "duckdb") -> CheckFile:
    """Parse one check file, `path` being relative to the project (`checks/refunds.sql`); its name is the file's.

    A broken file comes back with `error` set: it fails itself, never the graph.
    """
    name = path.rsplit("/", 1)[-1].removesuffix(".sql")
    file = CheckFile(path, name, CheckHeader())
    try:
        header_text, body, first_line = split_header(path, text)
        file = dataclasses.replace(file, first_line=first_line, lines=key_lines(header_text, 2))
        file = dataclasses.replace(file, header=validate(CheckHeader, load_yaml(header_text, path, 2), path, file.lines))
        raise_all(list(_header_problems(file)))
        return _with_query(file, body, names, dialect)
    except RecursionError:
        known: PenstockError = ParseError("the query is nested too deeply to be read", at=Location(path, file.first_line))
    except PenstockError as error:
        known = error
        known.at = known.at or Location(path, file.first_line)
    return dataclasses.replace(file, error=known)


def duplicates(files: Iterable[CheckFile]) -> list[PenstockError]:
    """Return a problem for every file whose name an earlier one has: results are recorded by name."""
    first: dict[str, CheckFile] = {}
    problems: list[PenstockError] = []
    for file in sorted(files, key=lambda file: file.path):
        other = first.setdefault(file.name, file)
        if other is not file:
            problems.append(
                ParseError(f"the check `{file.name}` is also in {other.path}", at=Location(file.path, 1), hint="Rename one of the files.")
            )
    return problems


def _with_query(file: CheckFile, body: str, names: Names, dialect: str) -> CheckFile:
    sql, refs, sources = render(body, file.path, file.first_line, names, RelationName("", "", THIS))
    tree = one_query(sql, file.path, file.first_line, dialect)
    _refuse_placeholders(tree, file)
    facts = facts_of(tree)
    stand_ins = {table for table in facts.tables if RelationName(*table.normalised()) in _STAND_INS}
    query, start = statement_in(sql, dialect)
    return dataclasses.replace(
        file,
        sql=query,
        facts=dataclasses.replace(facts, tables=tuple(table for table in facts.tables if table not in stand_ins)),
        stand_ins=frozenset(table.identifier.lower() for table in stand_ins),
        refs=refs,
        sources=sources,
        first_line=file.first_line + sql.count("\n", 0, start),
    )


def _texts(selection: str | list[str]) -> tuple[str, ...]:
    return tuple(text for text in ([selection] if isinstance(selection, str) else selection) if text.strip())


def _header_problems(file: CheckFile) -> Iterable[PenstockError]:
    header = file.header
    if not _texts(header.select):
        yield ParseError("`select` is missing", at=file.at("select"), hint="Say which assets it tests, as in `select: stg_orders`.")
    if header.blocking and header.severity == "warn":
        yield ParseError("a warning cannot be blocking", at=file.at("blocking"), hint="Use severity: error, or leave blocking out.")
    for key in ("error_if", "warn_if"):
        try:
            parse_threshold(getattr(header, key))
        except ParseError as error:
            yield ParseError(f"`{key}`: {error.message}", at=file.at(key), hint=error.hint)


def _refuse_placeholders(tree: exp.Expr, file: CheckFile) -> None:
    for node in tree.find_all(exp.Parameter, exp.Placeholder):
        raise ParseError(f"a check has no placeholders, found `{node.sql()}`", at=Location(file.path, file.first_line), hint="Use var().")
