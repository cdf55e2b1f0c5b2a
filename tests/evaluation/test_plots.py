"""Plots: what they draw is where the numbers say, and nothing can write into them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.evaluation.intervals import Interval
from recommend.evaluation.plots import Row, forest, histogram, reliability

NS = "{http://www.w3.org/2000/svg}"


def test_marks_lie_within_their_intervals_and_the_larger_to_the_right() -> None:
    rows = [Row("a", Interval(0.2, 0.1, 0.3), "12"), Row("b", Interval(0.6, 0.5, 0.7), head="more")]
    root = ET.fromstring(forest(rows, title="nDCG"))
    marks = [float(mark.get("cx", "")) for mark in root.iter(f"{NS}circle")]
    lines = (line for line in root.iter(f"{NS}line") if line.get("class") == "span")
    spans = [(float(line.get("x1", "")), float(line.get("x2", ""))) for line in lines]
    assert marks == sorted(marks)
    for mark, (low, high) in zip(marks, spans, strict=True):
        assert (low + high) / 2 == pytest.approx(mark, abs=0.11)
    assert spans[1][0] - spans[0][0] == pytest.approx(marks[1] - marks[0], abs=0.2)
    texts = [text.text for text in root.iter(f"{NS}text")]
    assert {"a", "b", "more", "12", "0.200"} <= set(texts)


def test_a_difference_has_a_line_at_zero_and_its_sign() -> None:
    root = ET.fromstring(forest([Row("a", Interval(-0.02, -0.03, -0.01))], zero=True, digits=4))
    (zero,) = (line for line in root.iter(f"{NS}line") if line.get("class") == "zero")
    (mark,) = root.iter(f"{NS}circle")
    assert float(mark.get("cx", "")) < float(zero.get("x1", ""))
    assert "-0.0200" in [text.text for text in root.iter(f"{NS}text")]


def test_what_is_well_calibrated_lies_on_the_line() -> None:
    root = ET.fromstring(reliability([(0.1, 0.1, 5), (0.9, 0.9, 50)]))
    small, large = root.iter(f"{NS}circle")
    (ideal,) = (line for line in root.iter(f"{NS}line") if line.get("class") == "ideal")
    ends = [float(ideal.get(name, "")) for name in ("x1", "y1", "x2", "y2")]
    for mark in (small, large):
        x, y = float(mark.get("cx", "")), float(mark.get("cy", ""))
        assert (y - ends[1]) / (ends[3] - ends[1]) == pytest.approx((x - ends[0]) / (ends[2] - ends[0]), abs=0.01)
    assert float(small.get("r", "")) < float(large.get("r", ""))


def test_bars_are_as_tall_as_there_are_many() -> None:
    root = ET.fromstring(histogram([2, 4, 0]))
    assert [float(bar.get("height", "")) for bar in root.iter(f"{NS}rect")] == [75.0, 150.0, 0.0]
    ET.fromstring(histogram([]))
    ET.fromstring(reliability([]))
    ET.fromstring(forest([]))


@given(st.text(), st.floats(-1e6, 1e6), st.floats(0, 1e3))
def test_any_label_and_numbers_make_one_well_formed_picture(label: str, mean: float, width: float) -> None:
    label = label.encode(errors="replace").decode()
    drawn = forest([Row(f"<script>{label}", Interval(mean, mean - width, mean + width), label)], zero=True)
    assert "<script>" not in drawn
    ET.fromstring(drawn)
