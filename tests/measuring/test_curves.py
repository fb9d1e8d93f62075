"""The pictures of the endurance run: whole SVG that needs nothing from elsewhere."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from bench.curves import PICTURES, Picture, ceiling, drawn, table
from bench.measure import Spread
from bench.month import Day

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = ("svg", "title", "rect", "text", "line", "polyline")
SPREAD = Spread(count=10, p50=400.0, p90=500.0, p99=900.0, max=2_000.0, mean=420.0)


def day(number: int, *events: str) -> Day:
    return Day(
        day=number,
        placed=9_900,
        refused=100,
        untaken=0,
        entries=number * 40_000,
        rss_mb=100.0 + number,
        journal_mb=60.0 * number,
        sealed_mb=2.0 * number,
        log_mb=6.0,
        log_files=1,
        longest_turn_ms=1.0 + number,
        decision_us=SPREAD,
        decision_cpu_us=SPREAD,
        start_s=None,
        events=events,
    )


DAYS = [day(1, "start"), day(2, "upgrade", "start"), day(3, "<full>"), *(day(number) for number in range(4, 31))]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.file)
def test_a_picture_has_every_curve_and_event_inside_its_frame(picture: Picture) -> None:
    root = ElementTree.fromstring(drawn(picture, DAYS))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    curves = [
        [*map(float, point.split(","))]
        for line in root.iter(f"{SVG}polyline")
        for point in line.attrib["points"].split()
    ]
    assert len(curves) == len(DAYS) * len(picture.curves)
    assert all(0 <= x <= width and 0 <= y <= height for x, y in curves)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {picture.title, "upgrade", "<full>", *(curve.name for curve in picture.curves)} <= {*texts}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        "svg",
        "title",
        "rect",
        "text",
        "line",
        "polyline",
    }


@pytest.mark.parametrize(
    ("most", "top"),
    [(0.0, 1.0), (0.9, 1.0), (1.0, 1.0), (1.01, 2.0), (21.0, 25.0), (104.0, 200.0), (5e3, 5e3)],
)
def test_an_axis_ends_at_the_next_round_number(most: float, top: float) -> None:
    assert ceiling(most) == top


def test_the_table_has_every_fifth_day_and_the_days_of_events() -> None:
    head, line, *rows = table(DAYS).splitlines()
    assert [row.split("|")[1].strip() for row in rows] == ["1", "2", "3", "5", "10", "15", "20", "25", "30"]
    assert len({row.count("|") for row in (head, line, *rows)}) == 1
