"""An asset graph as the methods look at it: ids by kind, in the groups dbt's own methods search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain

from penstock.assets.asset import TEST_KINDS, Asset, Kind
from penstock.graph.asset_graph import AssetGraph
from penstock.selector.fqn import NameIndex, NamePatterns
from penstock.selector.history import NO_HISTORY, History

OWN_KINDS = frozenset({Kind.INGEST, Kind.CHECK, Kind.FILE})
ALL_KINDS = frozenset(Kind)
PARSED_KINDS = frozenset({Kind.MODEL, Kind.SEED, Kind.SNAPSHOT, Kind.TEST, Kind.ANALYSIS, Kind.OPERATION})
"""What dbt keeps under `nodes` in its manifest."""
NAMED_KINDS = ALL_KINDS - OWN_KINDS - {Kind.SOURCE}
"""What has a fully qualified name to be found by: dbt's `non_source_nodes`."""


class GraphView:
    """One graph, the name of the project it belongs to ("" where that is not known), and what it may be compared with."""

    def __init__(self, graph: AssetGraph, project: str = "", history: History = NO_HISTORY) -> None:
        self.graph = graph
        self.project = project
        self.history = history
        self._by_kind: dict[Kind, list[tuple[int, Asset]]] = defaultdict(list)
        for numbered in enumerate(graph.assets):
            self._by_kind[numbered[1].kind].append(numbered)

    def of(self, kinds: Iterable[Kind]) -> Iterator[tuple[int, Asset]]:
        """Yield the ids of these kinds, each with its asset."""
        return chain.from_iterable(self._by_kind[kind] for kind in kinds if kind in self._by_kind)

    def ids(self, kinds: Iterable[Kind]) -> Iterator[int]:
        """Yield the ids of these kinds."""
        return (number for number, _ in self.of(kinds))

    def ingests(self) -> Iterator[tuple[int, Asset]]:
        """Yield what an ingestion file loads, merged with a dbt source or not."""
        return ((number, asset) for number, asset in self.of((Kind.INGEST, Kind.SOURCE)) if asset.ingest is not None)

    def package(self, asset: Asset) -> str:
        """Return the package of an asset; what dbt does not know belongs to the project itself."""
        return asset.package or (self.project if asset.kind in OWN_KINDS else "")

    def in_project(self, asset: Asset) -> bool:
        """Tell whether an asset's paths are relative to the project's own folder, not to a package's."""
        return not self.project or self.package(asset) == self.project

    @cached_property
    def tests(self) -> frozenset[int]:
        """Data tests and unit tests: what can be selected through its parents."""
        return frozenset(self.ids(TEST_KINDS))

    @cached_property
    def sources(self) -> frozenset[int]:
        """Sources, and the ingestion files that stand where a source would."""
        return frozenset(self.ids((Kind.SOURCE, Kind.INGEST)))

    @cached_property
    def named(self) -> list[tuple[int, Asset]]:
        """What has a fully qualified name."""
        return [numbered for numbered in self.of(NAMED_KINDS) if numbered[1].fqn]

    @cached_property
    def names(self) -> NameIndex:
        """The same by that name."""
        return NameIndex(self.named)

    @cached_property
    def patterns(self) -> NamePatterns:
        """The same for names with wildcards."""
        return NamePatterns(self.named)

    @cached_property
    def places(self) -> frozenset[str]:
        """The files and folders that are known to be in the project; "." is the project itself."""
        own = [asset for asset in self.graph.assets if self.in_project(asset)]
        files = {path_of(asset) for asset in own} | {patch_of(asset) for asset in own} | {"dbt_project.yml"}
        folders = {"."}
        for file in files:
            folder = file.rpartition("/")[0]
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(files | folders) - {""}


def path_of(asset: Asset) -> str:
    """Return the file that declares an asset, relative to its package; dbt writes `./dbt_project.yml` for hooks."""
    return asset.path.removeprefix("./")


def patch_of(asset: Asset) -> str:
    """Return the properties file of an asset, relative to its package, "" where there is none."""
    return asset.patch_path.partition("://")[2]


def ingest_names(asset: Asset) -> set[str]:
    """Return `schema.table` of an ingestion file: of what it writes, and of its own folder and name."""
    folder, _, file = (asset.ingest.path if asset.ingest else "").rpartition("/")
    return {str(asset.relation), f"{folder.rpartition('/')[2]}.{file.removesuffix('.sql')}"}
