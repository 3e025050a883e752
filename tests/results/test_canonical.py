"""JSON and CSV that depend on the values alone."""

import json
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from perfmodel.results.canonical import csv_text, json_text


class Pair(NamedTuple):
    chips: int
    mfu: float


def test_numbers_that_json_cannot_hold_become_null():
    text = json_text({"a": float("nan"), "b": [np.inf, -np.inf], "c": np.array([1.0, np.nan])})
    assert json.loads(text) == {"a": None, "b": [None, None], "c": [1.0, None]}


def test_arrays_scalars_tuples_and_paths_become_plain_values():
    value = {
        "pair": Pair(4, 0.5),
        "array": jnp.arange(3),
        "scalar": np.float64(2.5),
        "flag": np.bool_(True),
        "path": Path("run") / "a.png",
        "nothing": None,
    }
    assert json.loads(json_text(value)) == {
        "pair": {"chips": 4, "mfu": 0.5},
        "array": [0, 1, 2],
        "scalar": 2.5,
        "flag": True,
        "path": "run/a.png",
        "nothing": None,
    }


def test_names_keep_their_order_and_their_letters():
    assert json_text({"b": "JÜLICH", "a": 1}, indent=None) == '{"b": "JÜLICH", "a": 1}'


def test_what_has_no_json_form_is_named():
    with pytest.raises(TypeError, match="object has no JSON form"):
        json_text({"a": object()})


def test_csv_quotes_text_and_leaves_missing_numbers_empty():
    text = csv_text({"site": ['a,"b"', "c"], "mfu": np.array([0.5, np.nan])})
    assert text == 'site,mfu\n"a,""b""",0.5\nc,\n'
