"""kill -9 of a service while 32 programs post alerts: every 202 is in the journal, and none is decided twice.

See specification §13.10. What has no answer is sent again with the same bytes, as TradingView and freqtrade do.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from tests.support.effort import NOTE
from tests.support.hooked import BOT, CHART, TO_BOT, TO_CHART
from tests.support.processes import PATIENCE_S, wait_until
from tests.support.service import Service, serving

from overmind.clock.clocks import SystemClock
from overmind.clock.instants import iso_seconds
from overmind.core.model.events import Answer, OrderClosed, OrderPlaced
from overmind.desk.sources.store import write_sources
from overmind.http.hooks.reading import id_of
from overmind.journal.sqlite import SqliteJournal
from overmind.views.verify import verify

CLIENTS = 32
KILLS = 12
LIFE_S = 1.5  # at most, from the first alert to the kill
AGAIN_SHARE = 0.1
SOURCES = {TO_CHART: CHART, TO_BOT: BOT}

Sent = tuple[str, bytes]  # the path and the body


class Senders:
    """What they have sent, and the answers that they have heard."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.sent: list[Sent] = []
        self.answers: dict[Sent, Any] = {}
        self.heard = Counter[str]()  # answers by status of HTTP and of the decision

    async def live(self, service: Service) -> None:
        """32 at once, until the service is killed under them."""
        async with session_of(service) as session, asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(self._send(session))
            await asyncio.sleep(self.random.uniform(0.1, LIFE_S))
            await asyncio.to_thread(service.child.kill)

    async def _send(self, session: aiohttp.ClientSession) -> None:
        while True:
            sent = self._next()
            try:
                await self.post(session, sent)
            except (aiohttp.ClientError, ConnectionError):
                return

    async def post(self, session: aiohttp.ClientSession, sent: Sent) -> None:
        path, body = sent
        async with session.post(path, data=body) as said:
            answer = json.loads(await said.read())
        self.heard[f"{said.status} {answer.get('status')}"] += 1
        if said.status == 202:
            known = self.answers.setdefault(sent, answer)
            assert {**answer, "status": ""} == {**known, "status": ""}
            assert answer["status"] in (known["status"], "duplicate"), (answer, known)
        else:
            assert said.status == 503, answer

    def _next(self) -> Sent:
        if self.sent and self.random.random() < AGAIN_SHARE:
            return self.random.choice(self.sent)
        path = self.random.choice([TO_CHART, TO_BOT])
        body = json.dumps(self._alert() if path == TO_CHART else self._fill()).encode()
        self.sent.append((path, body))
        return path, body

    def _alert(self) -> dict[str, str]:
        buys, ticker = self.random.random() < 0.6, self.random.choice(["SOLUSDC", "ETHUSDC"])
        position = "long" if buys else self.random.choice(["long", "flat"])
        alert = {"ticker": ticker, "action": "buy" if buys else "sell", "position": position, "contracts": "1"}
        fired_at = iso_seconds(SystemClock().now_ns())
        return {**alert, "order_id": str(len(self.sent)), "fired_at": fired_at, "notional_usd": "20"}

    def _fill(self) -> dict[str, str]:
        event, rate = self.random.choice(["entry", "entry", "exit"]), f"150.{len(self.sent)}"
        trade = {"event": event, "trade_id": str(self.random.randrange(9)), "pair": "SOL/USDC", "direction": "Long"}
        more = {"stake_amount": "20.0", "rate": rate} if event == "entry" else {"final": "False", "closed": rate}
        return {**trade, "amount": "0.13", **more}


def session_of(service: Service) -> aiohttp.ClientSession:
    """Without a token: the path has the secret."""
    return aiohttp.ClientSession(service.url, timeout=aiohttp.ClientTimeout(PATIENCE_S))


async def send_all(service: Service, senders: Senders) -> None:
    async with session_of(service) as session:
        for sent in senders.sent:
            while sent not in senders.answers:
                await senders.post(session, sent)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2))
def test_kill_9_under_32_senders(seed: int, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    senders = Senders(Random(seed))
    (tmp_path / "data").mkdir(mode=0o700)
    write_sources(tmp_path / "data", {one.name: one for one in SOURCES.values()})
    for _ in range(KILLS):
        with serving(tmp_path) as service:
            asyncio.run(senders.live(service))
    with serving(tmp_path) as service:
        asyncio.run(send_all(service, senders))
        wait_until(lambda: service.get("/v1/orders?open=true").text == "[]", "nothing is open")
    assert senders.heard["202 placed"] > CLIENTS, senders.heard
    record_property(NOTE, f"{KILLS} kills under {CLIENTS} senders, {len(senders.sent)} alerts: {dict(senders.heard)}")
    check(service.journal, senders)


def check(path: Path, senders: Senders) -> None:
    verified = verify(path)
    assert verified.ok, verified.problems
    journal = SqliteJournal.open_read_only(path)
    events = [entry.event for entry in journal.read()]
    journal.close()
    answers = [event for event in events if isinstance(event, Answer)]
    decided = Counter(
        event.signal.id
        for event in answers
        if not isinstance(event, OrderPlaced) or (event.order.attempt == 0 and event.order.part == 0)
    )
    ids = {id_of(SOURCES[path], body) for path, body in senders.sent}
    assert {one for one in decided if one.startswith(("tv-", "ft-"))} == ids, "an alert was lost or invented"
    assert set(decided.values()) == {1}, "an alert was decided twice"
    placed = {event.order.id for event in answers if isinstance(event, OrderPlaced)}
    closed = Counter(event.order_id for event in events if isinstance(event, OrderClosed))
    assert (set(closed), set(closed.values())) == (placed, {1}), "an order was left open or closed twice"
    for answer in senders.answers.values():
        assert {one["order_id"] for one in answer["orders"]} <= placed, answer
