"""Random dbt manifests as plain dictionaries, and random selections whose words come from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from hypothesis import strategies as st
from penstock.graph.assemble import assemble
from penstock.parser.manifest import Context, parse_manifest
from penstock.selector.resolve import Resolver
from penstock.selector.tree import Criterion, Difference, Everything, Indirect, Intersection, Tree, Union
from penstock.selector.view import GraphView

Node = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

PROJECT = "shop"
METADATA = {
    "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
    "dbt_version": "1.11.0",
    "project_name": PROJECT,
    "adapter_type": "duckdb",
}
PACKAGES = (PROJECT, PROJECT, "helper", "a")
NAMES = ("a", "b", "ab", "a_b", "a.b", "b_v1", "shop", "v1", "C")
FOLDERS = ((), (), ("a",), ("a", "b"), ("b",), ("b.a",), ("stg", "a"))
TAGS = ((), (), ("n",), ("day",), ("n", "day"), ("nn",))
GROUPS = (None, None, "fin", "core")
ACCESS = ("private", "protected", "public")
MATERIALIZED = ("view", "table", "incremental", "ephemeral", "own")
SEVERITIES = ("warn", "ERROR", "Warn")
GENERIC_TESTS = ("unique", "not_null", "relationships")
METAS: Sequence[Node] = (
    {},
    {},
    {"owner": "ops", "tier": 1},
    {"owner": ["ops", "qa", True], "flag": True},
    {"deep": {"er": "x", "items": "y"}, "flag": False},
    {"flag": "true", "owner": None},
)
VERSIONS = (
    *[(None, None)] * 8,
    (1, 1), (1, 2), (2, 1), (10, 9), (0, 1), (1, 0), (0, 0), (1.5, 2), (1, 1.0), ("b", "b"), ("b", "a"), ("a", 1), ("2", "10"),
)  # fmt: skip
"""A model's version and the latest one."""

KINDS = (
    *["model"] * 6, *["source"] * 2, "seed", "snapshot", *["generic"] * 6, *["singular"] * 3, *["unit_test"] * 2, "exposure", "metric",
    "semantic_model", "saved_query", "function", "analysis", "operation",
)  # fmt: skip
TABLES = ("model", "source", "seed", "snapshot")
PARENTS: Mapping[str, tuple[tuple[str, ...], int, int]] = {
    "model": ((*TABLES, "function"), 0, 3),
    "snapshot": (TABLES, 0, 1),
    "generic": (TABLES, 1, 3),
    "singular": ((*TABLES, "function"), 0, 3),
    "unit_test": (("model",), 1, 1),
    "exposure": ((*TABLES, "metric"), 0, 3),
    "metric": (("semantic_model", "metric"), 0, 2),
    "semantic_model": (("model",), 1, 1),
    "saved_query": (("metric",), 1, 2),
    "function": (("function",), 0, 1),
    "analysis": (TABLES, 0, 2),
    "operation": (("model",), 0, 1),
}
"""Whom a node may depend on, and the fewest and the most of them; what finds too few becomes a model."""

RESOURCE_TYPES = {"generic": "test", "singular": "test"}
SECTIONS = {"source": "sources", "exposure": "exposures", "metric": "metrics", "semantic_model": "semantic_models",
            "saved_query": "saved_queries", "unit_test": "unit_tests", "function": "functions"}  # fmt: skip
FOLDER_OF = {
    "model": "models",
    "seed": "seeds",
    "snapshot": "snapshots",
    "singular": "tests",
    "analysis": "analyses",
    "function": "functions",
}
"""Where what has a file of its own keeps it; all others stand in a properties file."""

ODD_CONFIGS = (
    ("severity", "error"), ("severity", "WARN"), ("enabled", "False"), ("custom", "TRUE"), ("meta.flag", "True"), ("meta.owner.0", "ops"),
    ("contract.enforced", "false"), ("docs.show", "true"), ("meta", "ops"), ("", "x"), ("nothing.at.all", "true"),
)  # fmt: skip
"""Keys and values beside those that stand in some node's config."""


@dataclass(frozen=True)
class World:
    """A manifest by unique_id, and Penstock's reading of it."""

    nodes: Mapping[str, Node]

    @cached_property
    def raw(self) -> Node:
        """The manifest in dbt's sections."""
        unused = ("macros", "docs", "groups", "selectors", "disabled", "parent_map", "child_map", "group_map")
        raw: Node = {"metadata": METADATA, "nodes": {}} | {section: {} for section in (*SECTIONS.values(), *unused)}
        for uid, node in self.nodes.items():
            raw[SECTIONS.get(node["resource_type"], "nodes")][uid] = node
        return raw

    @cached_property
    def view(self) -> GraphView:
        """The graph as the selector looks at it."""
        return GraphView(assemble(parse_manifest(self.raw, Context()), [], "db"), PROJECT)

    def ids(self, tree: Tree, mode: str = "empty") -> set[str]:
        """What a tree selects."""
        assets = self.view.graph.assets
        return {assets[number].key for number in Resolver(self.view, Indirect(mode)).resolve(tree)}

    @cached_property
    def words(self) -> Mapping[str, Sequence[Any]]:
        """Values for every method."""
        return vocabulary(self)

    def parents(self, uid: str) -> set[str]:
        return set(self.nodes[uid]["depends_on"].get("nodes", ()))

    def files(self) -> set[str]:
        """Where the nodes stand, from the project's own folder."""
        found = {"dbt_project.yml"}
        for node in self.nodes.values():
            above = "" if node["package_name"] == PROJECT else f"dbt_packages/{node['package_name']}/"
            patch = (node.get("patch_path") or "").partition("://")[2]
            found |= {above + path.removeprefix("./") for path in (node["original_file_path"], patch) if path}
        return found


@st.composite
def worlds(draw: Draw, largest: int = 14) -> World:
    """Draw a manifest in which every node depends on earlier ones only."""
    nodes: dict[str, Node] = {}
    for _ in range(draw(st.integers(3, largest))):
        kind = draw(st.sampled_from(KINDS))
        allowed, fewest, most = PARENTS.get(kind, ((), 0, 0))
        candidates = [uid for uid in nodes if uid.partition(".")[0] in allowed]
        if len(candidates) < fewest:
            kind, candidates = "model", []
        least = min(draw(st.integers(fewest, most)), len(candidates))
        parents = draw(st.lists(st.sampled_from(candidates), min_size=least, max_size=most, unique=True)) if candidates else []
        node = _node(draw, kind, parents, nodes)
        nodes[node["unique_id"]] = node
    return World(nodes)


def _node(draw: Draw, kind: str, parents: list[str], others: Mapping[str, Node]) -> Node:
    resource_type = RESOURCE_TYPES.get(kind, kind)
    package, folders, name = draw(st.sampled_from(PACKAGES)), draw(st.sampled_from(FOLDERS)), draw(st.sampled_from(NAMES))
    version, latest = draw(st.sampled_from(VERSIONS)) if kind == "model" else (None, None)
    middle = {"source": ["raw"], "unit_test": [others[one]["name"] for one in parents]}.get(kind, [])
    end = [] if version is None else [f"v{version}"]
    while (uid := ".".join([resource_type, package, *middle, name, *end])) in others:
        name += "x"
    path, patch = _files(draw, kind, folders, "_".join([name, *end]))
    tags, meta = draw(st.sampled_from(TAGS)), draw(st.sampled_from(METAS))
    above = {"analysis": ("analysis",), "operation": ("hooks",)}.get(kind, folders)
    node: Node = {
        "unique_id": uid, "name": name, "resource_type": resource_type, "package_name": package, "path": path.partition("/")[2],
        "original_file_path": path, "fqn": [package, *above, *middle, name, *end], "depends_on": {"nodes": parents, "macros": []},
        "tags": list(tags), "meta": dict(meta), "config": {"enabled": True, "tags": list(tags), "meta": dict(meta)},
        "database": "db", "schema": f"{kind}_{package}", "alias": uid, "raw_code": "select 1", "version": version,
        "latest_version": latest, "patch_path": f"{package}://{patch}" if patch else None,
    }  # fmt: skip
    if kind in ("model", "seed", "snapshot", "metric", "semantic_model", "saved_query"):
        node["group"] = node["config"]["group"] = draw(st.sampled_from(GROUPS))
    if kind != "unit_test":
        node["checksum"] = {"name": "sha256", "checksum": uid}
    return node | _OWN[kind](draw, node) if kind in _OWN else node


def _files(draw: Draw, kind: str, folders: tuple[str, ...], name: str) -> tuple[str, str]:
    """Return the file that declares a node, and its properties file or ""."""
    if kind == "operation":
        return "./dbt_project.yml", ""
    folder = FOLDER_OF.get(kind, "models")
    properties = "/".join([folder, *draw(st.sampled_from([(), folders])), "all.yml"])
    if kind not in FOLDER_OF:
        return properties, ""
    ending = {"seed": "csv", "model": draw(st.sampled_from(["sql", "sql", "py"]))}.get(kind, "sql")
    return "/".join([folder, *folders, f"{name}.{ending}"]), draw(st.sampled_from(["", properties]))


def _configured(draw: Draw, node: Node, materialized: str, **choices: Sequence[Any]) -> Node:
    node["config"] |= {"materialized": materialized} | {key: draw(st.sampled_from(values)) for key, values in choices.items()}
    return {}


def _model(draw: Draw, node: Node) -> Node:
    _configured(draw, node, draw(st.sampled_from(MATERIALIZED)), access=ACCESS, custom=["x", ["x", True], False])
    return {"access": node["config"]["access"], "language": "python" if node["original_file_path"].endswith("py") else "sql"}


def _generic(draw: Draw, node: Node) -> Node:
    _configured(draw, node, "test", severity=SEVERITIES)
    metadata = {"name": draw(st.sampled_from(GENERIC_TESTS)), "kwargs": {}, "namespace": None}
    return {"test_metadata": metadata, "attached_node": node["depends_on"]["nodes"][0]}


_MEASURE = {"name": "m", "filter": None, "alias": None, "join_to_timespine": False, "fill_nulls_with": None}
_OWN: Mapping[str, Callable[[Draw, Node], Node]] = {
    "model": _model,
    "seed": lambda draw, node: {"depends_on": {"macros": []}} | _configured(draw, node, "seed", quote_columns=[True, None]),
    "snapshot": lambda draw, node: _configured(
        draw, node, "snapshot", strategy=["check"], check_cols=["all", ["a", "b"]], unique_key=["id"]
    ),
    "generic": _generic,
    "singular": lambda draw, node: _configured(draw, node, "test", severity=SEVERITIES),
    "source": lambda _draw, node: {"source_name": "raw", "source_description": "", "loader": "", "identifier": node["name"]},
    "unit_test": lambda _draw, node: {"model": node["fqn"][-2], "given": [], "expect": {"rows": []}},
    "exposure": lambda _draw, _node: {"type": "dashboard", "owner": {"name": "x"}},
    "metric": lambda _draw, _node: {"label": "m", "type": "simple", "description": "", "type_params": {"measure": _MEASURE}},
    "semantic_model": lambda _draw, _node: {"model": "m", "node_relation": None},
    "saved_query": lambda _draw, _node: {"query_params": {"metrics": [], "group_by": [], "where": None}, "exports": []},
    "function": lambda _draw, _node: {"returns": {"data_type": "int"}, "language": "sql"},
}
"""What a kind of node has beside what all have."""


def vocabulary(world: World) -> Mapping[str, Sequence[Any]]:
    """Return values for every method, none that is refused, most such that they match something; configs with their keys."""
    nodes = world.nodes.values()
    paths = {PurePosixPath(file) for file in (*world.files(), *(node["original_file_path"] for node in nodes))}
    words: dict[str, set[Any]] = {
        "fqn": {word for node in nodes for word in _names(node)} | {"*", "a*.b"},
        "tag": {"n", "day", "nn"},
        "group": {"fin", "core"},
        "access": set(ACCESS),
        "source": {"raw", "*.*"},
        "path": {str(place) for path in paths for place in (path, *path.parents)} - {"."} | {"models", "models/**", "**/*.yml"},
        "file": {name for path in paths for name in (path.name, path.stem)} | {"*.sql", "C.SQL"},
        "package": {*PACKAGES, "this"},
        "test_name": set(GENERIC_TESTS),
        "test_type": {"generic", "schema", "singular", "data", "unit", "uni"},
        "resource_type": {node["resource_type"] for node in nodes} | {"model", "test"},
        "version": {"latest", "prerelease", "old", "none"},
        "config": {*ODD_CONFIGS} | {pair for node in nodes for pair in _configs(node["config"])},
    }
    for kind in {node["resource_type"] for node in nodes} & {"source", "exposure", "metric", "semantic_model", "saved_query", "unit_test"}:
        names = [(node["package_name"], node["name"]) for node in nodes if node["resource_type"] == kind]
        within, most = ("raw.", 3) if kind == "source" else ("", 2)
        forms = [form for package, name in names for form in (within + name, f"{package}.{within}{name}")]
        words[kind] = {"*", *words.get(kind, ()), *(form for form in forms if len(form.split(".")) <= most)}
        words["test_name"] |= {name for _, name in names} if kind == "unit_test" else set()
    return {method: sorted(values) for method, values in words.items()}


def _configs(config: Node, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield every key of a config, dots between its parts, with a text its value may be asked for by."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _configs(value, f"{above}{key}.")
        else:
            yield from ((above + key, str(one)) for one in (value if isinstance(value, list) else [value]))


def _names(node: Node) -> set[str]:
    """Return beginnings and ends of a node's fully qualified name."""
    fqn = node["fqn"]
    ends = {".".join(fqn[start:]) for start in range(len(fqn))}
    return ends | {".".join(fqn[start:end]) for start in (0, 1) for end in range(start + 1, len(fqn))} | {"_".join(fqn[-2:]), node["name"]}


BLURS: Sequence[Callable[[str, int], str]] = (
    *[lambda text, _at: text] * 12,
    lambda text, at: f"{text[:at]}*",
    lambda text, at: f"*{text[at:]}",
    lambda text, at: f"{text[:at]}?{text[at + 1 :]}",
    lambda text, at: f"{text[:at]}[{text[at : at + 1] or 'a'}x]{text[at + 1 :]}",
    lambda text, at: f"{text[:at]}[!ab]{text[at + 1 :]}",
    lambda text, at: text[:at],
    lambda text, at: f"{text[:at]}{text[at:].partition('.')[2]}",
)
"""Ways to ask for a word not quite as it stands; none adds a star to a star, which a path refuses."""

CLOSED = ("version", "resource_type", "test_type", "path")
"""Methods that refuse values they do not know, or, for a path, have wildcards of their own."""

OPERATORS: Sequence[Mapping[str, Any]] = (
    *[{}] * 5, *[{"childrens_parents": True}] * 2, {"childrens_parents": True, "parents": True},
    {"parents": True}, {"parents": True, "parents_depth": 0}, {"parents": True, "parents_depth": 1}, {"parents": True, "parents_depth": 2},
    {"children": True}, {"children": True, "children_depth": 0}, {"children": True, "children_depth": 1}, {"children": True, "children_depth": 2},
    {"parents": True, "children": True}, {"parents": True, "parents_depth": 1, "children": True, "children_depth": 1},
    {"parents": True, "parents_depth": 2, "children": True}, {"parents": True, "children": True, "children_depth": 2},
)  # fmt: skip


@st.composite
def criteria(draw: Draw, world: World) -> Criterion:
    """Draw a criterion of any method with any operators."""
    words = world.words
    operators = draw(st.sampled_from(OPERATORS))
    method = draw(st.sampled_from([*["fqn"] * 6, "config", "tag", *words]))
    value = draw(st.sampled_from(words[method]))
    if method == "config":
        return Criterion("config", value[1], tuple(value[0].split(".")), **operators)
    if method == "path":
        value = draw(st.sampled_from(["", "", "", "./"])) + draw(st.sampled_from([value, value, _starred(value), f"{value}/"]))
    elif method not in CLOSED:
        value = draw(st.sampled_from(BLURS))(value, draw(st.integers(0, len(value))))
    return Criterion(method, value, **operators)


def _starred(path: str) -> str:
    """Replace the last folder but one, or the name of a file, by any."""
    folder, _, name = path.rpartition("/")
    above, _, _ = folder.rpartition("/")
    return f"{above}/*/{name}" if above else f"{folder}/*" if folder else "*"


@st.composite
def apart(draw: Draw, world: World) -> list[Tree]:
    """Draw words that name the parents of one test, or what reads them, each alone: only all of them may bring the test."""
    tests = [uid for uid, node in world.nodes.items() if node["resource_type"] == "test" and len(world.parents(uid)) > 1]
    if not tests:
        return [draw(criteria(world))]
    parents = draw(st.permutations(sorted(world.parents(draw(st.sampled_from(tests))))))
    readers = {uid: [uid, uid, *(one for one in world.nodes if uid in world.parents(one))] for uid in parents}
    named = [replace(_named(world.nodes[draw(st.sampled_from(readers[uid]))]), **draw(st.sampled_from(OPERATORS))) for uid in parents]
    return [Intersection((one, Criterion("package", "*"))) if draw(st.booleans()) else one for one in named]


def _named(node: Node) -> Criterion:
    if node["resource_type"] == "source":
        return Criterion("source", f"{node['package_name']}.raw.{node['name'].replace('.', '?')}")
    return Criterion("fqn", ".".join(node["fqn"]))


def unions(world: World, longest: int = 3) -> st.SearchStrategy[Union]:
    """Draw words, each a criterion or several that commas join."""
    one = criteria(world)
    joined = st.lists(one, min_size=2, max_size=3).map(lambda parts: Intersection(tuple(parts)))
    words = st.lists(one | one | joined, min_size=1, max_size=longest)
    return (words | apart(world)).map(lambda parts: Union(tuple(parts)))


def selections(world: World) -> st.SearchStrategy[Tree]:
    """Draw what `--select` and `--exclude` can say together."""
    included = st.just(Everything()) | unions(world) | unions(world) | unions(world)
    return included | st.builds(Difference, included, unions(world))


def trees(world: World) -> st.SearchStrategy[Tree]:
    """Draw trees of any shape, those that only selectors.yml can say among them."""
    modes = st.sampled_from([None, None, *Indirect])
    alone = st.builds(lambda one, mode: replace(one, indirect=mode), criteria(world), modes)

    def grow(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        parts = (st.lists(inner, min_size=1, max_size=3) | apart(world)).map(tuple)
        joins = st.sampled_from([True, True, False])
        return st.builds(Union, parts, joins) | st.builds(Intersection, parts, joins) | st.builds(Difference, inner, inner)

    return st.recursive(alone | alone | alone | st.just(Everything()), grow, max_leaves=6)
