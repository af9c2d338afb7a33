"""The console: data to stdout and the rest to stderr, colours only where they are wanted, secrets nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from penstock.assets import redact
from penstock.errors import ConfigError, Location, Problems
from penstock.ui.console import Console
from penstock.ui.run_lines import WIDTH, dotted

SECRET = "hun\"ter\\2 'ö"
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("DBT_ENV_SECRET_KEY", SECRET)
    redact._own_secrets.cache_clear()
    yield SECRET
    monkeypatch.undo()
    redact._own_secrets.cache_clear()


def console(**options: Any) -> Console:
    return Console(env={}, **options)


def test_data_goes_to_stdout_and_notes_warnings_and_errors_to_stderr(capsys: Capture) -> None:
    one = console()
    one.data("data")
    one.json({"a": 1})
    one.table(("name",), [("x",)])
    out = capsys.readouterr()
    assert (out.out, out.err) == ('data\n{\n  "a": 1\n}\nname\nx\n', "")
    one.note("note")
    one.warning("careful")
    one.error(ConfigError("it is wrong", at=Location("a.yml", 3), hint="Mend it."))
    out = capsys.readouterr()
    assert (out.out, out.err) == ("", "note\nWarning: careful\nError: a.yml:3: it is wrong\n  Mend it.\n")


def test_several_problems_stand_one_below_the_other_each_with_its_remedy(capsys: Capture) -> None:
    console().error(Problems([ConfigError("first", hint="Mend the first."), ConfigError("second")]))
    assert capsys.readouterr().err == "Error: first\n  Mend the first.\nError: second\n"


def test_quiet_leaves_data_warnings_and_errors(capsys: Capture) -> None:
    one = console(quiet=True)
    one.line("line")
    one.event("name", {}, "event")
    one.note("note")
    one.data("data")
    one.warning("careful")
    one.error(ConfigError("wrong"))
    out = capsys.readouterr()
    assert (out.out, out.err) == ("data\n", "Warning: careful\nError: wrong\n")


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": ""}, False),
    ],
)
def test_colours_are_shown_where_they_are_asked_for(capsys: Capture, env: dict[str, str], coloured: bool) -> None:
    one = Console(env=env)
    one.line("built", "green")
    one.error(ConfigError("wrong"))
    out = capsys.readouterr()
    assert ("\x1b[32mbuilt\x1b[0m" in out.out) is ("\x1b[31mError\x1b[0m: wrong" in out.err) is coloured
    assert ("\x1b" in out.out) is ("\x1b" in out.err) is coloured


def test_a_terminal_has_colours_unless_they_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert Console(env={}).styled("x", "bold") == "\x1b[1mx\x1b[0m"
    assert Console(env={"NO_COLOR": "1"}).styled("x", "bold") == Console(env={}).styled("x", "") == "x"


def test_lines_begin_with_the_time(capsys: Capture) -> None:
    console().line("it runs")
    assert re.fullmatch(r"\d\d:\d\d:\d\d  it runs\n", capsys.readouterr().out)


def test_json_lines_are_json_one_a_line(capsys: Capture) -> None:
    one = console(log_format="json")
    one.line('several\nlines "quoted" ☃', "green")
    one.event("built", {"rows": 3, "at": datetime(2024, 3, 14), "none": None}, "text", "red")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["msg"], first["level"]) == ('several\nlines "quoted" ☃', "info")
    assert (second["name"], second["msg"], second["data"]) == ("built", "text", {"rows": 3, "at": "2024-03-14 00:00:00", "none": None})
    assert all(datetime.fromisoformat(line["ts"]).tzinfo is not None for line in (first, second))


def test_an_event_is_a_line_where_text_is_wanted(capsys: Capture) -> None:
    console().event("built", {"rows": 3}, "it is built")
    assert capsys.readouterr().out.endswith("  it is built\n")


def test_a_table_is_aligned_and_cut_nowhere_when_nobody_looks(capsys: Capture) -> None:
    console().table(("name", "text"), [("a", "x" * 500), ("longer", "[bold]not markup[/bold]")])
    assert capsys.readouterr().out.splitlines() == ["name    text", f"a       {'x' * 500}", "longer  [bold]not markup[/bold]"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_secret_is_shown_nowhere(capsys: Capture, secret: str, log_format: str) -> None:
    one = console(log_format=log_format)
    one.data(f"data {secret}")
    one.line(f"line {secret}")
    one.event("name", {"value": secret}, f"event {secret}")
    one.json({"value": secret, secret: 1})
    one.table(("a",), [(f"cell {secret}",)])
    one.note(f"note {secret}")
    one.warning(f"warning {secret}")
    one.error(ConfigError(f"error {secret}", hint=f"hint {secret}"))
    out = capsys.readouterr()
    assert "hun" not in out.out + out.err
    assert out.out.count("*****") >= 6 and out.err.count("*****") == 4


def test_json_with_a_secret_taken_out_is_still_json(capsys: Capture, secret: str) -> None:
    console().json({"value": f"a {secret} b"})
    console(log_format="json").line(f"a {secret} b")
    document, line = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert json.loads(document) == {"value": "a ***** b"}
    assert json.loads(line)["msg"] == "a ***** b"


def test_dots_fill_a_line_to_its_width() -> None:
    for left, right in (("1 of 2 OK", "SUCCESS in 0.1s"), ("x" * 70, "PASS"), ("", "")):
        line = dotted(left, right)
        assert line.index(" [") == WIDTH - 1
        assert line.startswith(left) and line.endswith(f"[{right}]")


def test_a_long_line_keeps_three_dots() -> None:
    assert dotted("x" * 100, "OK") == f"{'x' * 100} ... [OK]"
