"""The map of partitions: a line for each month, or day of hours, and value of the other dimensions."""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock.ui.heatmap import WRAP, Cell, heatmap


def drawn(cells: list[Cell]) -> list[str]:
    return heatmap("raw.orders", cells, lambda text, _style: text)


def days(first: datetime, statuses: str, prefix: str = "") -> list[Cell]:
    words = {"#": "held", ".": "missing", "x": "failed", "?": "waiting"}
    found = []
    for number, mark in enumerate(statuses):
        start = first + timedelta(days=number)
        found.append(Cell(f"{prefix}{start:%Y-%m-%d}", start, start + timedelta(days=1), words[mark]))
    return found


def test_days_have_a_line_for_each_month_and_a_legend() -> None:
    assert drawn(days(datetime(2024, 1, 30), "#.x?")) == [
        "raw.orders", "  2024-01  #.", "  2024-02  x?", "", "  # 1 held, . 1 missing, x 1 failed, ? 1 waiting",
    ]  # fmt: skip


def test_other_dimensions_have_lines_of_their_own() -> None:
    cells = [
        Cell(f"day=2024-01-0{day},region={region}", datetime(2024, 1, day), datetime(2024, 1, day + 1), "held")
        for day in (1, 2)
        for region in ("emea", "amer")
    ]
    assert drawn(cells)[1:3] == ["  region=amer 2024-01  ##", "  region=emea 2024-01  ##"]


def test_hours_have_a_line_for_each_day_and_months_one_for_each_year() -> None:
    hours = [
        Cell(f"2024-01-01T{hour:02}", datetime(2024, 1, 1, hour), datetime(2024, 1, 1, hour) + timedelta(hours=1), "held")
        for hour in range(24)
    ]
    assert drawn(hours)[1] == f"  2024-01-01  {'#' * 24}"
    months = [Cell(f"2024-{month:02}", datetime(2024, month, 1), datetime(2024, month, 28), "held") for month in range(1, 13)]
    assert drawn(months)[1] == f"  2024  {'#' * 12}"


def test_a_long_line_is_wrapped_and_values_without_time_stand_together() -> None:
    lines = drawn([Cell(f"v{number}", None, None, "held") for number in range(WRAP + 3)])
    assert [line.strip() for line in lines[1:3]] == ["#" * WRAP, "###"]


def test_what_failed_before_it_was_ever_held_stands_in_its_place() -> None:
    cells = days(datetime(2024, 1, 1), "##.")
    assert drawn([*cells, Cell("2023-12-31", None, None, "failed"), Cell("2024-01-04", None, None, "failed")])[1:3] == [
        "  2023-12  x", "  2024-01  ##.x",
    ]  # fmt: skip
    both = [*days(datetime(2024, 1, 1), "##", "region=emea,day="), Cell("region=emea,day=2024-01-03", None, None, "failed")]
    assert drawn(both)[1] == "  region=emea 2024-01  ##x"
