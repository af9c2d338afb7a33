"""Shell wildcards over names and over paths."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from operator import methodcaller

Matcher = Callable[[str], object]
"""Something truthy for a name that matches."""

CLASS = "["
"""What begins a set of characters in a pattern."""

_ANY_DEPTH = "**"
_States = frozenset[int]


def is_glob(pattern: str) -> bool:
    """Tell whether a pattern can match anything but itself."""
    return any(character in pattern for character in "*?[")


def matcher(pattern: str) -> Matcher:
    """Return what `fnmatch.fnmatchcase(name, pattern)` computes, prepared once for many names."""
    if pattern == "*":
        return _anything
    if not is_glob(pattern):
        return pattern.__eq__
    plain = pattern.strip("*")
    if not is_glob(plain):  # five times as fast as the regular expression
        ends = pattern.startswith("*"), pattern.endswith("*")
        return methodcaller({(True, True): "__contains__", (True, False): "endswith", (False, True): "startswith"}[ends], plain)
    return re.compile(fnmatch.translate(pattern)).match


def _anything(_name: str) -> bool:
    return True


class PathGlob:
    """A pattern as `pathlib.Path.glob` reads it, matched against known paths instead of the disk.

    A path matches where the pattern names it or a folder above it. Every folder is matched once: the set of
    pattern positions reached after its last name is kept, -1 standing for a folder that matches as a whole.
    Source of the rules: dbt's `PathSelectorMethod`, which globs the project's folder.
    """

    def __init__(self, pattern: str) -> None:
        """Raises ValueError saying what was expected, for what `Path.glob` refuses."""
        if pattern.startswith("/"):
            raise ValueError("a path relative to the project")
        self.parts = [part for part in pattern.split("/") if part not in ("", ".")]
        if not self.parts:
            raise ValueError("a path")
        if any(_ANY_DEPTH in part and part != _ANY_DEPTH for part in self.parts):
            raise ValueError("`**` as a whole name between slashes")
        self.folders_only = pattern.endswith("/") or self.parts[-1] == _ANY_DEPTH
        self._matchers = [matcher(part) for part in self.parts]
        self._folders: dict[str, _States] = {"": self._settle({0})}

    def matches(self, path: str) -> bool:
        """Tell whether the pattern names this file or a folder above it."""
        states = self._states(path.rpartition("/")[0])
        return bool(states) and (-1 in states or self.names(path))

    def names(self, path: str) -> bool:
        """Tell whether the pattern names exactly this file."""
        folder, _, name = path.rpartition("/")
        states = self._states(folder)
        return bool(states) and not self.folders_only and len(self.parts) in self._advance(states, name)

    def prefixes(self, path: str) -> Iterator[str]:
        """Yield the folders above this file that the pattern names, and the file itself where it does; "." is the top."""
        for end in (index for index, character in enumerate(path) if character == "/"):
            if len(self.parts) in self._states(path[:end]):
                yield path[:end]
        if len(self.parts) in self._states(""):
            yield "."
        if self.names(path):
            yield path

    def _states(self, folder: str) -> _States:
        if folder not in self._folders:
            parent, _, name = folder.rpartition("/")
            self._folders[folder] = self._step(self._states(parent), name)
        return self._folders[folder]

    def _step(self, states: _States, name: str) -> _States:
        reached = self._settle(self._advance(states, name))
        return reached | {-1} if -1 in states else reached

    def _advance(self, states: _States, name: str) -> set[int]:
        reached = set()
        for state in states:
            if not 0 <= state < len(self.parts):
                continue
            if self.parts[state] == _ANY_DEPTH:
                reached.add(state)
            elif self._matchers[state](name):
                reached.add(state + 1)
        return reached

    def _settle(self, states: set[int]) -> _States:
        """Add what `**` reaches by standing for no folder at all, and -1 where the pattern ends."""
        settled = set(states)
        for position, part in enumerate(self.parts):
            if part == _ANY_DEPTH and position in settled:
                settled.add(position + 1)
        return frozenset(settled | {-1}) if len(self.parts) in settled else frozenset(settled)
