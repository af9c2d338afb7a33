"""Options that commands share, under dbt's names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from penstock.app.settings import Place, Settings, discover
from penstock.errors import ConfigError, ProjectError
from penstock.parser.profile import load_dbt_yaml
from penstock.ui.console import Console

if TYPE_CHECKING:
    from penstock.app.planning import Wanted

FULL_REFRESH_ENV = ("DBT_FULL_REFRESH", "DBT_ENGINE_FULL_REFRESH")
Command = TypeVar("Command", bound=Callable[..., Any])


def _stack(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorated(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


output_options = _stack(
    click.option("-q", "--quiet", is_flag=True, help="Only data, warnings and errors."),
    click.option("-d", "--debug", is_flag=True, help="Show tracebacks."),
    click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="How run lines look."),
)

place_options = _stack(
    click.option("--project-dir", default="", metavar="DIR", help="Folder of dbt_project.yml."),
    click.option("--profiles-dir", default="", metavar="DIR", help="Folder of profiles.yml."),
    click.option("--profile", default="", help="Profile to use instead of the project's."),
    click.option("-t", "--target", default="", help="Target to use instead of the profile's."),
    click.option("--target-path", default="", metavar="DIR", help="dbt's target folder."),
    click.option("--vars", "variables", default="", metavar="YAML", help="Variables, as dbt takes them."),
    click.option("--threads", type=click.IntRange(min=1), default=None, help="Assets to run at once."),
)

select_options = _stack(
    click.option("-s", "--select", "-m", "--models", "select", multiple=True, metavar="SELECTOR", help="What to take (dbt's syntax)."),
    click.option("--exclude", multiple=True, metavar="SELECTOR", help="What to leave out."),
    click.option("--selector", default="", metavar="NAME", help="A selector of selectors.yml, instead of --select and --exclude."),
    click.option("--resource-type", "resource_types", multiple=True, help="Only these kinds."),
    click.option("--exclude-resource-type", "exclude_resource_types", multiple=True, help="Not these kinds."),
    click.option(
        "--indirect-selection", type=click.Choice(["eager", "cautious", "buildable", "empty"]), default="eager",
        help="Which tests come with a selected asset.",
    ),
    click.option("--state", default="", metavar="DIR", help="Earlier artifacts that state:, result: and source_status: look at."),
    click.option("--as-of", default="", metavar="TIME|RUN", help="Without --state they look at this recorded run, else the last good one."),
)  # fmt: skip


defer_options = _stack(
    click.option("--defer", is_flag=True, help="Read what is the same in another target there, and build only what differs."),
    click.option("--defer-target", default="", metavar="TARGET", help="That target; else `defer_target` of penstock.yml."),
    click.option("--favor-state", is_flag=True, help="Read there even what stands here too."),
)


partition_options = _stack(
    click.option(
        "--partition", "partitions", multiple=True, metavar="RANGE",
        help="Only these partitions: day=2024-01-01..2024-01-31,region=emea. What reads them follows.",
    ),
)  # fmt: skip

run_options = _stack(
    click.option("--executor", type=click.Choice(["auto", "native", "dbt"]), default="auto", help="dbt: run every node through dbt."),
    click.option("--wait", is_flag=True, help="Wait until the database is free instead of ending with code 3."),
    click.option("-x", "--fail-fast", is_flag=True, help="Start nothing more after the first failure."),
)

warn_error_option = click.option("--warn-error", is_flag=True, envvar="DBT_WARN_ERROR", help="A test that warns has failed, as in dbt.")

max_partitions_option = click.option(
    "--max-partitions", type=click.IntRange(min=1), default=400, show_default=True,
    help="Refuse to build more partitions than this of any asset.",
)  # fmt: skip


def console_of(options: dict[str, Any]) -> Console:
    """Make the console from the output options, taking them out of `options`."""
    return Console(quiet=options.pop("quiet"), debug=options.pop("debug"), log_format=options.pop("log_format"))


def place_of(options: dict[str, Any]) -> Place:
    """Return the place options as one value, taking them out of `options`. Raises ConfigError for unusable `--vars`."""
    text = options.pop("variables")
    try:
        variables = load_dbt_yaml(text, "--vars")
    except ProjectError as error:
        raise ConfigError("--vars must be a YAML mapping", hint="For example --vars 'country: nl'.") from error
    return Place(
        project_dir=options.pop("project_dir"),
        profiles_dir=options.pop("profiles_dir"),
        profile=options.pop("profile"),
        target=options.pop("target"),
        target_path=options.pop("target_path"),
        vars={str(name): value for name, value in variables.items()},
        threads=options.pop("threads") or 0,
    )


def settings_of(options: dict[str, Any]) -> Settings:
    """Find the project from the place options, taking them out of `options`. Raises ConfigError or ProjectError."""
    return discover(place_of(options), Path.cwd(), os.environ)


def wanted_of(options: dict[str, Any], command: str, **more: Any) -> Wanted:
    """Return what `plan` and `build` ask for alike, and more; the selection options are taken out of `options`."""
    from penstock.app.planning import Wanted

    alike = ("force", "full_refresh", "verify", "executor", "defer", "defer_target", "favor_state", "warn_error")
    wait_seconds = -1 if options["wait"] else 0
    alike_values = {name: options[name] for name in alike if name in options}
    partitions = tuple(options["partitions"])
    return Wanted(**selection_of(options), command=command, wait_seconds=wait_seconds, partitions=partitions, **alike_values, **more)


def selection_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return the selection options as `Choice` takes them, taking them out of `options`."""
    return {
        "select": tuple(word for text in options.pop("select") for word in text.split()),
        "exclude": tuple(word for text in options.pop("exclude") for word in text.split()),
        "indirect": options.pop("indirect_selection"),
        "resource_types": tuple(options.pop("resource_types")),
        "exclude_resource_types": tuple(options.pop("exclude_resource_types")),
        **{name: options.pop(name) for name in ("selector", "state", "as_of")},
    }
