"""The variables that Penstock sets while dbt compiles a model with partitions, and what dbt says where it does not set them.

They are set for that compilation alone: dbt parses with the user's own variables, and no other node sees these.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.compiler.slice_bounds import NAMES, agreed_text, trial, used_otherwise
from penstock.errors import ProjectError

_MENTION = re.compile(rf"\b(?:{'|'.join(NAMES)})\b")
_MISSING = re.compile(rf"Required var '({'|'.join(NAMES)})' not found")


class _Watched(dict[str, Any]):
    """Variables that remember which of Penstock's own were asked for."""

    asked: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> Any:
        if name in NAMES:
            self.asked |= {name}
        return super().__getitem__(name)


class _Printed:
    """A value that can be printed, and nothing else: what it will be is not known yet."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    def _refuse(self, *_: Any) -> Any:
        raise used_otherwise()

    __hash__ = None  # type: ignore[assignment]
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __getitem__ = __contains__ = __iter__ = __len__ = __add__ = __radd__ = __mod__ = _refuse

    def __bool__(self) -> bool:
        return True


def is_sliced(node: Any) -> bool:
    """Whether Penstock builds a node of dbt's slice by slice by `meta.penstock.partitions`."""
    config = node.config
    own = (getattr(config, "meta", None) or {}).get("penstock")
    by_partitions = isinstance(own, Mapping) and bool(own.get("partitions"))
    batches = getattr(config, "materialized", "") == "incremental" and getattr(config, "incremental_strategy", None) == "microbatch"
    return by_partitions and not batches and getattr(config, "materialized", "") in ("table", "incremental")


def compiled_code(compiler: Any, node: Any, manifest: Any, given: Mapping[str, Any]) -> str:
    """Return the compiled SQL of a node; `given` are the variables of the command line.

    A model with partitions has marks where it prints the bounds of its slice (see `compiler.slice_bounds`). Raises ProjectError
    where they are used otherwise, and what dbt's compiler raises.
    """
    if not is_sliced(node):
        return _compiled(compiler, node, manifest)
    _refuse_inlined(node, manifest)
    first, asked = _tried(compiler, node, manifest, 0)
    taken = sorted(asked & given.keys())
    if taken:
        raise ProjectError(f"{node.name} has partitions, so that Penstock sets `{taken[0]}`", hint="Leave it out of --vars.")
    return agreed_text(first, _tried(compiler, node, manifest, 1)[0]) if asked else first


def explained(message: str) -> str:
    """Return a message of dbt's, with a word where a node asked for what only models with partitions are given."""
    found = _MISSING.search(message)
    if found is None:
        return message
    return f"{message}\n  Only models with `meta.penstock.partitions` are given it; elsewhere write a default: var('{found[1]}', ...)."


def _tried(compiler: Any, node: Any, manifest: Any, number: int) -> tuple[str, frozenset[str]]:
    config = copy.copy(compiler.config)
    values = {name: _Printed(text) for name, text in trial(number).items()}
    config.cli_vars = _Watched({**compiler.config.cli_vars, **values})
    try:
        return _compiled(type(compiler)(config), node, manifest), config.cli_vars.asked
    except (TypeError, ValueError) as error:
        raise used_otherwise() if config.cli_vars.asked else error from error


def _compiled(compiler: Any, node: Any, manifest: Any) -> str:
    return str(compiler.compile_node(copy.deepcopy(node), manifest, {}, write=False).compiled_code or "")


def _refuse_inlined(node: Any, manifest: Any) -> None:
    """Refuse ephemeral models that read the bounds: dbt compiles them once, for whoever takes them in first."""
    for inlined in _inlined(node, manifest):
        texts = [inlined.raw_code, *(manifest.macros[uid].macro_sql for uid in _macros(inlined, manifest))]
        if any(_MENTION.search(text) for text in texts):
            raise ProjectError(
                f"{node.name} takes in {inlined.name}, an ephemeral model that reads the bounds of a slice",
                hint="Read them in the model that has the partitions.",
            )


def _inlined(node: Any, manifest: Any) -> Iterator[Any]:
    for uid in node.depends_on.nodes:
        parent = manifest.nodes.get(uid)
        if parent is not None and parent.is_ephemeral_model:
            yield parent
            yield from _inlined(parent, manifest)


def _macros(node: Any, manifest: Any) -> set[str]:
    found: set[str] = set()
    left = list(node.depends_on.macros)
    while left:
        uid = left.pop()
        if uid in manifest.macros and uid not in found:
            found.add(uid)
            left += manifest.macros[uid].depends_on.macros
    return found
