"""Candles in feather and parquet, as freqtrade writes them, are those of the CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.prices.candles import TapeError, load_tape
from overmind.prices.tape import Series

TOKENS = {"SOL": Token("SOL", Mint("sol"), 9)}
START_S = 1_743_897_600
PRICES = (100.0, 101.25, 0.1 + 0.2, 99.123456789012)


def series_of(path: Path) -> Series:
    return load_tape(path, TOKENS).series[Mint("sol")]


def table(date: Any, **other: Any) -> Any:
    columns = {name: pyarrow.array(PRICES) for name in ("open", "high", "low", "close", "volume")}
    return pyarrow.table({"date": date, **columns, **other})


@pytest.fixture
def plain(tmp_path: Path) -> Series:
    rows = [f"{START_S + 300 * number},{price},{price},{price},{price},{price}" for number, price in enumerate(PRICES)]
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "SOL.csv").write_text("\n".join(["date,open,high,low,close,volume", *rows]))
    return series_of(tmp_path / "csv")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("end", ["feather", "parquet"])
def test_candles_are_those_of_the_csv(tmp_path: Path, plain: Series, unit: str, end: str) -> None:
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    dates = pyarrow.array([(START_S + 300 * n) * scale for n in range(len(PRICES))], pyarrow.timestamp(unit, tz="UTC"))
    file = tmp_path / f"SOL_USDT-5m.{end}"
    if end == "feather":
        pyarrow.feather.write_feather(table(dates), str(file))
    else:
        pyarrow.parquet.write_table(table(dates), str(file))
    assert series_of(file) == plain


def test_what_is_no_candle_is_told_with_its_row(tmp_path: Path) -> None:
    dates = pyarrow.array([START_S + 300 * n for n in range(len(PRICES))])
    file = tmp_path / "SOL.feather"
    pyarrow.feather.write_feather(table(dates, close=pyarrow.array([100.0, None, float("nan"), 1.0])), str(file))
    with pytest.raises(TapeError) as told:
        series_of(file)
    assert (told.value.line, told.value.what) == (2, "'' is not a price")
    pyarrow.feather.write_feather(pyarrow.table({"open": pyarrow.array([1.0])}), str(file))
    with pytest.raises(TapeError, match="no column timestamp, high, low, close, volume"):
        series_of(file)


@pytest.mark.parametrize("end", ["feather", "parquet"])
def test_a_file_that_was_cut_off_is_told(tmp_path: Path, end: str) -> None:
    file = tmp_path / f"SOL.{end}"
    file.write_bytes(b"ARROW1 and nothing more")
    with pytest.raises(TapeError, match=f"not a {end} file"):
        series_of(file)
