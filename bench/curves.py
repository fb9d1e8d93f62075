"""Draws the curves of the endurance run: `python -m bench.curves endurance.json docs/pictures`.

Plain SVG, without a script, a font or an address of its own. Days on which something happened are marked.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Final

import msgspec

from bench.month import Day

WIDTH: Final = 720
HEIGHT: Final = 240
LEFT, RIGHT, TOP, BOTTOM = 56, 120, 34, 46
COLOURS: Final = ("#0b6bcb", "#c2410c", "#15803d", "#7c3aed")
GRID: Final = 4  # lines
STEPS: Final = (1, 2, 2.5, 5, 10)  # of an axis, times a power of ten
QUIET: Final = "start"  # happens too often to be marked


class Curve(msgspec.Struct, frozen=True):
    name: str
    of: Callable[[Day], float]


class Picture(msgspec.Struct, frozen=True):
    file: str
    title: str
    curves: tuple[Curve, ...]


PICTURES: Final = (
    Picture(
        "endurance-memory.svg",
        "Memory of the process at the end of each day, MB",
        (Curve("RSS", lambda day: day.rss_mb),),
    ),
    Picture(
        "endurance-disk.svg",
        "Disk at the end of each day, MB",
        (
            Curve("journal", lambda day: day.journal_mb),
            Curve("segments", lambda day: day.sealed_mb),
            Curve("log", lambda day: day.log_mb),
        ),
    ),
    Picture(
        "endurance-steps.svg",
        "Longest step of the event loop on each day, processor time, ms",
        (Curve("step", lambda day: day.longest_turn_ms),),
    ),
    Picture(
        "endurance-decisions.svg",
        "A signal's decision on the event loop, processor time, µs",
        (
            Curve("p99", lambda day: day.decision_cpu_us.p99),
            Curve("p90", lambda day: day.decision_cpu_us.p90),
            Curve("p50", lambda day: day.decision_cpu_us.p50),
        ),
    ),
)


def drawn(picture: Picture, days: Sequence[Day]) -> str:
    top = ceiling(max(curve.of(day) for curve in picture.curves for day in days))

    def x(day: int) -> float:
        return LEFT + (day - 1) * (WIDTH - LEFT - RIGHT) / max(1, len(days) - 1)

    def y(amount: float) -> float:
        return HEIGHT - BOTTOM - amount * (HEIGHT - TOP - BOTTOM) / top

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(picture.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 20, picture.title, "start", 14),
    ]
    for line in range(GRID + 1):
        amount = top * line / GRID
        parts.append(_line(LEFT, y(amount), WIDTH - RIGHT, y(amount), "#d4d4d8"))
        parts.append(_text(LEFT - 6, y(amount) + 4, f"{amount:,g}", "end"))
    for day in days:
        if day.day == 1 or day.day % 5 == 0:
            parts.append(_text(x(day.day), HEIGHT - BOTTOM + 16, str(day.day), "middle"))
        told = [event for event in day.events if event != QUIET]
        if told:
            parts.append(_line(x(day.day), TOP, x(day.day), HEIGHT - BOTTOM, "#a1a1aa", dashed=True))
            parts.append(_text(x(day.day), HEIGHT - BOTTOM + 32, ", ".join(told), "middle"))
    for colour, curve in zip(COLOURS, picture.curves, strict=False):
        points = " ".join(f"{x(day.day):.1f},{y(curve.of(day)):.1f}" for day in days)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
    parts += _names(picture.curves, [y(curve.of(days[-1])) for curve in picture.curves])
    return "\n".join([*parts, "</svg>", ""])


def _names(curves: Sequence[Curve], heights: Sequence[float]) -> list[str]:
    """Each name beside the end of its curve; two that would lie on each other are moved apart."""
    parts, below = list[str](), -math.inf
    for height, curve, colour in sorted(zip(heights, curves, COLOURS, strict=False), key=lambda one: one[0]):
        below = max(height, below + 14)
        parts.append(_text(WIDTH - RIGHT + 8, below + 4, curve.name, "start", colour=colour))
    return parts


def ceiling(most: float) -> float:
    """The next round number: where an axis ends."""
    power = 10.0 ** math.floor(math.log10(most)) if most > 0 else 1.0
    return next(step * power for step in STEPS if step * power >= most)


def _text(x: float, y: float, text: str, anchor: str, size: int = 12, colour: str = "#3f3f46") -> str:
    style = f'text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    style = f'stroke="{colour}"' + (' stroke-dasharray="4 3"' if dashed else "")
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def table(days: Sequence[Day]) -> str:
    """The days as a table in Markdown: those on which something happened, and every fifth."""
    head = "| day | orders | refused | not taken | entries | RSS | journal | segments | log | step | p50 | p99 | |"
    rows = [head, "|" + "---|" * 13]
    for day in days:
        told = ", ".join(event for event in day.events if event != QUIET)
        if told or day.day in (1, 2, days[-1].day) or day.day % 5 == 0:
            cells = [
                f"{day.day}",
                *(f"{count:,}" for count in (day.placed, day.refused, day.untaken, day.entries)),
                *(f"{size:,.0f} MB" for size in (day.rss_mb, day.journal_mb, day.sealed_mb, day.log_mb)),
                f"{day.longest_turn_ms:.1f} ms",
                *(f"{time:.0f} µs" for time in (day.decision_cpu_us.p50, day.decision_cpu_us.p99)),
                told,
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    days = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=list[Day])
    for picture in PICTURES:
        (Path(sys.argv[2]) / picture.file).write_text(drawn(picture, days), encoding="utf-8")
    sys.stdout.write(table(days) + "\n")


if __name__ == "__main__":
    main()
