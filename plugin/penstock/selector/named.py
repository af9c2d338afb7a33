"""Selectors that have a name, for `--selector` and `selector:`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.errors import SelectionError
from penstock.selector.globs import Matcher
from penstock.selector.nearest import near
from penstock.selector.tree import Tree

SELECTOR = "selector"
"""The method that refers to one of them."""


@dataclass(frozen=True)
class NamedSelectors:
    """Trees by name; `default` is the one that holds where a command gives no selection, "" where there is none."""

    trees: Mapping[str, Tree] = field(default_factory=dict)
    default: str = ""

    def tree(self, name: str) -> Tree:
        """Return the tree of a name. Raises SelectionError for an unknown one."""
        if name not in self.trees:
            raise self.unknown(name)
        return self.trees[name]

    def matching(self, matches: Matcher) -> list[str]:
        """Return the names that match, sorted."""
        return sorted(name for name in self.trees if matches(name))

    def unknown(self, name: str) -> SelectionError:
        """Make the error for a name that is none of these."""
        if not self.trees:
            return SelectionError(f"there is no selector `{name}`", hint="Define it in selectors.yml beside dbt_project.yml.")
        likely = near(name, self.trees) or sorted(self.trees)
        return SelectionError(f"there is no selector `{name}` in selectors.yml", hint=f"There is: {', '.join(likely)}.")


NO_SELECTORS = NamedSelectors()
