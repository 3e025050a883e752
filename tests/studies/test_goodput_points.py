"""Published operating points: plausible, with nothing fitted."""

from perfmodel.studies.goodput_points import published_points


def test_every_point_names_its_source_and_spans_an_interval():
    points = published_points()
    assert len(points) == 3
    for point in points:
        assert "arXiv" in point["source"]
        assert 0.0 < point["predicted_low"] <= point["predicted_high"] <= 1.0


def test_predictions_lie_within_four_points_of_what_was_published():
    for point in published_points():
        assert point["predicted_high"] >= point["published_low"]
        assert point["predicted_low"] <= point["published_high"] + 0.04
