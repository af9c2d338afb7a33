"""Write the reference pages `formats.md` and `cli.md`, and a list in `guarantees.md`, from the code itself.

`python docs/generate.py` writes them; with `--check` it ends with code 1 and a message when a page is out of date.
What no model knows stands in `reference_notes.py`, and in `formats_intro.md` and `cli_intro.md`, which are copied in front.
"""  # noqa: INP001 (a script, not a package)

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import click
from penstock.parser.checks import CheckHeader
from penstock.parser.ci_rules import Rule, Rules
from penstock.parser.ingest import PLACEHOLDERS, IngestHeader
from penstock.parser.project_file import Attachment, Defaults, Evidence, ProjectFile
from penstock.parser.query import VOLATILE_FUNCTIONS
from penstock.plan.conditions import RULES
from penstock.plan.freshness import HELD_BACK
from penstock.plan.reasons import Decision, Reason
from penstock.selector.methods import METHODS
from penstock.selector.named import SELECTOR
from penstock.ui.cli import cli
from penstock.ui.options import output_options, place_options, select_options
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from reference_notes import (
    ATTACH,
    CHECK,
    DEFAULTS,
    EVIDENCE,
    EXIT_CODES,
    INGEST,
    LATER_COMMANDS,
    LATER_OPTIONS,
    OTHER_REASONS,
    PARTITION_REASONS,
    PROJECT,
    Notes,
)

FOLDER = Path(__file__).parent
REASON_ORDER = "The first that holds, from the top, names the reason; BLOCKED goes before all."
NOTICE = "<!-- Written by docs/generate.py; change the models, commands or intro files and run `make docs`. -->\n"


def main(args: Sequence[str]) -> int:
    """Write the pages, or compare them where `--check` is given."""
    stale = []
    for name, text in {"formats.md": formats_page(), "cli.md": cli_page(), "guarantees.md": guarantees_page()}.items():
        path = FOLDER / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(f"docs/{name}")
        if "--check" not in args:
            path.write_text(text, encoding="utf-8")
    if "--check" in args and stale:
        sys.stderr.write(f"Out of date: {', '.join(stale)}. Run `make docs`.\n")
        return 1
    sys.stdout.write(f"written: {', '.join(stale) or 'nothing, all pages are up to date'}\n" if "--check" not in args else "")
    return 0


def formats_page() -> str:
    """Return the page of the file formats."""
    placeholders = ", ".join(f"`${name}`" for name in (*PLACEHOLDERS, "cursor", "start", "end"))
    return _page(
        "formats_intro.md",
        ["## Keys of `penstock.yml`", *_model_table(ProjectFile, PROJECT)],
        ["### `attach`: each entry", *_model_table(Attachment, ATTACH)],
        ["### `evidence`", *_model_table(Evidence, EVIDENCE)],
        ["### `defaults`", *_model_table(Defaults, DEFAULTS)],
        ["### `ci: rules:`", *_rules_table()],
        ["## Header keys of an ingestion file", *_model_table(IngestHeader, INGEST)],
        ["## Header keys of a check file", *_model_table(CheckHeader, CHECK)],
        ["## Placeholders", "", f"A query may use {placeholders}; they are bound, never pasted into the text. Any other is an error."],
    )


def cli_page() -> str:
    """Return the page of the command line."""
    rules = {rule.reason: (type(rule).__doc__ or "").splitlines()[0] for rule in RULES}
    reasons = [(f"`{reason.value}`", _decision(reason), {**rules, **PARTITION_REASONS, **OTHER_REASONS}[reason]) for reason in Reason]
    methods = [(f"`{name}:`",) for name in (*METHODS, SELECTOR)]
    pages = list(_commands(cli, "penstock"))
    text = "\n".join(line for page in pages for line in page)
    later = [f"`{name}`" for name in LATER_COMMANDS if f"## `penstock {name}`" not in text]
    later += [f"`{name}`" for name in LATER_OPTIONS if f"`{name}" not in text and f", {name}" not in text]
    return _page(
        "cli_intro.md",
        ["## Exit codes", *_table(("code", "meaning"), [(str(code), text) for code, text in EXIT_CODES.items()])],
        [
            "## Reason codes",
            "",
            "The first that holds, from the top, names the reason; BLOCKED goes before all.",
            *_table(("code", "decision", "when"), reasons),
        ],
        ["## Selection methods", *_table(("method",), methods)],
        *[[f"## {title}", *_options(_params(of))] for title, of in SHARED.items()],
        *pages,
        ["## Not built yet", "", f"(later): {', '.join(later)}."],
    )


def guarantees_page() -> str:
    """Return the page of guarantees, written by hand but for the list of volatile functions."""
    text = (FOLDER / "guarantees.md").read_text(encoding="utf-8")
    before, marker, rest = text.partition("<!-- volatile functions -->")
    names = ", ".join(f"`{name}`" for name in sorted(VOLATILE_FUNCTIONS))
    return f"{before}{marker}\n{names}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"


SHARED: Mapping[str, Callable[[Any], Any]] = {
    "Place options": place_options, "Selection options": select_options, "Output options": output_options,
}  # fmt: skip


def _decision(reason: Reason) -> str:
    if reason is Reason.UPSTREAM_MAY_CHANGE:
        return Decision.MAYBE.value
    if reason in PARTITION_REASONS:
        return Decision.BUILD.value
    if reason in (Reason.FRESH, Reason.UNCHANGED_INPUT, Reason.WAITING_FOR_FILES, *HELD_BACK):
        return Decision.REUSE.value
    return (Decision.BLOCKED if reason in OTHER_REASONS else Decision.BUILD).value


def _page(intro: str, *sections: Iterable[str]) -> str:
    head = NOTICE + (FOLDER / intro).read_text(encoding="utf-8").strip()
    return "\n\n".join([head, *("\n".join(section) for section in sections)]) + "\n"


def _model_table(model: type[BaseModel], notes: Notes) -> list[str]:
    rows = []
    for name, field in model.model_fields.items():
        effective, note = notes[name]  # a key without an entry above must not go unnoticed
        rows.append((f"`{name}`", _type(field.annotation), _default(field), effective, note))
    return _table(("key", "type", "default", "effective in this version", "meaning"), rows)


def _rules_table() -> list[str]:
    """Return the rules of `ci`, and the keys that all of them share before those of their own."""
    models = {name: _rule_model(field) for name, field in Rules.model_fields.items()}
    shared = [(f"`{name}`", "all rules", _default(field), str(field.description)) for name, field in Rule.model_fields.items()]
    own = [
        (f"`{key}`", f"`{name}`", _default(field), str(field.description))
        for name, model in models.items()
        for key, field in model.model_fields.items()
        if key not in Rule.model_fields or _default(field) != _default(Rule.model_fields[key])
    ]
    rules = [(f"`{name}`", inspect.cleandoc(model.__doc__ or "")) for name, model in models.items()]
    return [*_table(("rule", "it holds where"), rules), *_table(("key", "of", "default", "meaning"), [*shared, *own])]


def _rule_model(field: FieldInfo) -> type[Rule]:
    return next(one for one in (field.annotation, *get_args(field.annotation)) if isinstance(one, type) and issubclass(one, Rule))


def _type(hint: Any) -> str:
    """Say a type in words that are the same for every version of Python."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in args)
    if origin in (Union, UnionType):
        return " or ".join(_type(part) for part in args if part is not type(None))
    if origin is list:
        return f"list of {_type(args[0])}"
    if origin is dict or not isinstance(hint, type):
        return "mapping"
    if issubclass(hint, BaseModel):
        return "mapping"
    return {"str": "text", "int": "number", "bool": "true or false"}.get(hint.__name__, hint.__name__)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    shown = str(value).lower() if isinstance(value, bool) else value
    return f"`{shown}`" if value not in (None, "", [], {}) and not isinstance(value, BaseModel) else ""


def _commands(group: click.Group, name: str) -> Iterable[list[str]]:
    context = click.Context(group, info_name=name)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        if command is None:
            continue
        usage = " ".join(piece for piece in command.collect_usage_pieces(click.Context(command, info_name=word)) if piece)
        shared = [title for title, of in SHARED.items() if _names(_params(of)) <= _names(command.params)]
        known = set().union(*(_names(_params(SHARED[title])) for title in shared))
        own = [param for param in command.params if isinstance(param, click.Option) and param.name not in known]
        links = ", ".join(f"[{title.lower()}](#{title.lower().replace(' ', '-')})" for title in shared)
        lines = [
            f"## `{name} {word}`",
            "",
            f"`{name} {word} {usage}`",
            "",
            inspect.cleandoc(command.help or ""),
            *(_options(own) if own else []),
        ]
        yield [*lines, *(["", f"And: {links}."] if links else [])]
        if isinstance(command, click.Group):
            yield from _commands(command, f"{name} {word}")


def _params(decorator: Callable[[Any], Any]) -> list[click.Option]:
    def bare() -> None: ...

    decorated: Any = decorator(bare)
    return [param for param in reversed(decorated.__click_params__) if isinstance(param, click.Option)]


def _names(params: Iterable[click.Parameter]) -> set[str]:
    return {str(param.name) for param in params}


def _options(options: Iterable[click.Option]) -> list[str]:
    rows = []
    for option in options:
        values = "|".join(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ""
        named = option.metavar or values or option.type.name.upper().split()[0]
        value = "" if option.is_flag else " " + named.replace("|", "\\|")
        default = f" Default: {option.default}." if option.default and not option.is_flag and not option.multiple else ""
        rows.append((f"`{', '.join(option.opts)}{value}`", f"{option.help or ''}{default}".strip()))
    return _table(("option", "meaning"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["", *(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
