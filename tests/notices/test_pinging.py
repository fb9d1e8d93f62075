"""What a dead man's switch hears in each state of the desk."""

from __future__ import annotations

import pytest

from overmind.notices.pinging import Ping, Signal, ping_for

# emergency stop | reasons of /readyz | looks in a row with reasons | ping | its text
TABLE = """
      |                 | 0 | alive   |
      | silent          | 1 | nothing |
      | silent          | 2 | fail    | silent
      | silent, stale   | 9 | fail    | silent; stale
fire  |                 | 0 | fail    | emergency stop: fire
fire  | silent          | 1 | fail    | emergency stop: fire
fire  | silent          | 9 | fail    | emergency stop: fire
"""


@pytest.mark.parametrize("row", TABLE.strip("\n").splitlines())
def test_states_and_pings(row: str) -> None:
    stop, reasons, looks, kind, text = (cell.strip() for cell in row.split("|"))
    found = ping_for(stop, [one.strip() for one in reasons.split(",") if one.strip()], int(looks))
    expected = {"alive": Ping(Signal.ALIVE), "fail": Ping(Signal.FAIL, text), "nothing": None}
    assert found == expected[kind]
