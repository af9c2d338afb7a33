"""What somebody may have meant by a criterion that matches nothing."""

from __future__ import annotations

import dataclasses
import difflib
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping

from penstock.assets.asset import DATA_TEST_KINDS, Kind
from penstock.selector.globs import is_glob
from penstock.selector.tree import Criterion
from penstock.selector.view import ALL_KINDS, NAMED_KINDS, GraphView, ingest_names, path_of

_SUGGESTIONS = 3
_COMPARED = 50
"""difflib takes 20 microseconds a pair, so only the candidates that share most with the value are compared."""


def suggestions(view: GraphView, criterion: Criterion) -> tuple[str, ...]:
    """Return up to three criteria near this one that would match something; a pattern has no near names."""
    if is_glob(criterion.value) or criterion.method not in _VOCABULARY:
        return ()
    methods: dict[str, str] = {}
    for method in (criterion.method, *_ALSO.get(criterion.method, ())):
        for word in _VOCABULARY[method](view):
            methods.setdefault(word, method)
    return tuple(str(dataclasses.replace(criterion, method=methods[word], value=word)) for word in near(criterion.value, methods))


def near(value: str, words: Iterable[str]) -> list[str]:
    """Return the words most like `value`, best first; case does not count."""
    wanted = value.lower()
    folded = {word.lower(): word for word in sorted(words, reverse=True)}
    if wanted in folded:
        return [folded[wanted]]
    pairs = {wanted[index : index + 2] for index in range(len(wanted) - 1)}
    likely = heapq.nlargest(_COMPARED, folded, key=lambda word: (sum(map(word.__contains__, pairs)), -len(word)))
    return [folded[word] for word in difflib.get_close_matches(wanted, likely, _SUGGESTIONS)]


def _names(*kinds: Kind) -> Callable[[GraphView], Iterator[str]]:
    return lambda view: (asset.name for _, asset in view.of(kinds))


def _fqn_names(view: GraphView) -> Iterator[str]:
    for _, asset in view.of(NAMED_KINDS - {Kind.TEST}):
        yield asset.name
        if asset.version:
            yield f"{asset.name}.v{asset.version}"


def _sources(view: GraphView) -> Iterator[str]:
    for _, asset in view.of((Kind.SOURCE,)):
        if asset.source:
            yield asset.source.source_name
            yield f"{asset.source.source_name}.{asset.name}"


_VOCABULARY: Mapping[str, Callable[[GraphView], Iterable[str]]] = {
    "fqn": _fqn_names,
    "tag": lambda view: {tag for asset in view.graph.assets for tag in asset.tags},
    "group": lambda view: {asset.group for asset in view.graph.assets if asset.group},
    "access": lambda view: {asset.access for asset in view.graph.assets if asset.access},
    "source": _sources,
    "path": lambda view: view.places,
    "file": lambda view: {path_of(asset).rpartition("/")[2] for asset in view.graph.assets},
    "package": lambda view: {view.package(asset) for _, asset in view.of(ALL_KINDS)},
    "check": lambda view: {asset.name for _, asset in view.of(DATA_TEST_KINDS)} | {"failed"},
    "test_name": lambda view: {asset.test.name for _, asset in view.of((Kind.TEST,)) if asset.test},
    "exposure": _names(Kind.EXPOSURE),
    "metric": _names(Kind.METRIC),
    "semantic_model": _names(Kind.SEMANTIC_MODEL),
    "saved_query": _names(Kind.SAVED_QUERY),
    "unit_test": _names(Kind.UNIT_TEST),
    "ingest": lambda view: {name for _, asset in view.ingests() for name in ingest_names(asset)},
}

_ALSO: Mapping[str, tuple[str, ...]] = {"fqn": ("source", "ingest"), "source": ("ingest",), "ingest": ("source",)}
"""Methods to look in as well: a table is often asked for as if it were a model."""
