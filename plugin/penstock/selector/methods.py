"""The selection methods: one table from a method's name to what finds its assets.

Every function takes the view and a criterion and yields ids; operators and tests' parents are no concern of theirs.
Source of each rule that is not Penstock's own: the class of the same name in dbt's `graph/selector_methods.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from penstock.assets.asset import DATA_TEST_KINDS, Asset, Kind
from penstock.assets.definition import Comparison
from penstock.assets.names import AssetKey
from penstock.errors import SelectionError
from penstock.parser.partitioned import is_partitioned
from penstock.selector.columns import COLUMN, by_column
from penstock.selector.configs import config_matcher
from penstock.selector.fqn import has_wildcard
from penstock.selector.globs import Matcher, PathGlob, matcher
from penstock.selector.tree import Criterion
from penstock.selector.versions import VERSIONS
from penstock.selector.view import ALL_KINDS, OWN_KINDS, PARSED_KINDS, GraphView, ingest_names, patch_of, path_of

Method = Callable[[GraphView, Criterion], Iterable[int]]

RESOURCE_TYPES = frozenset({kind.value for kind in Kind} | {"rpc", "sql_operation", "doc", "macro", "group", "fixture"})
"""Penstock's kinds, dbt's among them, and those of dbt's that never stand in a graph: to select one selects nothing."""

FRESHNESS = frozenset({"stale", "fresh", "unknown"})
PARTITIONS = frozenset({"held", "missing", "failed", "waiting"})


def by_fqn(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Assets by fully qualified name or the end of it; sources and ingestion files have methods of their own."""
    if has_wildcard(criterion.value):
        return view.patterns.find(criterion.value)
    return view.names.find(criterion.value)


def by_tag(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Assets with a tag; in dbt a semantic model has none."""
    matches = matcher(criterion.value)
    verdicts: dict[tuple[str, ...], bool] = {}
    for number, asset in view.of(ALL_KINDS - {Kind.SEMANTIC_MODEL}):
        if asset.tags not in verdicts:
            verdicts[asset.tags] = any(map(matches, asset.tags))
        if verdicts[asset.tags]:
            yield number


def by_group(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Models, seeds, snapshots, tests and metrics whose config says a group, ingestion files whose header does."""
    matches = matcher(criterion.value)
    for number, asset in view.of(PARSED_KINDS | {Kind.METRIC}):
        group = asset.config.get("group")
        if group and matches(group):
            yield number
    for number, asset in view.ingests():
        if asset.group and matches(asset.group):
            yield number


def by_access(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Models by who may refer to them."""
    return (number for number, asset in view.of((Kind.MODEL,)) if asset.access == criterion.value)


def by_source(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Sources by `source`, `source.table` or `package.source.table`."""
    parts = _parts(criterion, 3, "[package.]source[.table]")
    package = matcher(parts[0] if len(parts) == 3 else "*")
    source = matcher(parts[-2] if len(parts) > 1 else parts[0])
    table = matcher(parts[-1] if len(parts) > 1 else "*")
    for number, asset in view.of((Kind.SOURCE,)):
        name = asset.source.source_name if asset.source else ""
        if source(name) and table(asset.name) and package(asset.package):
            yield number


def by_ingest(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Ingestion files by `schema.table`, merged with a dbt source or not."""
    matches = matcher(criterion.value)
    return (number for number, asset in view.ingests() if any(map(matches, ingest_names(asset))))


def by_path(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Assets declared in a file or under a folder of the project.

    dbt globs the project's folder, so the paths of a package's nodes count only where the project has them too.
    """
    try:
        pattern = PathGlob(criterion.value)
    except ValueError as error:
        raise _bad_value(criterion, str(error)) from None
    paths: dict[str, bool] = {}
    patches: dict[str, bool] = {"": False}
    for number, asset in view.of(ALL_KINDS):
        path, patch = asset.path, asset.patch_path
        if path not in paths:
            paths[path] = pattern.matches(path_of(asset))
        if patch not in patches:
            patches[patch] = pattern.names(patch_of(asset))
        if asset.ingest is not None and pattern.matches(asset.ingest.path):
            yield number
        elif patches[patch]:
            if view.in_project(asset) or patch_of(asset) in view.places or _has_place(view, pattern, path_of(asset)):
                yield number
        elif paths[path] and (view.in_project(asset) or _has_place(view, pattern, path_of(asset))):
            yield number


def _has_place(view: GraphView, pattern: PathGlob, path: str) -> bool:
    return not view.places.isdisjoint(pattern.prefixes(path))


def by_file(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Assets by the name of the file that declares them, with or without its ending."""
    matches = matcher(criterion.value)
    for number, asset in view.of(ALL_KINDS):
        if _file_matches(asset.path, matches) or (asset.ingest is not None and _file_matches(asset.ingest.path, matches)):
            yield number


def _file_matches(path: str, matches: Matcher) -> bool:
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return bool(matches(name)) or (0 < dot < len(name) - 1 and bool(matches(name[:dot])))


def by_package(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Assets of a package; `this` is the project itself."""
    this = criterion.value == "this" and view.project
    matches = matcher(view.project if this else criterion.value)
    return (number for number, asset in view.of(ALL_KINDS) if matches(view.package(asset)))


def by_config(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Models, seeds, snapshots, tests and sources by one value of their config."""
    matches = config_matcher(criterion.arguments, criterion.value if criterion.literal is None else criterion.literal)
    verdicts: dict[int, bool] = {}
    for number, asset in view.of(PARSED_KINDS | {Kind.SOURCE}):
        config = id(asset.config)  # assets from the cache share theirs
        if config not in verdicts:
            verdicts[config] = bool(matches(asset.config))
        if verdicts[config]:
            yield number


def by_test_name(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Generic tests by the test's name, unit tests by their own."""
    matches = matcher(criterion.value)
    for number, asset in view.of((Kind.TEST, Kind.UNIT_TEST)):
        name = asset.name if asset.kind is Kind.UNIT_TEST else _generic_name(asset)
        if name and matches(name):
            yield number


def by_test_type(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Tests by type: generic, singular, unit or data (the first two); dbt takes any piece of the last three words too."""
    value = criterion.value
    if value in ("generic", "schema"):
        return (number for number, asset in view.of((Kind.TEST,)) if _generic_name(asset))
    if value in "data":
        return view.ids((Kind.TEST,))
    if value in "singular":
        return (number for number, asset in view.of((Kind.TEST,)) if not _generic_name(asset))
    if value in "unit":
        return view.ids((Kind.UNIT_TEST,))
    raise _bad_value(criterion, "`generic`, `singular`, `unit` or `data`")


def by_resource_type(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Assets of one type; a source that an ingestion file loads is a source and an ingest."""
    if criterion.value not in RESOURCE_TYPES:
        raise _bad_value(criterion, "a resource type")
    if criterion.value == Kind.INGEST.value:
        return (number for number, _ in view.ingests())
    return view.ids(kind for kind in Kind if kind.value == criterion.value)


def by_version(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Models by how their version compares with the latest one."""
    if criterion.value not in VERSIONS:
        raise _bad_value(criterion, "`latest`, `prerelease`, `old` or `none`")
    holds = VERSIONS[criterion.value]
    return (number for number, asset in view.of((Kind.MODEL,)) if holds(asset))


def by_owner(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Assets by the owner they or their group name."""
    matches = matcher(criterion.value)
    return (number for number, asset in view.of(ALL_KINDS) if asset.owner and matches(asset.owner))


def by_result(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Assets by how they ended in an earlier run."""
    statuses = view.history.statuses()
    return (view.graph.ids[key] for key, found in statuses.items() if criterion.value in found and key in view.graph)


def by_source_status(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Sources with newer data than at an earlier time; dbt knows no other value, and finds nothing for one."""
    fresher = view.history.fresher()
    return (number for number in view.sources if criterion.value == "fresher" and view.graph.assets[number].key in fresher)


def by_state(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Assets by what differs from an earlier manifest; what dbt does not know has no earlier definition."""
    if criterion.value in STATE_CATEGORIES:
        return _by_category(view, STATE_CATEGORIES[criterion.value])
    if criterion.value not in STATE_CHECKS:
        raise _bad_value(criterion, f"`{'`, `'.join((*STATE_CHECKS, *STATE_CATEGORIES))}`")
    comparison = view.history.comparison
    check, sees_removed = STATE_CHECKS[criterion.value]
    if sees_removed:
        comparison.removed()
    known = comparison.current.nodes
    return (number for number, asset in view.of(ALL_KINDS - OWN_KINDS) if asset.key in known and check(comparison, asset.key))


def _by_category(view: GraphView, wanted: frozenset[str]) -> Iterator[int]:
    """Yield what both sides have and dbt calls modified, by the kind of change; one of a kind that nobody knows is `unknown`."""
    comparison, categories = view.history.comparison, view.history.categories()
    for number, asset in view.of(ALL_KINDS - OWN_KINDS):
        key = asset.key
        if key in comparison.current.nodes and not comparison.is_new(key) and comparison.contents(key):
            found = categories.get(key, "unknown")
            said = comparison.part(key, "configs") or comparison.part(key, "relation") or comparison.persisted_descriptions(key)
            if ("non_breaking" if found == "cosmetic" and said else found) in wanted:
                yield number


def by_partition(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Select assets of which some partition is held, missing, failed, or waits for its files; one never built misses all."""
    if criterion.value not in PARTITIONS:
        raise _bad_value(criterion, "`missing`, `failed`, `waiting` or `held`")
    known = view.history.partitions()
    for number, asset in enumerate(view.graph.assets):
        found = known.get(asset.key, ())
        if criterion.value in found or (criterion.value == "missing" and not found and is_partitioned(asset)):
            yield number


def by_check(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """Data tests and checks by name, `failed` for those whose latest recorded result did not pass."""
    tests = view.of(DATA_TEST_KINDS)
    if criterion.value == "failed":
        failed = view.history.failed_checks()
        return (number for number, asset in tests if asset.key in failed)
    matches = matcher(criterion.value)
    return (number for number, asset in tests if matches(asset.name))


def by_fresh(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """What holds data by whether it is due or late as far as recorded; nothing recorded is `unknown`."""
    if criterion.value not in FRESHNESS:
        raise _bad_value(criterion, "`stale`, `fresh` or `unknown`")
    verdicts = view.history.freshness()
    kinds = (Kind.SOURCE, Kind.INGEST, Kind.SEED, Kind.MODEL, Kind.SNAPSHOT)
    return (number for number, asset in view.of(kinds) if not asset.ephemeral and verdicts.get(asset.key, "unknown") == criterion.value)


def named(kind: Kind) -> Method:
    """Return the method that finds what is named `[package.]name` among the assets of one kind."""

    def by_name(view: GraphView, criterion: Criterion) -> Iterator[int]:
        parts = _parts(criterion, 2, "[package.]name")
        package = matcher(parts[0] if len(parts) == 2 else "*")
        name = matcher(parts[-1])
        return (number for number, asset in view.of((kind,)) if name(asset.name) and package(asset.package))

    return by_name


STATE_CHECKS: Mapping[str, tuple[Callable[[Comparison, AssetKey], bool], bool]] = {
    "new": (Comparison.is_new, False),
    "old": (lambda comparison, key: not comparison.is_new(key), False),
    "modified": (Comparison.contents, True),
    "unmodified": (lambda comparison, key: not comparison.contents(key), True),
    "modified.body": (lambda comparison, key: comparison.part(key, "body"), False),
    "modified.configs": (lambda comparison, key: comparison.part(key, "configs"), False),
    "modified.persisted_descriptions": (Comparison.persisted_descriptions, False),
    "modified.relation": (lambda comparison, key: comparison.part(key, "relation"), False),
    "modified.macros": (Comparison.by_macros, False),
    "modified.contract": (Comparison.contract, True),
}
"""The values of `state:`; the flag says that nodes which are gone are looked at too, for their contracts."""

STATE_CATEGORIES: Mapping[str, frozenset[str]] = {
    "modified.breaking": frozenset({"breaking", "unknown"}),
    "modified.cosmetic": frozenset({"cosmetic"}),
}
"""Values of `state:` that dbt does not have, by categories of `penstock diff`; what is not known counts as breaking."""

METHODS: Mapping[str, Method] = {
    "fqn": by_fqn,
    "tag": by_tag,
    "group": by_group,
    "access": by_access,
    "source": by_source,
    "path": by_path,
    "file": by_file,
    "package": by_package,
    "config": by_config,
    "test_name": by_test_name,
    "test_type": by_test_type,
    "resource_type": by_resource_type,
    "exposure": named(Kind.EXPOSURE),
    "metric": named(Kind.METRIC),
    "version": by_version,
    "semantic_model": named(Kind.SEMANTIC_MODEL),
    "saved_query": named(Kind.SAVED_QUERY),
    "unit_test": named(Kind.UNIT_TEST),
    "function": named(Kind.FUNCTION),
    "state": by_state,
    "result": by_result,
    "source_status": by_source_status,
    "fresh": by_fresh,
    "partition": by_partition,
    "check": by_check,
    COLUMN: by_column,
    "ingest": by_ingest,
    "owner": by_owner,
}


def _generic_name(asset: Asset) -> str:
    """Return the name of a generic test, "" for a singular one."""
    return asset.test.name if asset.test else ""


def _parts(criterion: Criterion, most: int, form: str) -> list[str]:
    parts = criterion.value.split(".")
    if len(parts) > most:
        raise _bad_value(criterion, f"`{form}`")
    return parts


def _bad_value(criterion: Criterion, expected: str) -> SelectionError:
    return SelectionError(f"expected {expected} after `{criterion.method}:`, found `{criterion.value}` at column {criterion.column}")
