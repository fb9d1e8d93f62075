"""A line tells what was so when it was written, whatever becomes of its values before the log's thread shows it."""

from __future__ import annotations

import json
import logging
import time
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from overmind.desk.log.line import as_json, as_text, captured, captured_record, instant


class Side(Enum):
    BUY = "buy"


class Changing:
    def __init__(self) -> None:
        self.now = "before"

    def __repr__(self) -> str:
        return self.now


def told(**fields: Any) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(as_json(captured(logging.INFO, "overmind.test", {"event": "it", **fields})))
    return line


def test_a_line_has_its_fields_then_event_level_logger_and_time() -> None:
    line = captured(logging.WARNING, "overmind.test", {"seq": 7, "wallet": None, "event": "hold added"})
    parsed = json.loads(as_json(line))
    assert list(parsed) == ["seq", "wallet", "event", "level", "logger", "timestamp"]
    assert (parsed["level"], parsed["logger"], parsed["timestamp"]) == ("warning", line.logger, instant(line.at_ns))
    assert as_text(line).startswith(f"{instant(line.at_ns)} [warning  ] hold added")


def test_later_changes_of_values_change_no_line() -> None:
    changing, names, table = Changing(), ["a", ["b"]], {"wallet": ["c"], 7: "d"}
    line = captured(logging.INFO, "overmind.test", {"event": "it", "one": changing, "names": names, "table": table})
    changing.now = "after"
    names.append("late")
    table["wallet"] = []
    parsed = json.loads(as_json(line))
    assert (parsed["one"], parsed["names"]) == ("before", ["a", ["b"]])
    assert parsed["table"] == {"wallet": ["c"], "7": "d"}


def test_values_are_shown_as_they_ever_were() -> None:
    line = told(usd=1.5, exact=Decimal("1.50"), side=Side.BUY, many=(1, "x"), evil="\x1b[31m\n", nothing=None)
    assert (line["usd"], line["exact"], line["side"]) == (1.5, "Decimal('1.50')", "<Side.BUY: 'buy'>")
    assert (line["many"], line["evil"], line["nothing"]) == ([1, "x"], "\\x1b[31m\\n", None)


@pytest.mark.parametrize("value", [2**64, 2**200, -(2**70), "half a letter \udc80", "Zürich", 1e300, {"a": [2**64]}])
def test_whatever_a_value_is_the_line_is_json_in_ascii(value: object) -> None:
    text = as_json(captured(logging.INFO, "overmind.test", {"event": "it", "value": value}))
    assert text.isascii()
    assert text.startswith('{"event": "it", "value": ')
    assert json.loads(text)["value"] in (value, "half a letter \\udc80")


def test_an_exception_is_captured_with_its_causes_where_it_is_handled() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as first:
            raise OSError("second") from first
    except OSError:
        line = captured(logging.ERROR, "overmind.test", {"event": "it failed", "exc_info": True})
    trace = json.loads(as_json(line))["exception"]
    assert [word for word in ("KeyError: 'first'", "OSError: second", "raise KeyError") if word not in trace] == []
    assert as_text(line).endswith("OSError: second")


def test_a_line_of_a_library_is_captured_too() -> None:
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "said %s", ("\x1b",), None)
    parsed = json.loads(as_json(captured_record(record)))
    assert (parsed["event"], parsed["level"], parsed["logger"]) == ("said \\x1b", "error", "uvicorn.error")


def test_an_instant_is_iso_8601_in_utc() -> None:
    assert instant(1_750_000_000_123_456_789) == "2025-06-15T15:06:40.123456Z"
    assert instant(time.time_ns()).endswith("Z")
