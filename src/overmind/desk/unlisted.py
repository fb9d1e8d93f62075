"""Looks at a mint that no list has before a signal that buys it is decided, and again before its order is signed.

Cheap questions come first: the mint, then the liquidity, then a simulated buy and sale. The first bad answer ends the
look. What was seen in the last minute is not looked at again. The looks are bounded, so that a sender of many mints can
use up neither the quotas of nodes and servers nor the memory of this process.

See specification §15.14 and specification §15.16.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final, Protocol

import structlog

from overmind.core.books.state import State
from overmind.core.control.admission import known_token
from overmind.core.control.unlisted import is_traded, symbol_for, verdict
from overmind.core.entries.admission import barred
from overmind.core.entries.costs import rent_lamports
from overmind.core.entries.rules import mint_refusals
from overmind.core.model.commands import RecordAdmission
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.mints import Finding, Flaw, MintFacts, MintLook, Trial
from overmind.core.model.money import Token
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS
from overmind.desk.admission import FRESH_S, AdmissionWatch
from overmind.desk.engine import Engine
from overmind.ports import ChainSilent, Clock, VenueUnavailable
from overmind.signals.decode import BUY_ACTIONS
from overmind.venues.round_trip import Taker

LOOKS_AT_ONCE: Final = 2
LOOKS_PER_MIN: Final = 30
WAITING_MAX: Final = 64  # signals that wait for a look

log = structlog.get_logger("admission")


class Market(Protocol):
    """What is asked about a token when nothing speaks against its mint."""

    async def liquidity_micros(self, mint: Mint) -> int:
        """What the token's pools hold; 0: it has no price. Raises VenueUnavailable."""

    async def trial(self, taker: Taker, quote: Token, token: Token, liquidity_micros: int) -> Trial:
        """A simulated buy with a sale right after it. Raises VenueUnavailable, ChainSilent."""


class UnlistedMints:
    def __init__(
        self,
        engine: Engine,
        watch: AdmissionWatch,
        market: Market,
        clock: Clock,
        public_keys: Mapping[WalletId, str],
    ) -> None:
        """`public_keys`: the wallets that can sign."""
        self._engine = engine
        self._watch = watch
        self._market = market
        self._clock = clock
        self._public_keys = public_keys
        self._seen_ns: dict[Mint, int] = {}
        self._looks_ns: deque[int] = deque()  # of the last minute
        self._under_way: dict[Mint, asyncio.Event] = {}
        self._turns = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._waiting = 0

    def concerns(self, signal: Signal) -> bool:
        """Whether the answer to this signal may depend on a look that was not made in the last minute."""
        state, mint = self._engine.state, signal.mint
        if signal.action not in BUY_ACTIONS or (mint in state.settings.tokens and mint not in state.unlisted):
            return False
        if signal.id in state.decided or state.holds or barred(state, mint, signal.strategy):
            return False
        return not any(mint_refusals(state, mint)) and not self._is_fresh(mint)

    async def look(self, mint: Mint) -> bool:
        """Looks, and journals what was seen. Without an answer a mint that is not known is turned away. True: the token
        is known.
        """
        try:
            async with asyncio.timeout(self._engine.state.settings.selection_timeout_ns / NS):
                await self._look_once(mint)
        except (ChainSilent, VenueUnavailable) as silent:
            await self._record(mint, MintLook(None, Finding(Flaw.NOT_LOOKED_AT, str(silent))))
        except TimeoutError:
            await self._record(mint, MintLook(None, Finding(Flaw.NOT_LOOKED_AT, "its look took too long")))
        return is_traded(self._engine.state, mint)

    async def refresh(self, mint: Mint) -> None:
        """Before an order of this token is signed. Raises VenueUnavailable."""
        if mint not in self._engine.state.unlisted or self._is_fresh(mint):
            return
        try:
            await self._look_once(mint)
        except ChainSilent as silent:
            raise VenueUnavailable(f"{mint} was not looked at: {silent}") from None

    def forget(self) -> None:
        """The next buy looks again."""
        self._seen_ns.clear()

    def _is_fresh(self, mint: Mint) -> bool:
        state, seen_ns = self._engine.state, self._seen_ns.get(mint)
        if seen_ns is None or not (is_traded(state, mint) or mint in state.turned_away):
            return False
        return self._is_young(seen_ns)

    def _is_young(self, seen_ns: int) -> bool:
        return abs(self._clock.now_ns() - seen_ns) < FRESH_S * NS

    async def _look_once(self, mint: Mint) -> None:
        """Who asks for a mint that is looked at already waits for that look. Raises ChainSilent, VenueUnavailable."""
        if self._waiting >= WAITING_MAX:
            raise ChainSilent(f"{WAITING_MAX} signals wait for a look, the most at once")
        self._waiting += 1
        try:
            while (ended := self._under_way.get(mint)) is not None:
                await ended.wait()
            if self._is_fresh(mint):
                return
            ended = self._under_way[mint] = asyncio.Event()
            try:
                async with self._turns:
                    self._count()
                    await self._look(mint)
            finally:
                del self._under_way[mint]
                ended.set()
        finally:
            self._waiting -= 1

    def _count(self) -> None:
        """Raises ChainSilent."""
        now_ns, looks = self._clock.now_ns(), self._looks_ns
        while looks and not 0 <= now_ns - looks[0] < 60 * NS:
            looks.popleft()
        if len(looks) >= LOOKS_PER_MIN:
            raise ChainSilent(f"{LOOKS_PER_MIN} looks were made in the last minute, the most")
        looks.append(now_ns)

    async def _look(self, mint: Mint) -> None:
        """Raises ChainSilent, VenueUnavailable."""
        began_ns = self._clock.now_ns()
        look = await self._watch.facts_of(mint)
        if look.facts is not None and (token := self._admissible(mint, look.facts)) is not None:
            look = MintLook(look.facts, trial=await self._trial(token))
        await self._record(mint, look)
        # Only those of the last minute are remembered, and there are no more than looks in a minute.
        self._seen_ns = {one: at_ns for one, at_ns in self._seen_ns.items() if self._is_young(at_ns)}
        self._seen_ns[mint] = began_ns

    def _admissible(self, mint: Mint, facts: MintFacts) -> Token | None:
        """The token, if nothing speaks against its mint. Otherwise its market is not asked."""
        state = self._engine.state
        token = known_token(state, mint) or Token(symbol_for(state, mint), mint, facts.decimals, facts.program)
        found = verdict(state.settings.unlisted, token, facts, None, None)
        return token if all(one.flaw is Flaw.NOT_LOOKED_AT for one in found) else None

    async def _trial(self, token: Token) -> Trial:
        """Raises ChainSilent, VenueUnavailable."""
        state = self._engine.state
        liquidity_micros = await self._market.liquidity_micros(token.mint)
        if liquidity_micros < state.settings.unlisted.liquidity_min_micros:
            return Trial(liquidity_micros)
        taker = _taker(state, self._public_keys, token.mint)
        if taker is None:
            usd = state.settings.unlisted.trial_micros / MICROS
            raise ChainSilent(f"no wallet has the ${usd:,.2f} of a trial (OVERMIND_UNLISTED_TRIAL_USD)")
        return await self._market.trial(taker, state.settings.quote, token, liquidity_micros)

    async def _record(self, mint: Mint, look: MintLook) -> None:
        await self._engine.handle(RecordAdmission(mint, look, wanted=True))


def _taker(state: State, public_keys: Mapping[WalletId, str], mint: Mint) -> Taker | None:
    """The wallet that has most of the quote currency, in accounts that no stranger can use. It signs nothing."""
    desk = state.settings
    usable = [one for one in public_keys if not state.account_flaws.get(one, {}).keys() & {mint, desk.quote.mint}]
    books = [state.wallets[wallet_id] for wallet_id in usable if wallet_id in state.wallets]
    if not books:
        return None
    book = max(books, key=lambda one: state.ledger.balance(one.accounts.free, desk.quote.mint))
    if state.ledger.balance(book.accounts.free, desk.quote.mint) < desk.unlisted.trial_micros:
        return None
    return Taker(
        book.wallet.id,
        public_keys[book.wallet.id],
        desk.unlisted.trial_micros,
        desk.slippage_max_meme_bps,
        desk.costs.fee_max_lamports,
        rent_lamports(desk, book, mint),
    )
