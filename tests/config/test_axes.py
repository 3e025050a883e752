"""Axes of a sweep: what an override with several values means."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfmodel.config.axes import Axis, Column, Sampling, parse_axes, split_axes
from perfmodel.config.faults import Faults


def only(text: str, samples: int = 0) -> Axis:
    (axis,) = parse_axes([text], Sampling(samples))
    return axis


def column(text: str, samples: int = 0) -> Column:
    (found,) = only(text, samples).columns
    return found


def test_a_list_of_counts_grows_by_factors():
    found = column("site.chips=1024,2048,4096")
    assert found.values.tolist() == [1024, 2048, 4096]
    assert (found.unit, found.scale, found.text(1)) == ("", "log", "2048")


def test_a_list_of_sizes_is_drawn_by_factors():
    assert column("site.chips=1024,4096,16384,25000,50000,100008,400032").scale == "log"
    assert column("site.chips=10000,20000,30000,40000").scale == "linear"


def test_quantities_are_read_with_their_units_and_written_in_si():
    found = column("node.nic_bandwidth=100 Gb/s, 400 Gb/s")
    assert found.values.tolist() == [12.5e9, 50e9]
    assert (found.unit, found.text(0)) == ("B/s", "12500000000.0 B/s")


def test_names_have_no_order():
    found = column("chip=h100,gb300")
    assert found.scale == "names" and not found.numeric
    assert found.values.tolist() == ["h100", "gb300"]


def test_a_word_beside_numbers_makes_them_names():
    assert column("layout.dp=fill,4").values.tolist() == ["fill", "4"]
    assert not column("stack.collectives.domain_exit=unlimited,100 GB/s").numeric


def test_ranges_leave_the_stop_out_and_spaces_hold_it():
    assert column("site.chips=range(1000, 4000, 1000)").values.tolist() == [1000, 2000, 3000]
    assert column("fabric.failed_links=linspace(0, 0.1, 3)").values == pytest.approx([0, 0.05, 0.1])
    found = column("node.nic_bandwidth=geomspace(100 Gb/s, 1.6 Tb/s, 5)")
    assert found.scale == "log"
    assert np.diff(np.log(found.values)) == pytest.approx(np.full(4, np.log(2.0)))


def test_a_space_of_counts_is_rounded_to_whole_ones():
    found = column("site.chips=geomspace(1000, 400000, 5)")
    assert found.values.dtype == np.int64
    assert found.values[[0, -1]].tolist() == [1000, 400_000]


def test_zip_moves_fields_together():
    axis = only("zip(site.chips=1024,2048; workload.batch.sequences=512,512)")
    assert [one.path for one in axis.columns] == ["site.chips", "workload.batch.sequences"]
    assert axis.size == 2


def test_samples_fill_a_box_evenly_and_repeat_with_their_seed():
    texts = ["node.nic_bandwidth=loguniform(100 Gb/s, 1.6 Tb/s)", "chip=choice(h100,gb300)"]
    first, again, other = (parse_axes(texts, Sampling(256, seed))[0].columns for seed in (1, 1, 2))
    assert (first[0].values == again[0].values).all()
    assert (first[0].values != other[0].values).any()
    assert np.count_nonzero(first[1].values == "h100") == 128
    below = np.count_nonzero(first[0].values < 50e9)  # the middle of the factors
    assert below == 128


def test_texts_of_one_value_are_no_axes():
    single, several = split_axes(
        ["site.chips=8", "chip=h100,gb300", 'chip.memory.bandwidth="3 TB/s"', "zip(a=1,2; b=3,4)",
         "node.nic_bandwidth=uniform(1 GB/s, 2 GB/s)"]
    )  # fmt: skip
    assert single == ["site.chips=8", 'chip.memory.bandwidth="3 TB/s"']
    assert len(several) == 3


FAULTS = {
    "site.chips=range(5, 1)": 'site.chips = "range(5, 1)": is empty',
    "site.chips=linspace(1, 2)": "linspace takes (first, last, count)",
    "site.chips=linspace(1, 2, 99999999999)": "expected a whole number from 1 to 100,000,000",
    "site.chips=1,1": 'holds "1" more than once',
    "site.chips=1,,2": "has an empty place in its list",
    "site.chips=1.5,2": "1.5 is not a whole number",
    "chip=linspace(1, 2, 3)": "holds no number",
    "node.nic_bandwidth=3,4": "a number without a unit",
    "node.nic_bandwidth=geomspace(0 B/s, 1 GB/s, 3)": "geomspace needs values above 0",
    "node.nic_bandwidth=range(100 Gb/s, 1 Tb/s)": "values; expected at most 100,000,000",
    "nod.nic_bandwidth=1 GB/s,2 GB/s": 'did you mean "node.nic_bandwidth"?',
    "zip(site.chips=1,2; layout.tp=1,2,4)": "site.chips has 2, layout.tp has 3",
    "zip(site.chips=1,2)": "pairs fewer than two axes",
    "site.chips=uniform(1, 9)": "draws values; expected how many, with --samples",
}


@pytest.mark.parametrize(("text", "said"), FAULTS.items())
def test_a_mistake_is_said_once(text: str, said: str):
    with pytest.raises(Faults) as error:
        parse_axes([text], Sampling())
    assert len(error.value.faults) == 1
    assert said in str(error.value)


def test_samples_without_a_distribution_are_refused():
    with pytest.raises(Faults, match="nothing is drawn"):
        parse_axes(["site.chips=1,2"], Sampling(8))


def test_a_field_belongs_to_one_axis():
    with pytest.raises(Faults, match="is given twice"):
        parse_axes(["site.chips=1,2", "site.chips=3,4"], Sampling())


PIECES = st.sampled_from(
    ["site.chips", "chip", "=", ",", "(", ")", "range", "zip", ";", "1", "1e9", "GB/s", "'", '"',
     "uniform(1,2)", "[", "]", " ", "nan", "-", "fabric.level.0.chips", "layout.tp", "unlimited"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_text_is_an_axis_or_a_fault(text: str):
    try:
        found = parse_axes([text], Sampling())
    except Faults:
        return
    assert all(axis.size >= 1 for axis in found)
