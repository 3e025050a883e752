"""Lists and ranges in one word: what they mean, and every fault of them at once."""

import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.series import MOST_VALUES, counts, every_count, quantities


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("8", [8]),
        ("8,64,512", [8, 64, 512]),
        (" 8 , 8,64", [8, 64]),
        ("8..64", [8, 16, 32, 64]),
        ("8..100", [8, 16, 32, 64, 100]),
        ("8..8", [8]),
        ("1..4096:16", [1, 16, 256, 4096]),
        ("72..288,98304", [72, 144, 288, 98304]),
        ("2..9:1.5", [2, 3, 4, 7, 9]),
    ],
)
def test_counts_are_read(text: str, values: list[int]):
    assert counts(text, "--ranks") == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1kB", [1e3]),
        ("1KB, 1MB", [1e3, 1e6]),
        ("1 KiB..4 KiB", [1024.0, 2048.0, 4096.0]),
        ("1kB..1GB:1000", [1e3, 1e6, 1e9]),
        ("0.5 MB", [5e5]),
        ("8 Gb", [1e9]),
    ],
)
def test_quantities_are_read(text: str, values: list[float]):
    assert quantities(text, "--size", "B") == pytest.approx(values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", '--ranks = "0": less than one; expected a whole number from 1, such as 512'),
        ("-8", '--ranks = "-8": less than one'),
        ("8.5", '--ranks = "8.5": not a whole number'),
        ("", '--ranks = "": not a whole number'),
        ("1e999", "not a whole number"),
        ("9" * 18, "too large"),
        ("64..8", '--ranks = "64..8": a range that runs backwards'),
        ("8..64:1", '--ranks = "1": a ratio that does not grow'),
        ("8..64:x", '--ranks = "x": not a ratio'),
        ("1..1000000:1.01", f"values; expected at most {MOST_VALUES}"),
        ("..8", "not a whole number"),
    ],
)
def test_wrong_counts_are_refused(text: str, said: str):
    with pytest.raises(Faults) as error:
        counts(text, "--ranks")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1000", '--size = "1000": a number without a unit'),
        ("1 s", '"s" does not measure B'),
        ("0 MB", '--size = "0 MB": not above zero'),
        ("-1 MB", "not above zero"),
        ("1e300 GB", "too large"),
        ("1 QB", 'no unit is called "QB"'),
    ],
)
def test_wrong_quantities_are_refused(text: str, said: str):
    with pytest.raises(Faults) as error:
        quantities(text, "--size", "B")
    assert said in str(error.value)


def test_every_fault_of_a_list_is_said():
    with pytest.raises(Faults) as error:
        counts("0,8,x,4..2", "--ranks")
    assert len(error.value.faults) == 3


def test_degrees_may_repeat_where_every_value_counts():
    assert every_count("8,16,16", "--degrees") == [8, 16, 16]
    assert counts("8,16,16", "--ranks") == [8, 16]
