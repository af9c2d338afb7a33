"""The command line: documented exit codes, near names in messages, and quick help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from penstock.errors import EXIT_FAILED, EXIT_LOCKED, EXIT_USAGE, PenstockError, RunFailed, WarehouseBusy
from penstock.ui import cli
from penstock.ui.cli import COMMANDS, _run, main

Capture = pytest.CaptureFixture[str]
HEAVY = ("dbt", "networkx", "duckdb", "sqlglot", "pydantic", "rich", "jinja2")


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", ["--help", "-h", "--version", *(f"{name} --help" for name in COMMANDS), "store gc -h"])
def test_help_and_version_end_well(capsys: Capture, words: str) -> None:
    assert _run(words.split()) == 0
    assert capsys.readouterr().out


def test_help_lists_every_command(capsys: Capture) -> None:
    _run(["--help"])
    shown = capsys.readouterr().out
    assert [name for name, (_, text) in COMMANDS.items() if f"  {name} " not in shown or text.split(";")[0] not in shown] == []


def test_the_first_line_of_a_commands_help_says_what_the_list_says(capsys: Capture) -> None:
    for name in COMMANDS:
        _run([name, "--help"])
        assert capsys.readouterr().out.startswith(f"Usage: penstock {name} ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("biuld", "there is no command 'biuld'. Did you mean 'build'?"),
        ("stats -q", "there is no command 'stats'. Did you mean 'status'?"),
        ("zzz", "there is no command 'zzz'."),
        ("build --selct x", "--select"),
        ("--nonsense", "--nonsense"),
        ("ls --output nonsense", "'nonsense' is not one of"),
        ("build --threads 0", "--threads"),
        ("build --threads many", "'many'"),
        ("store nonsense", "nonsense"),
        ("store gc --days 0", "--days"),
        ("runs nonsense", "'nonsense'"),
        ("lineage", "NODE"),
        ("build extra", "extra"),
        ("ls -s", "-s"),
    ],
)
def test_wrong_usage_ends_with_two_and_names_what_is_wrong(capsys: Capture, words: str, message: str) -> None:
    assert _run(words.split()) == EXIT_USAGE
    out = capsys.readouterr()
    assert message in out.err
    assert (out.out, "Traceback" in out.err) == ("", False)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("[1, 2]", "Error: --vars must be a YAML mapping\n  For example"),
        ("just text", "must be a YAML mapping"),
        ("{a: ", "--vars"),
        ("a: b: c", "--vars"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "ls", "build", "doctor"])
def test_unusable_variables_end_with_two(capsys: Capture, command: str, variables: str, message: str) -> None:
    assert _run([command, "--vars", variables]) == EXIT_USAGE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "ls", "build", "run", "status", "runs", "lineage x"])
def test_a_folder_without_a_project_ends_with_two_and_advice(capsys: Capture, command: str) -> None:
    assert _run(command.split()) == EXIT_USAGE
    assert capsys.readouterr().err.startswith("Error: there is no dbt project here\n  Go to a folder with dbt_project.yml")


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (RunFailed("two failed"), EXIT_FAILED, "Error: two failed\n"),
        (WarehouseBusy("w is in use", hint="Wait."), EXIT_LOCKED, "Error: w is in use\n  Wait.\n"),
        (PenstockError(), EXIT_USAGE, "Error: Something went wrong.\n"),
        (ValueError("odd"), EXIT_USAGE, "Error: unexpected ValueError: odd\n  Run again with --debug"),
        (KeyboardInterrupt(), EXIT_USAGE, "Interrupted.\n"),
    ],
)
def test_each_error_ends_with_its_code(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, shown: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli.cli, "main", fail)
    assert _run(["build"]) == code
    found = capsys.readouterr().err
    assert found.startswith(shown) and "Traceback" not in found
    _run(["build", "--debug"])
    assert ("Traceback" in capsys.readouterr().err) is not isinstance(error, KeyboardInterrupt)


def test_the_process_ends_with_the_commands_code() -> None:
    for words, code in ((["--version"], 0), (["nonsense"], 2)):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == code


@pytest.mark.parametrize("words", ["--help", "--version", "nonsense"])
def test_the_first_screen_imports_nothing_heavy(words: str) -> None:
    script = (
        "import sys\nfrom penstock.ui.cli import _run\ncode = _run(sys.argv[1:])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\nsys.exit(code)"
    )
    found = subprocess.run([sys.executable, "-c", script, words], capture_output=True, text=True, check=False)
    assert found.stderr.splitlines()[-1] == "[]"
    assert found.returncode == (2 if words == "nonsense" else 0)


def test_help_of_any_command_imports_neither_dbt_nor_networkx() -> None:
    script = (
        "import sys\nfrom penstock.ui.cli import COMMANDS, _run\nfor name in COMMANDS:\n    assert _run([name, '--help']) == 0\n"
        "print([name for name in ('dbt', 'dbt_common', 'networkx') if name in sys.modules], file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (found.stderr, found.returncode) == ("[]\n", 0)
