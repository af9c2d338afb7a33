"""`penstock ci`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from penstock.app.ci_circumstances import base_of, labels_of, secrets_around
from penstock.app.runs import penstock_version
from penstock.app.settings import Settings
from penstock.assets.redact import redact
from penstock.errors import EXIT_FAILED, EXIT_OK, ConfigError, Location
from penstock.plan.verdict import Verdict
from penstock.ui.console import Console
from penstock.ui.options import console_of, max_partitions_option, output_options, place_options, settings_of
from penstock.ui.reports.formats import ENDINGS, FORMATS, report


@click.command()
@click.option(
    "--base", default="", metavar="REF", help="What to compare with; else the pull request's target branch, as the CI service has it."
)
@click.option("--no-build", is_flag=True, help="Build nothing: diff, rules and the plan alone.")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default=None, help="What goes to stdout; else what the CI service reads, or md."
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a report also here, in the format of its ending (.md .html .sarif .xml .json); several may be given.",
)
@click.option("--label", "labels", multiple=True, help="A label of the pull request; those that GitHub tells of count too.")
@click.option("--defer-target", default="", metavar="TARGET", help="Production's target; else `defer_target` of penstock.yml.")
@click.option("--untrusted", is_flag=True, help="A fork's checkout: only parse it, in a process without secrets.")
@click.option("--timeout", type=click.IntRange(min=1), default=300, show_default=True, help="Seconds that --untrusted may take.")
@click.option("--memory", type=click.IntRange(min=512), default=4096, show_default=True, help="Megabytes that --untrusted may take.")
@click.option("--wait", is_flag=True, help="Wait until production's file is free instead of ending with code 3.")
@max_partitions_option
@output_options
@place_options
def ci(format_: str | None, reports: tuple[Path, ...], untrusted: bool, **options: Any) -> int:  # fmt: skip
    """Give one verdict on the pull request in this checkout: what it changes, which rules it breaks, whether it builds.

    What changed and what reads it is built and checked in a throw-away database, reading production for all else.
    Ends with 0 where nothing is wrong, 1 where a rule, a build or a check failed.
    """
    console = console_of(options)
    options["labels"] = (*options["labels"], *labels_of(os.environ))
    options["base"] = base_of(options["base"], os.environ)
    settings = None if untrusted else settings_of(options)
    verdict = _of_fork(options) if settings is None else _of_checkout(console, settings, options)
    secrets = secrets_around(os.environ, settings)
    shown = format_ or _usual(os.environ)
    text = _text(verdict, shown, secrets).rstrip("\n")
    if text:
        console.data(text)
    for path in reports:
        _write(path, _text(verdict, ENDINGS.get(path.suffix.lower(), shown), secrets))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if shown == "github" and summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(_text(verdict, "md", secrets))
    errors = sum(one.severity == "error" for one in verdict.problems)
    console.note(f"Verdict: {verdict.word} ({errors} errors, {len(verdict.problems) - errors} warnings).")
    return EXIT_FAILED if verdict.failed else EXIT_OK


def _of_fork(options: dict[str, Any]) -> Verdict:
    from penstock.app.untrusted import Untrusted, untrusted_verdict

    wish = Untrusted(
        str(Path.cwd()), options["project_dir"], options["base"], options["labels"], options["timeout"], options["memory"] << 20
    )  # fmt: skip
    return untrusted_verdict(wish, os.environ)


def _of_checkout(console: Console, settings: Settings, options: dict[str, Any]) -> Verdict:
    from penstock.app.build import Stopper
    from penstock.app.ci import CiWish, verdict_on
    from penstock.ui.commands.ci_lines import Lines
    from penstock.ui.signals import stopping_on_signals

    wish = CiWish(
        base=options["base"], build=not options["no_build"], labels=options["labels"], defer_target=options["defer_target"],
        max_partitions=options["max_partitions"], wait_seconds=-1 if options["wait"] else 0,
    )  # fmt: skip
    stop = Stopper()
    with stopping_on_signals(stop, console):
        return verdict_on(settings, wish, lambda planned: Lines(console, planned), console.note, stop)


def _usual(env: Mapping[str, str]) -> str:
    """Return the format that the CI service around us reads."""
    return "github" if env.get("GITHUB_ACTIONS") == "true" else "gitlab" if env.get("GITLAB_CI") else "md"


def _text(verdict: Verdict, name: str, secrets: Mapping[str, str]) -> str:
    return redact(report(verdict, name, penstock_version()), secrets)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the report cannot be written: {error.strerror}", at=Location(str(path)), hint="Check --report.") from error
