"""A real service of 50 wallets under load: no turn of its event loop takes long, and a stop is answered soon.

Turns are measured in processor time of the loop's thread, so that a busy machine passes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.stop_under_load import asked, clients, service

WALLETS = 50
ROUNDS = 15
TURN_MS = 20 + 5  # a turn, and the period of what measures it
STOP_S = 2.0  # It would take as long to say that the journal does not have it yet.
VIEWS = ("portfolio", "wallets", "positions", "limits", "risk", "stats", "orders?open=true", "events?limit=1000")


@pytest.mark.soak
@pytest.mark.parametrize("known", [True, False])
def test_no_turn_of_the_loop_is_long(known: bool, tmp_path: Path) -> None:
    with service(tmp_path, WALLETS) as server:
        with clients(server.port, known) as sent:
            before = sum(sent)
            for number in range(ROUNDS):
                for view in VIEWS:
                    asked(server.port, "GET", f"/v1/{view}")
                stopped = asked(server.port, "POST", "/v1/emergency-stop", b'{"reason": "a drill"}')
                assert stopped["stopped"], stopped
                path = f"/v1/wallets/wallet{number}/reactivate"
                asked(server.port, "POST", path, b'{"reason": "the drill is over"}')
            answered = sum(sent) - before
        loop = asked(server.port, "GET", "/readyz")["loop"]
    assert loop["longest_turn_ms"] <= TURN_MS, loop
    assert known <= answered, "known batches are answered meanwhile"
