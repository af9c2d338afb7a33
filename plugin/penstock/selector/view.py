"""An asset graph as the methods look at it: ids by kind, in the groups dbt's own methods search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import PurePosixPath

from penstock.assets.asset import TEST_KINDS, Asset, Kind
from penstock.graph.asset_graph import AssetGraph

OWN_KINDS = frozenset({Kind.INGEST, Kind.CHECK, Kind.FILE})
ALL_KINDS = frozenset(Kind)
PARSED_KINDS = frozenset({Kind.MODEL, Kind.SEED, Kind.SNAPSHOT, Kind.TEST, Kind.ANALYSIS, Kind.OPERATION})
"""What dbt keeps under `nodes` in its manifest."""
NAMED_KINDS = ALL_KINDS - OWN_KINDS - {Kind.SOURCE}
"""What has a fully qualified name to be found by: dbt's `non_source_nodes`."""


class GraphView:
    """One graph and the name of the project it belongs to, "" where that is not known."""

    def __init__(self, graph: AssetGraph, project: str = "") -> None:
        self.graph = graph
        self.project = project
        by_kind: dict[Kind, list[int]] = defaultdict(list)
        for number, asset in enumerate(graph.assets):
            by_kind[asset.kind].append(number)
        self.by_kind = by_kind

    def ids(self, kinds: Iterable[Kind]) -> Iterator[int]:
        """Yield the ids of these kinds."""
        for kind in kinds:
            yield from self.by_kind.get(kind, ())

    def of(self, kinds: Iterable[Kind]) -> Iterator[tuple[int, Asset]]:
        """Yield the ids of these kinds, each with its asset."""
        assets = self.graph.assets
        for number in self.ids(kinds):
            yield number, assets[number]

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
    def places(self) -> frozenset[str]:
        """The files and folders that are known to be in the project; "." is the project itself."""
        own = [asset for asset in self.graph.assets if self.in_project(asset)]
        files = {PurePosixPath(path) for asset in own for path in (path_of(asset), patch_of(asset)) if path}
        return frozenset(map(str, files)).union(str(folder) for file in files for folder in file.parents)


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
