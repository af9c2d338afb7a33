"""From the selection flags of a command to the assets they mean in this project."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from penstock.app.history import history_of
from penstock.app.project import Project
from penstock.app.settings import Settings, read_text
from penstock.assets.names import AssetKey
from penstock.selector.named import NO_SELECTORS, NamedSelectors
from penstock.selector.select import Selection, select

SELECTORS_FILE = "selectors.yml"


@dataclass(frozen=True, slots=True)
class Choice:
    """The selection flags of a command; empty means not given. `keys` name the very assets, whatever the flags say."""

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    selector: str = ""
    indirect: str = "eager"
    resource_types: tuple[str, ...] = ()
    exclude_resource_types: tuple[str, ...] = ()
    state: str = ""
    as_of: str = ""
    keys: tuple[AssetKey, ...] = ()


def select_assets(settings: Settings, project: Project, choice: Choice) -> Selection:
    """Return what the selection flags mean in this project. Raises what reading selectors.yml or earlier state raises."""
    if choice.keys:
        return Selection(tuple(key for key in project.graph.ids if key in set(choice.keys)))
    folder = choice.state or settings.env.get("DBT_STATE", "")
    history = history_of(settings, project, folder=folder, as_of=choice.as_of)
    return select(
        project.graph,
        choice.select,
        choice.exclude,
        indirect=choice.indirect,
        resource_types=choice.resource_types or None,
        exclude_resource_types=choice.exclude_resource_types or None,
        project=project.name,
        selector=choice.selector,
        named=named_selectors(settings),
        history=replace(history, categories=lambda: _categories(settings, project, folder, choice.as_of)),
    )


def _categories(settings: Settings, project: Project, folder: str, as_of: str) -> Mapping[AssetKey, str]:
    from penstock.app.categories import categories_since

    return categories_since(settings, project, folder, as_of)


def named_selectors(settings: Settings) -> NamedSelectors:
    """Read selectors.yml, none where the project has no such file."""
    path = settings.project_dir / SELECTORS_FILE
    if not path.is_file():
        return NO_SELECTORS
    from penstock.parser.profile import DbtRenderer, load_dbt_yaml
    from penstock.selector.selectors_file import read_selectors

    file = os.path.relpath(path)
    raw = load_dbt_yaml(read_text(path), file)
    target = {**settings.profile.raw, "name": settings.profile.name, "profile_name": settings.profile.profile}
    return read_selectors(DbtRenderer(settings.env, settings.place.vars, file, target).value(raw), file)
