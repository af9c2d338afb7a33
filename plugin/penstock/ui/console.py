"""Where text goes: data to stdout, everything else to stderr; colour only where someone sees it; secrets never."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from penstock.assets.redact import redact
from penstock.errors import PenstockError, problems_in

_STYLES = {"green": "32", "yellow": "33", "red": "31", "bold": "1", "dim": "2", "cyan": "36"}


class Console:
    """One command's output."""

    def __init__(self, *, quiet: bool = False, debug: bool = False, log_format: str = "text", env: Mapping[str, str] | None = None) -> None:
        self.quiet = quiet
        self.debug = debug
        self.json_lines = log_format == "json"
        self._env = os.environ if env is None else env

    def data(self, text: str) -> None:
        """Write what the command was asked for."""
        self._write(sys.stdout, text)

    def line(self, text: str, style: str = "") -> None:
        """Write one line of a run's course, with the time before it as dbt has it."""
        if self.quiet:
            return
        now = datetime.now(UTC).astimezone()
        if self.json_lines:
            self._write(sys.stdout, json.dumps({"ts": now.isoformat(), "level": "info", "msg": text}))
        else:
            self._write(sys.stdout, f"{now:%H:%M:%S}  {self.styled(text, style)}")

    def event(self, name: str, values: Mapping[str, Any], text: str, style: str = "") -> None:
        """Write a line that is a JSON object with fields of its own where JSON lines are wanted."""
        if self.json_lines and not self.quiet:
            now = datetime.now(UTC).isoformat()
            self._write(sys.stdout, json.dumps({"ts": now, "level": "info", "name": name, "msg": text, "data": values}, default=str))
        else:
            self.line(text, style)

    def note(self, text: str) -> None:
        """Write something a person may want to know, to stderr."""
        if not self.quiet:
            self._write(sys.stderr, text)

    def warning(self, text: str) -> None:
        """Write a warning to stderr, also when quiet."""
        self._write(sys.stderr, self._tagged("Warning", text, "yellow"))

    def error(self, error: PenstockError) -> None:
        """Write what went wrong, where, and the remedy; several problems one below the other."""
        problems = problems_in(error)
        for problem in problems:
            self._write(sys.stderr, self._tagged("Error", str(problem), "red"))
            if problem.hint:
                self._write(sys.stderr, f"  {problem.hint}")

    def styled(self, text: str, style: str, stream: TextIO | None = None) -> str:
        """Return text in a colour, where colours are shown."""
        if not style or not self._colours(stream or sys.stdout):
            return text
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows below column names; cut to the screen's width only where there is a screen."""
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        width = None if sys.stdout.isatty() else 100_000
        screen = RichConsole(width=width, no_color=not self._colours(sys.stdout), highlight=False, soft_wrap=False)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold", no_wrap=width is not None)
        for row in rows:
            table.add_row(*(Text(redact(cell)) for cell in row))
        with screen.capture() as captured:
            screen.print(table)
        text = "\n".join(line.rstrip() for line in captured.get().splitlines())
        self._write(sys.stdout, text)

    def json(self, value: Any) -> None:
        """Write one JSON document."""
        self._write(sys.stdout, json.dumps(value, indent=2, default=_plain))

    def _tagged(self, tag: str, text: str, style: str) -> str:
        return f"{self.styled(tag, style, sys.stderr)}: {text}"

    def _colours(self, stream: TextIO) -> bool:
        if self._env.get("NO_COLOR"):
            return False
        return bool(self._env.get("FORCE_COLOR")) or stream.isatty()

    def _write(self, stream: TextIO, text: str) -> None:
        stream.write(redact(text) + "\n")
        stream.flush()


def _plain(value: Any) -> Any:
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
