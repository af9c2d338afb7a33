"""Which ranges of partitions share a transaction."""

from __future__ import annotations

from datetime import datetime

from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSpec
from penstock.errors import Location
from penstock.parser.partitions import parse_partitions
from penstock.runner.partition_pace import LONGEST, MOST, Pace, joined

NOW = datetime(2024, 4, 1)
DAYS: PartitionSpec = parse_partitions({"day": {"every": "day", "start": "2024-01-01", "end": "2024-03-31"}}, Location("x"))
BOTH = parse_partitions({"day": {"every": "day", "start": "2024-01-01"}, "region": {"values": ["emea", "amer"]}}, Location("x"))


def parts(*texts: str, size: int = 1, spec: PartitionSpec = DAYS) -> list[PartitionRange]:
    """Return the ranges of some keys, one after the other."""
    return [part for text in texts for part in spec.parse(text, NOW).chunks(size)]


def paced(seconds: float) -> Pace:
    pace = Pace()
    pace.took(seconds, 1)
    return pace


def test_the_first_is_written_by_itself() -> None:
    assert Pace().together(parts("2024-01"), 0) == 1


def test_quick_ones_share_a_transaction_and_slow_ones_do_not() -> None:
    days = parts("2024-01")
    assert paced(0.001).together(days, 0) == MOST
    assert paced(LONGEST / 4).together(days, 0) == 4
    assert paced(LONGEST).together(days, 0) == 1
    assert paced(60).together(days, 0) == 1


def test_the_last_ones_are_as_many_as_there_are() -> None:
    assert paced(0.001).together(parts("2024-01"), 29) == 2


def test_ranges_of_several_partitions_count_as_many() -> None:
    weeks = parts("2024-01", size=7)
    assert paced(0.001).together(weeks, 0) == 2
    assert paced(0.001).together(parts("2024-01", size=20), 0) == 1


def test_what_took_one_transaction_for_many_is_shared_among_them() -> None:
    pace = Pace()
    pace.took(0.8, 8)
    assert pace.together(parts("2024-01"), 0) == 2


def test_only_what_follows_on_one_another_goes_together_in_either_order() -> None:
    assert paced(0.001).together(parts("2024-01-01..2024-01-05", "2024-01-09"), 0) == 5
    assert paced(0.001).together(parts("2024-01-01..2024-01-05")[::-1], 0) == 5
    both = sorted(parts("day=2024-01-01..2024-01-02", spec=BOTH), key=lambda part: (part.first, part.coordinate))
    assert paced(0.001).together(both, 0) == 1
    crossed = parts("day=2024-01-01,region=emea", "day=2024-01-02,region=amer", spec=BOTH)
    assert paced(0.001).together(crossed, 0) == 1


def test_a_range_of_all_of_them_is_the_same_from_either_end() -> None:
    days = parts("2024-01-03..2024-01-06")
    assert str(joined(days)) == str(joined(days[::-1])) == "2024-01-03..2024-01-06"
