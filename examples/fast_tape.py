"""Makes a tape that plays past candles faster: each lasts one second, and the first one begins now.

    python examples/fast_tape.py src/overmind/data/tape fast-tape

A desk on paper plays a tape against the clock. So a week of five-minute candles passes in half an hour, and a bot that
is being tried has something to do. The prices are real; only their pace is not.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path


def hastened(text: str, begin_s: int) -> str:
    """The same candles, one a second. The time is the first column."""
    header, *candles = text.splitlines()
    rows = (f"{begin_s + number},{candle.partition(',')[2]}" for number, candle in enumerate(candles))
    return "\n".join([header, *rows, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tape", type=Path, help="folder of candles as CSV files")
    parser.add_argument("made", type=Path, help="folder to write to")
    asked = parser.parse_args()
    asked.made.mkdir(exist_ok=True)
    for file in sorted(asked.tape.glob("*.csv")):
        (asked.made / file.name).write_text(hastened(file.read_text(encoding="utf-8-sig"), int(time.time())))


if __name__ == "__main__":
    main()
