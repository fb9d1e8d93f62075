"""The signals with their answers, and why this wallet."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from fastapi import APIRouter
from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.books.state import State
from overmind.core.model.codes import Code
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import SignalId
from overmind.core.model.value import Value
from overmind.http.archive import Pages as Journal
from overmind.http.explainer import Explainer
from overmind.http.pages.navigation import SIGNAL, SIGNALS
from overmind.http.pages.records.asking import LAST_DEFAULT, Asked, From, Last, tokens_of
from overmind.http.pages.records.sparing import Sparing
from overmind.http.pages.showing import Pages
from overmind.http.responses import HttpRefusal
from overmind.text.printable import json_bytes
from overmind.views.lines import Line, Teller
from overmind.views.past import BadSearch
from overmind.views.preview import explain
from overmind.views.screens.signals import LOOKED_MAX, STATUSES, SignalFilter, SignalLine, signal_lines
from overmind.views.signals import SignalRow, signal_row

ID_CHARS_MAX: Final = 256
OWN_ID: Final = re.compile(r"[A-Za-z0-9_:.-]+")  # the desk's own ids have colons
EXPLAINED_MAX: Final = 64  # signals whose candidates are kept: they never change


class Why(Value, frozen=True):
    """Why each wallet was chosen or refused, as `explain` tells it in JSON."""

    candidates: Sequence[Mapping[str, Any]]
    changes: Sequence[Mapping[str, Any]]


class Found(Value, frozen=True):
    """What the journal says of a signal. `why` None: no kept state is near."""

    row: SignalRow
    lines: tuple[Line, ...]
    sizing: Mapping[str, Any] | None
    split: Mapping[str, Any] | None  # how a buy was divided among wallets
    orders: Sequence[Mapping[str, Any]]  # of the decision, without retries
    changes: Sequence[Mapping[str, Any]]  # as far as they can be told without the state
    why: Why | None


def signals_router(pages: Pages, explainer: Explainer) -> APIRouter:
    router, engine, reasons = APIRouter(), pages.app.engine, Reasons(explainer)
    sparing = Sparing[list[SignalLine]](pages.recent)

    @router.get("/desk/signals")
    async def signals(
        request: Request,
        strategy: str = "",
        status: str = "",
        token: str = "",
        code: str = "",
        from_: From = "",
        to: str = "",
        last: Last = LAST_DEFAULT,
    ) -> Response:
        asked = Asked("", token, from_, to, last)

        async def look() -> Mapping[str, object]:
            search, desk, tokens = await engine.read(
                lambda state: (asked.search(state), state.settings, tokens_of(state))
            )
            wanted = SignalFilter(strategy, status, search.mint, code)
            lines = await sparing.look(
                request, lambda journal: _lines(journal, desk, structs.replace(search, mint=""), wanted)
            )
            return {
                "lines": lines,
                "asked": asked,
                "wanted": wanted,
                "tokens": tokens,
                "strategies": list(StrategyType),
                "statuses": STATUSES,
                "codes": list(Code),
                "looked_max": LOOKED_MAX,
            }

        return await pages.show(request, SIGNALS, look)

    @router.get("/desk/signals/{signal_id}")
    async def signal(request: Request, signal_id: str, candidates: bool = False) -> Response:
        if len(signal_id) > ID_CHARS_MAX or not OWN_ID.fullmatch(signal_id):
            raise HttpRefusal(404, "no signal has such an id", "look for it in the list")

        async def look() -> Mapping[str, object]:
            desk = await engine.read(lambda state: state.settings)
            found = await pages.recent.look(
                lambda journal: _found(journal, desk, signal_id, reasons.of(signal_id) is None)
            )
            if found is None:
                raise HttpRefusal(404, f"the journal knows no signal {signal_id}", "look for it in the list")
            if found.why is not None:
                reasons.keep(signal_id, found.why)
            elif candidates:
                reasons.ask(signal_id)
            return {
                "found": found,
                "why": reasons.of(signal_id),
                "fault": reasons.fault_of(signal_id),
                "asked": candidates,
            }

        return await pages.show(request, SIGNAL, look, title=f"Signal {signal_id}")

    return router


class Reasons:
    """Why this wallet, for the signals that were looked at last. Far ones are explained by a process, one at a time."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        self._kept: OrderedDict[str, Why] = OrderedDict()
        self._faults: OrderedDict[str, str] = OrderedDict()
        self._asked: dict[str, asyncio.Task[None]] = {}

    def of(self, signal_id: str) -> Why | None:
        return self._kept.get(signal_id)

    def fault_of(self, signal_id: str) -> str:
        return self._faults.get(signal_id, "")

    def keep(self, signal_id: str, why: Why) -> None:
        _remember(self._kept, signal_id, why)

    def ask(self, signal_id: str) -> None:
        """Begins to explain, unless it is under way or known. The page looks again."""
        if signal_id not in self._asked and signal_id not in self._kept:
            task = self._asked[signal_id] = asyncio.ensure_future(self._explain(signal_id))
            task.add_done_callback(lambda _: self._asked.pop(signal_id, None))

    async def _explain(self, signal_id: str) -> None:
        self._faults.pop(signal_id, None)
        try:
            told = msgspec.json.decode(await self._explainer.explain(signal_id, _stays))
        except HttpRefusal as refusal:
            _remember(self._faults, signal_id, refusal.error)
        else:
            self.keep(signal_id, Why(told["candidates"] or (), told["changes"]))


async def _stays() -> bool:
    """Nobody waits for it, so nobody leaves. It ends when the service stops."""
    return False


def _remember(kept: OrderedDict[str, Any], signal_id: str, found: object) -> None:
    kept[signal_id] = found
    kept.move_to_end(signal_id)
    while len(kept) > EXPLAINED_MAX:
        kept.popitem(last=False)


def _lines(journal: Journal, desk: Desk, search: Any, wanted: SignalFilter) -> list[SignalLine]:
    try:
        return signal_lines(journal.past(), desk, search, wanted)
    except BadSearch as bad:
        raise HttpRefusal(400, bad.problem, bad.fix) from None


def _found(journal: Journal, desk: Desk, signal_id: str, with_why: bool) -> Found | None:
    """Read in the archive's thread."""
    life = journal.past().life(SignalId(signal_id))
    if life is None:
        return None
    state: State | None = journal.state_nearby(life[0].seq - 1) if with_why else None
    told = msgspec.json.decode(json_bytes(explain(life, state).to_json()))
    teller = Teller(desk, {}, ())
    why = None if state is None else Why(told["candidates"], told["changes"])
    decision = told["decision"]
    return Found(
        row=signal_row(desk, life),
        lines=tuple(map(teller.tell, life)),
        sizing=decision.get("sizing"),
        split=decision.get("split"),
        orders=decision["orders"],
        changes=told["changes"],
        why=why,
    )
