"""The files of each partition of an ingestion file: what its query's patterns, or `watch`, match for it now."""

from __future__ import annotations

import glob
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

from penstock.assets.asset import IngestSpec
from penstock.assets.fingerprint import fingerprint
from penstock.assets.names import literal, quote
from penstock.assets.partition_range import Partition
from penstock.assets.partitions import PartitionSet
from penstock.assets.records import Strength
from penstock.errors import WarehouseError
from penstock.parser.file_patterns import FilePattern, file_patterns
from penstock.plan.partitioning import UNKNOWN_FILES
from penstock.state.store import Statements
from penstock.warehouse.files import Folders, observe_files

_HIVE = re.compile(r"^([^=]+)=(.*)$")


def listings(
    ingest: IngestSpec, partitions: PartitionSet, sql: Statements, folder: Path, dialect: str, *, content: bool
) -> dict[str, dict[str, str]]:
    """Return, for each pattern of files, the version of what it matches for each partition; "" where it matches nothing.

    A pattern that names a placeholder is asked of the warehouse for every partition at once. Where none does, a watched
    file belongs to the partitions that its path names, `day=2024-03-02/region=emea`, and to all where it names none.
    """
    found: dict[str, dict[str, str]] = {}
    folders = Folders()
    each = list(partitions)
    patterns = [one for one in file_patterns(ingest.sql, dialect, [one.name for one in partitions.spec.dimensions]) if one.placeholders]
    for pattern, names in zip(patterns, _names(patterns, each, sql), strict=True):
        listed: dict[str, str] = {}
        known: dict[str, str] = {}
        for partition, name in zip(each, names, strict=True):
            if name not in known:
                known[name] = _version(name, folder, content=content, folders=folders)
            listed[partition.key] = known[name]
        found[f"file:{pattern.text}"] = listed
    if not patterns:
        found.update({f"file:{watch}": _watched(watch, each, folder, content=content) for watch in ingest.watch})
    return found


def _version(pattern: str, folder: Path, *, content: bool, folders: Folders | None = None) -> str:
    seen = observe_files(pattern, pattern, folder, content=content, folders=folders)
    if seen.strength == Strength.UNKNOWN:
        return UNKNOWN_FILES
    return "" if seen.version.startswith("files:0:") else seen.version


def _names(patterns: list[FilePattern], each: list[Partition], sql: Statements) -> list[list[str]]:
    """Ask the warehouse what the patterns are for each partition, with one statement."""
    if not patterns or not each:
        return [[] for _ in patterns]
    columns = {name: [one.values[name] for one in each] for name in each[0].values}
    lists = ", ".join(f"unnest({_list_of(values)}) as {quote(name)}" for name, values in columns.items())
    texts = ", ".join(pattern.expression for pattern in patterns)
    try:
        rows = sql.connection.execute(f"select {texts} from (select {lists}) as penstock_partitions")
    except WarehouseError as error:
        raise WarehouseError(f"the files of each partition cannot be told: {error}") from error
    return [[str(row[place]) for row in rows] for place in range(len(patterns))]


def _list_of(values: Sequence[date | str]) -> str:
    """Return values of one type as a list in SQL: texts that are cast all at once, as trees are too slow for thousands."""
    kind = "timestamp" if isinstance(values[0], datetime) else "date" if isinstance(values[0], date) else "varchar"
    return f"cast([{', '.join(literal(str(value)) for value in values)}] as {kind}[])"


def _watched(watch: str, each: Iterable[Partition], folder: Path, *, content: bool) -> dict[str, str]:
    """List a pattern once, and tell from each path whose it is."""
    files: dict[frozenset[tuple[str, str]], dict[str, list[object]]] = defaultdict(dict)
    partitions = list(each)
    dimensions = {name.lower() for one in partitions[:1] for name in one.values}
    for name in glob.iglob(watch, root_dir=folder, recursive=True, include_hidden=True):
        path = folder / name
        if path.is_file():
            stat = path.stat()
            files[_named(name, dimensions)][name] = [_version(name, folder, content=True)] if content else [stat.st_size, stat.st_mtime_ns]
    versions: dict[str, str] = {}
    for partition in partitions:
        mine: dict[str, list[object]] = {}
        for named in _subsets({(name.lower(), key) for name, key in _keys(partition).items()}, files):
            mine |= files[named]
        versions[partition.key] = f"files:{len(mine)}:{fingerprint(mine)}" if mine else ""
    return versions


def _named(name: str, dimensions: set[str]) -> frozenset[tuple[str, str]]:
    parts = (_HIVE.match(part) for part in Path(name).parent.as_posix().split("/"))
    return frozenset((part[1].lower(), part[2]) for part in parts if part is not None and part[1].lower() in dimensions)


def _keys(partition: Partition) -> Mapping[str, str]:
    """Return the key of each dimension, as a path says it."""
    found = dict(zip((one.name for one in partition.dimensions if one is not partition.alone.time), partition.coordinate, strict=True))
    if partition.alone.time is not None:
        found[partition.alone.time.name] = partition.alone.first_key
    return found


def _subsets(
    keys: set[tuple[str, str]], files: Mapping[frozenset[tuple[str, str]], Mapping[str, list[object]]]
) -> Iterable[frozenset[tuple[str, str]]]:
    """Return what paths may name and still mean a partition: all of its keys, some of them, none."""
    wanted: list[frozenset[tuple[str, str]]] = [frozenset()]
    for key in sorted(keys):
        wanted += [one | {key} for one in wanted]
    return [one for one in wanted if one in files]
