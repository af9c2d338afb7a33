"""The command `penstock`: names of commands here, their bodies in `ui/commands/`, loaded when one is called."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from penstock.errors import EXIT_OK, EXIT_USAGE, PenstockError
from penstock.ui.arguments import spread

COMMANDS = {
    "init": ("penstock.ui.commands.init", "Add Penstock to a dbt project, or write the demo."),
    "ls": ("penstock.ui.commands.ls", "List assets."),
    "plan": ("penstock.ui.commands.plan", "Show what build would do, and why; touches nothing."),
    "build": ("penstock.ui.commands.build", "Bring the selection up to date and test it."),
    "run": ("penstock.ui.commands.build", "Bring the selection up to date without tests."),
    "check": ("penstock.ui.commands.check", "Run tests and checks on what stands, whether due or not."),
    "test": ("penstock.ui.commands.check", "Run tests and checks: dbt's name for penstock check."),
    "retry": ("penstock.ui.commands.retry", "Build what a run failed, skipped or never came to."),
    "backfill": ("penstock.ui.commands.backfill", "Build a range of partitions as one resumable unit."),
    "freshness": ("penstock.ui.commands.freshness", "Ask how old the sources are, and record it."),
    "status": ("penstock.ui.commands.status", "Show last builds, freshness and open failures; worst first."),
    "runs": ("penstock.ui.commands.runs", "Show what earlier runs did."),
    "lineage": ("penstock.ui.commands.lineage", "Show what an asset comes from and what reads it."),
    "diff": ("penstock.ui.commands.diff", "Show what a change means, and what it reaches."),
    "ci": ("penstock.ui.commands.ci", "Give one verdict on a pull request."),
    "store": ("penstock.ui.commands.store", "Look after the state tables."),
    "doctor": ("penstock.ui.commands.doctor", "Check environment, configuration and database."),
}


class _LazyGroup(click.Group):
    """A group that imports a command's module only to run it or to show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"there is no command '{args[0]}'." + (f" Did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from penstock.app.runs import penstock_version

        click.echo(f"penstock {penstock_version()}")
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version.")
def cli() -> None:
    """Penstock runs what is due in a dbt project, and keeps all its state in your own warehouse."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with a documented code: 0 good, 1 something failed, 2 usage or crash, 3 locked."""
    words = spread(list(sys.argv[1:] if args is None else args))
    code = _run(words)
    gc.unfreeze()  # what dbt left is frozen; DuckDB's module calls it a leak if nobody collects it
    sys.exit(code)


def _run(words: list[str]) -> int:
    debug = "--debug" in words or "-d" in words
    try:
        code = cli.main(args=words, prog_name="penstock", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:  # click's word for Ctrl-C
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except BrokenPipeError:
        return _closed_pipe()
    except KeyboardInterrupt:
        return _interrupted()
    except PenstockError as error:
        if debug:
            _show_trace()
        _show(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 (whatever it is, one clear message and a documented code)
        if debug:
            _show_trace()
        _show(PenstockError(f"unexpected {type(error).__name__}: {error}", hint="Run again with --debug and report what it prints."))
        return EXIT_USAGE
    return code if isinstance(code, int) else EXIT_OK


def _interrupted() -> int:
    sys.stderr.write("Interrupted.\n")
    return EXIT_USAGE


def _show_trace() -> None:
    import traceback

    from penstock.assets.redact import redact

    sys.stderr.write(redact(traceback.format_exc()))


def _show(error: PenstockError) -> None:
    from penstock.ui.console import Console

    Console().error(error)


def _closed_pipe() -> int:
    """End quietly when the reader of our output has gone, as `head` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_OK


if __name__ == "__main__":
    main()
