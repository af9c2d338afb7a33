"""selectors.yml as trees; source of its rules: dbt's `graph/cli.py` and `config/selectors.py`, as of 1.12."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import Field

from penstock.errors import Location, PenstockError, ProjectError, SelectionError, raise_all
from penstock.parser.models import FileModel, validate
from penstock.selector.grammar import method_of, parse_criterion
from penstock.selector.named import NamedSelectors
from penstock.selector.tree import Criterion, Difference, Indirect, Intersection, Tree, Union

_GROUPS: Mapping[str, Callable[[tuple[Tree, ...]], Tree]] = {
    "union": lambda parts: Union(parts, joins=False),
    "intersection": lambda parts: Intersection(parts, joins=False),
}


class SelectorDefinition(FileModel):
    """One named selector; `definition` is a criterion's text, or nested mappings."""

    name: str
    definition: str | dict[str, Any]
    description: str = ""
    default: bool = Field(default=False, strict=True)


class SelectorsFile(FileModel):
    """selectors.yml."""

    selectors: list[SelectorDefinition]
    version: int = 2


def read_selectors(raw: Mapping[str, Any], file: str) -> NamedSelectors:
    """Read the document of selectors.yml, its Jinja rendered; of two selectors with one name the last counts.

    Raises ParseError, ProjectError or Problems, each naming the selector.
    """
    found = validate(SelectorsFile, raw, file)
    defaults = [selector.name for selector in found.selectors if selector.default]
    if len(defaults) > 1:
        raise ProjectError(f"several selectors have `default: true`: {', '.join(defaults)}", at=Location(file), hint="Keep one.")
    trees: dict[str, Tree] = {}
    problems: list[PenstockError] = []
    for selector in found.selectors:
        try:
            trees[selector.name] = _root(selector.definition)
        except SelectionError as error:
            problems.append(ProjectError(f"selector `{selector.name}`: {error.message}", at=Location(file), hint=error.hint))
    raise_all(problems)
    return NamedSelectors(trees, defaults[0] if defaults else "")


def _root(definition: Any) -> Tree:
    if isinstance(definition, dict) and not _GROUPS.keys().isdisjoint(definition) and len(definition) > 1:
        raise SelectionError(f"expected `union` or `intersection` alone, found `{'`, `'.join(map(str, definition))}`")
    return _tree(definition)


def _tree(definition: Any) -> Tree:
    if isinstance(definition, str):
        return parse_criterion(definition)
    if not isinstance(definition, dict):
        raise SelectionError(f"expected a criterion or `key: value` pairs, found `{definition}`")
    for name, group in _GROUPS.items():
        if name in definition:
            return _group(group, _listed(definition, name))
    if len(definition) == 1:
        ((method, value),) = definition.items()
        return _criterion({"method": method, "value": value})
    if "method" not in definition or "value" not in definition:
        raise SelectionError(f"expected one key, or `method` and `value`, found `{'`, `'.join(map(str, definition))}`")
    return _without(_criterion(definition), _exclusions(definition) if "exclude" in definition else None)


def _group(group: Callable[[tuple[Tree, ...]], Tree], definitions: Sequence[Any]) -> Tree:
    """Read the parts of a union or intersection. One with the key `exclude` is taken off the others, whatever else it says."""
    parts: list[Tree] = []
    excluded: Tree | None = None
    for definition in definitions:
        if not (isinstance(definition, dict) and "exclude" in definition):
            parts.append(_tree(definition))
        elif excluded is not None:
            raise SelectionError("expected one `exclude` in a union or intersection, found several")
        else:
            excluded = _exclusions(definition)
    return _without(group(tuple(parts)), excluded)


def _exclusions(definition: Mapping[str, Any]) -> Tree | None:
    parts = tuple(_tree(item) for item in _listed(definition, "exclude"))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Union(parts, joins=False)


def _without(tree: Tree, excluded: Tree | None) -> Tree:
    return tree if excluded is None else Difference(tree, excluded)


def _listed(definition: Mapping[str, Any], key: str) -> list[Any]:
    found = definition[key]
    if not isinstance(found, list):
        raise SelectionError(f"expected a list under `{key}`, found `{found}`")
    for item in found:
        if not isinstance(item, (str, dict)) or (isinstance(item, dict) and not all(isinstance(name, str) for name in item)):
            raise SelectionError(f"expected criteria or `key: value` pairs under `{key}`, found `{item}`")
    return found


def _criterion(definition: Mapping[str, Any]) -> Criterion:
    name = definition["method"]
    if not isinstance(name, str):
        raise SelectionError(f"expected a selection method, found `{name}`")
    method, arguments = method_of(name)
    criterion = Criterion(
        method=method,
        value=str(definition["value"]),
        literal=None if isinstance(definition["value"], str) else definition["value"],
        arguments=arguments,
        childrens_parents=bool(definition.get("childrens_parents")),
        parents=bool(definition.get("parents")),
        parents_depth=_depth(definition, "parents_depth"),
        children=bool(definition.get("children")),
        children_depth=_depth(definition, "children_depth"),
        indirect=_indirect(definition),
    )
    if criterion.childrens_parents and criterion.children:
        raise SelectionError("`childrens_parents` and `children` exclude each other")
    return criterion


def _depth(definition: Mapping[str, Any], key: str) -> int | None:
    """Return a number of steps; dbt takes 0 for no limit here."""
    found = definition.get(key)
    if not found:
        return None
    try:
        return int(found)
    except (TypeError, ValueError):
        raise SelectionError(f"expected a number of steps under `{key}`, found `{found}`") from None


def _indirect(definition: Mapping[str, Any]) -> Indirect | None:
    if "indirect_selection" not in definition:
        return None
    found = definition["indirect_selection"]
    try:
        return Indirect(found)
    except ValueError:
        raise SelectionError(f"expected `{'`, `'.join(Indirect)}` under `indirect_selection`, found `{found}`") from None
