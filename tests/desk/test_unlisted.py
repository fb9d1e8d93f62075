"""The looks at mints that no list has: what they ask, in which order, how often at most, and what silence means.

(specification §15.16)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from bench.desks import PRICE_PICO, START_NS, bench_desk, buy
from msgspec.structs import replace
from tests.desk.test_admission import KEYS, MALLORY, Accounts
from tests.desk.test_executor import Desk, running
from tests.support.stepping_clock import SteppingClock
from tests.support.token_bytes import address, mint_bytes, mint_of_2022

from overmind.core.model.codes import Code
from overmind.core.model.commands import AddHold, ChangeMints, ConfigureDesk, MarkPrices
from overmind.core.model.controls import MintVerb, Scope
from overmind.core.model.enums import StrategyType, TradeAction
from overmind.core.model.events import MintAdmitted, MintRefused, OrderPlaced, SignalRefused
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.mints import AdmissionPolicy, Flaw, Trial, UnlistedRules
from overmind.core.model.money import Mark, Token
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS
from overmind.desk.admission import FRESH_S, AdmissionWatch
from overmind.desk.unlisted import LOOKS_AT_ONCE, LOOKS_PER_MIN, WAITING_MAX, UnlistedMints
from overmind.ports import AccountBytes, VenueUnavailable
from overmind.solana.tokens import TOKEN_PROGRAM
from overmind.venues.round_trip import Taker

RULES = UnlistedRules(4, 50_000 * MICROS, 100 * MICROS, 100, 300)
SETTINGS = replace(bench_desk(1), admission=AdmissionPolicy.CHECKED, unlisted=RULES)
PUP = Mint(str(address("pup")))


class Market:
    """What the market says, and what it was asked."""

    def __init__(self) -> None:
        self.liquidity = 60_000 * MICROS
        self.back_units = 99 * MICROS
        self.silent = False
        self.asked: list[str] = []
        self.takers: list[Taker] = []
        self.under_way = self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def liquidity_micros(self, mint: Mint) -> int:
        self.asked.append("liquidity")
        if self.silent:
            raise VenueUnavailable("the price server is silent")
        return self.liquidity

    async def trial(self, taker: Taker, quote: Token, token: Token, liquidity_micros: int) -> Trial:
        self.asked.append("trial")
        self.takers.append(taker)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.gate.wait()
        self.under_way -= 1
        return Trial(liquidity_micros, 3, taker.spend_units, self.back_units)


class Looking:
    def __init__(self, desk: Desk, accounts: Accounts, market: Market) -> None:
        assert desk.admission is not None
        self.desk, self.chain, self.market = desk, accounts, market
        self.looks = UnlistedMints(desk.engine, desk.admission, market, desk.clock, KEYS)
        desk.admission.unlisted = self.looks

    def put(self, name: str, account: AccountBytes | None = None) -> Mint:
        mint = Mint(str(address(name)))
        self.chain.known[mint] = account or AccountBytes(str(TOKEN_PROGRAM), mint_bytes())
        return mint

    def pass_s(self, seconds: float) -> None:
        self.desk.clock.advance_to(self.desk.clock.now_ns() + round(seconds * NS))
        self.desk.engine.post(MarkPrices(tuple(Mark(one, PRICE_PICO, self.desk.clock.now_ns()) for one in (SOL, PUP))))

    def refused(self) -> list[MintRefused]:
        return [entry.event for entry in self.desk.journal.read() if isinstance(entry.event, MintRefused)]

    def flaws(self) -> list[Flaw]:
        return [event.findings[0].flaw for event in self.refused()]

    def admitted(self) -> list[MintAdmitted]:
        events = [entry.event for entry in self.desk.journal.read()]
        return [event for event in events if isinstance(event, MintAdmitted) and event.token is not None]


def play(check: Callable[[Looking], Awaitable[None]]) -> None:
    async def run() -> None:
        accounts, clock, market = Accounts(), SteppingClock(START_NS), Market()
        looks = partial(AdmissionWatch, chain=accounts, clock=clock, public_keys=KEYS)
        async with running(clock=clock, settings=SETTINGS, looks=looks) as desk:
            looking = Looking(desk, accounts, market)
            looking.put("pup")
            assert desk.admission is not None
            await desk.admission.look_at_all()
            accounts.asked.clear()
            await check(looking)

    asyncio.run(run())


def snipe(number: int, mint: Mint = PUP, at_ns: int = START_NS) -> Signal:
    return replace(buy(number, mint, at_ns).signal, strategy=StrategyType.TOKEN_SNIPING)


def test_a_look_asks_what_is_cheap_first_and_ends_with_the_first_bad_answer() -> None:
    async def check(looking: Looking) -> None:
        assert not await looking.looks.look(Mint(str(address("nowhere"))))
        assert not await looking.looks.look(looking.put("frozen", mint_of_2022(freeze=MALLORY)))
        assert looking.market.asked == []
        looking.market.liquidity = 0
        assert not await looking.looks.look(PUP)
        assert looking.market.asked == ["liquidity"]
        looking.market.liquidity = 60_000 * MICROS
        looking.looks.forget()
        assert await looking.looks.look(PUP)
        assert looking.market.asked == ["liquidity", "liquidity", "trial"]
        assert looking.flaws() == [Flaw.NO_MINT, Flaw.FREEZE_AUTHORITY, Flaw.LOW_LIQUIDITY]
        assert [event.mint for event in looking.admitted()] == [PUP]
        (taker,) = looking.market.takers
        assert taker.public_key in KEYS.values()
        assert taker.spend_units == RULES.trial_micros

    play(check)


def test_what_was_seen_in_the_last_minute_is_not_asked_again() -> None:
    async def check(looking: Looking) -> None:
        assert looking.looks.concerns(snipe(1))
        await looking.looks.look(PUP)
        looking.market.back_units = 0
        cat = looking.put("cat")
        await looking.looks.look(cat)  # Turned away, and remembered as long.
        asked = len(looking.chain.asked)
        for number in range(8):
            assert not looking.looks.concerns(snipe(number))
            assert not looking.looks.concerns(snipe(number, cat))
            await looking.looks.refresh(PUP)
        assert len(looking.chain.asked) == asked
        looking.pass_s(FRESH_S)
        assert looking.looks.concerns(snipe(9))
        assert looking.looks.concerns(snipe(9, cat))
        await looking.looks.refresh(PUP)
        assert len(looking.chain.asked) == asked + 1
        assert looking.flaws() == [Flaw.ROUND_TRIP_LOSS, Flaw.ROUND_TRIP_LOSS]

    play(check)


def test_which_signals_are_worth_a_look() -> None:
    async def check(looking: Looking) -> None:
        engine, looks = looking.desk.engine, looking.looks
        assert looks.concerns(snipe(1))
        assert not looks.concerns(replace(snipe(1), strategy=StrategyType.ARBITRAGE))
        assert not looks.concerns(replace(snipe(1), action=TradeAction.SELL))
        assert not looks.concerns(replace(snipe(1), action=TradeAction.HOLD))
        assert not looks.concerns(snipe(1, SOL))
        answered = await engine.submit(snipe(1))
        assert isinstance(answered.events[0], SignalRefused)
        assert not looks.concerns(snipe(1))  # It has its answer.
        await engine.handle(ChangeMints(MintVerb.BLOCK, PUP, "ann", "because"))
        assert not looks.concerns(snipe(2))
        await engine.handle(ChangeMints(MintVerb.UNBLOCK, PUP, "ann", "because"))
        assert looks.concerns(snipe(2))
        for settings in (
            replace(SETTINGS, admission=AdmissionPolicy.OFF),
            replace(SETTINGS, unlisted=replace(RULES, mints_max=0)),
        ):
            await engine.handle(ConfigureDesk(settings))
            assert not looks.concerns(snipe(2))
        await engine.handle(ConfigureDesk(SETTINGS))
        await engine.handle(AddHold(Scope(), "operator", "because"))
        assert not looks.concerns(snipe(2))

    play(check)


def test_a_sender_of_many_mints_gets_so_many_looks_and_no_more() -> None:
    async def check(looking: Looking) -> None:
        looking.market.back_units = 0
        mints = [looking.put(f"m{number}") for number in range(LOOKS_PER_MIN + 5)]
        for mint in mints:
            assert not await looking.looks.look(mint)
        assert len(looking.chain.asked) == LOOKS_PER_MIN
        assert looking.flaws()[-5:] == [Flaw.NOT_LOOKED_AT] * 5
        assert "30 looks were made in the last minute" in looking.refused()[-1].findings[0].detail
        # A good mint waits as well, and is looked at when the minute is over.
        assert not await looking.looks.look(PUP)
        looking.pass_s(60)
        looking.market.back_units = 99 * MICROS
        assert await looking.looks.look(PUP)

    play(check)


def test_looks_at_the_same_time_are_few_and_shared() -> None:
    async def check(looking: Looking) -> None:
        looking.market.gate.clear()
        mints = [PUP, *(looking.put(f"m{number}") for number in range(3))]
        asking = [asyncio.create_task(looking.looks.look(mint)) for mint in mints * 8]
        await looking.desk.settle()
        assert looking.market.under_way == LOOKS_AT_ONCE
        looking.market.gate.set()
        assert all(await asyncio.gather(*asking))
        assert looking.market.most == LOOKS_AT_ONCE
        assert looking.market.asked.count("trial") == len(mints)

    play(check)


def test_only_so_many_signals_wait_for_a_look() -> None:
    async def check(looking: Looking) -> None:
        looking.market.gate.clear()
        asking = [asyncio.create_task(looking.looks.look(PUP)) for _ in range(WAITING_MAX)]
        await looking.desk.settle()
        assert not await looking.looks.look(looking.put("late"))
        assert "64 signals wait" in looking.refused()[-1].findings[0].detail
        looking.market.gate.set()
        assert all(await asyncio.gather(*asking))
        assert await looking.looks.look(looking.put("late"))

    play(check)


def test_silence_turns_away_what_is_not_known_and_changes_nothing_that_is() -> None:
    async def check(looking: Looking) -> None:
        looking.chain.silent = True
        assert not await looking.looks.look(PUP)
        looking.chain.silent, looking.market.silent = False, True
        assert not await looking.looks.look(PUP)
        assert looking.flaws() == [Flaw.NOT_LOOKED_AT] * 2
        looking.market.silent = False
        assert await looking.looks.look(PUP)
        looking.pass_s(FRESH_S)
        looking.chain.silent = True
        assert await looking.looks.look(PUP)
        assert not looking.desk.engine.state.admissions[PUP].findings
        with pytest.raises(VenueUnavailable, match="was not looked at"):
            await looking.looks.refresh(PUP)

    play(check)


def test_a_look_that_takes_too_long_refuses_and_leaves_nothing_behind() -> None:
    async def check(looking: Looking) -> None:
        await looking.desk.engine.handle(ConfigureDesk(replace(SETTINGS, selection_timeout_ns=NS // 100)))
        looking.market.gate.clear()
        assert not await looking.looks.look(PUP)
        assert "took too long" in looking.refused()[-1].findings[0].detail
        looking.market.gate.set()
        assert await looking.looks.look(PUP)

    play(check)


def test_two_nodes_must_show_the_same_mint() -> None:
    async def check(looking: Looking) -> None:
        looking.chain.other = {**looking.chain.known, PUP: mint_of_2022(freeze=MALLORY)}
        assert not await looking.looks.look(PUP)
        assert looking.flaws() == [Flaw.NOT_LOOKED_AT]
        assert looking.market.asked == []

    play(check)


def test_the_trial_before_the_signature_ends_the_order() -> None:
    async def check(looking: Looking) -> None:
        await looking.looks.look(PUP)
        looking.pass_s(0)
        now_ns = looking.desk.clock.now_ns()
        looking.market.back_units = 0
        looking.looks.forget()
        answered = await looking.desk.engine.submit(snipe(1, at_ns=now_ns))
        assert isinstance(answered.events[0], OrderPlaced)
        await looking.desk.settle()
        assert not looking.desk.engine.state.open_orders
        assert looking.desk.venue.signed == 0
        assert looking.flaws() == [Flaw.ROUND_TRIP_LOSS]
        refused = await looking.desk.engine.submit(snipe(2, at_ns=now_ns))
        assert isinstance(refused.events[0], SignalRefused)
        assert refused.events[0].refusals[0].code is Code.MINT_NOT_ADMITTED

    play(check)
