"""Random commands for a desk that looks at mints: signals name some that no list has, and looks come as they please."""

from __future__ import annotations

from random import Random

from msgspec import structs
from tests.support.core_desk import UNLISTED, USDC, CoreDesk, wide_wallet
from tests.support.random_commands import RandomCommands

from overmind.core.model.commands import Command, ConfigureDesk, MarkPrices, RecordAdmission, SubmitSignal
from overmind.core.model.enums import SaleScope, StrategyType, TradeAction
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.mints import AdmissionPolicy, Authorities, Finding, Flaw, MintFacts, MintLook, Trial
from overmind.core.model.money import Mark
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, PICO
from overmind.core.model.wallet import Wallet

PUPS = [Mint(name) for name in ("pup", "cat", "dog")]
GOOD = Trial(60_000 * MICROS, 5, 100 * MICROS, 99 * MICROS)


class SniperCommands(RandomCommands):
    """Half of the commands concern mints that no list has; at most two of three can be known at once."""

    slot = 0

    def __init__(self, rng: Random, wallets: int) -> None:
        super().__init__(rng, wallets)
        self._pico = dict.fromkeys(PUPS, 2 * PICO)

    def opening(self) -> list[Command]:
        first, *rest = super().opening()
        assert isinstance(first, ConfigureDesk)
        desk = structs.replace(first.desk, admission=AdmissionPolicy.CHECKED, unlisted=UNLISTED)
        tokens = (*desk.tokens.values(), USDC)
        looks = [RecordAdmission(one.mint, MintLook(self._facts(one.decimals, one.program))) for one in tokens]
        return [ConfigureDesk(desk), *looks, *rest]

    def command(self, desk: CoreDesk) -> Command:
        rng, roll = self.rng, self.rng.random()
        if roll < 0.20:
            return RecordAdmission(rng.choice(PUPS), self._look(), wanted=True)
        if roll < 0.30:
            return self._watch(desk)
        if roll < 0.40:
            mint = rng.choice(PUPS)
            self._pico[mint] = max(1, self._pico[mint] * rng.randint(90, 111) // 100)
            self._pico[SOL] = desk.state.price_pico(SOL) or 100 * PICO
            return MarkPrices(tuple(Mark(one, pico, desk.now_ns + 1) for one, pico in self._pico.items()))
        if roll < 0.41:
            policy = rng.choice([AdmissionPolicy.OFF, AdmissionPolicy.CHECKED, AdmissionPolicy.CHECKED])
            rules = structs.replace(UNLISTED, mints_max=rng.choice([0, 1, 2, 2]))
            desk_now = structs.replace(desk.state.settings, admission=policy, unlisted=rules)
            return ConfigureDesk(structs.replace(desk_now, admission_exit=rng.random() < 0.3))
        return super().command(desk)

    def submit(self, desk: CoreDesk) -> SubmitSignal:
        wish = super().submit(desk)
        if self.rng.random() < 0.3:
            return wish
        if held := [mint for book in desk.state.wallets.values() for mint in book.positions if mint in PUPS]:
            sale = Signal(
                wish.signal.id, StrategyType.ARBITRAGE, TradeAction.SELL, self.rng.choice(held), 0, sell_all=True
            )
            return SubmitSignal(structs.replace(sale, scope=SaleScope.DESK), desk.now_ns)
        strategy = self.rng.choice([StrategyType.AXIOM_MEME_COIN, wish.signal.strategy])
        signal = structs.replace(wish.signal, mint=self.rng.choice(PUPS), strategy=strategy)
        return structs.replace(wish, signal=signal)

    def _wallet(self, name: WalletId) -> Wallet:
        """Most have room for an entry."""
        return super()._wallet(name) if self.rng.random() < 0.3 else wide_wallet(name)

    def _watch(self, desk: CoreDesk) -> RecordAdmission:
        """A look at a known token: at one that was not looked at yet, if there is any."""
        known = {USDC.mint: USDC, **desk.state.settings.tokens}
        unseen = [one for one in known.values() if one.mint not in desk.state.admissions]
        token = self.rng.choice(unseen or [*known.values()])
        decimals = 5 if self.odd() else token.decimals
        return RecordAdmission(token.mint, MintLook(self._facts(decimals, token.program)))

    def _facts(self, decimals: int, program: str = "token") -> MintFacts:
        self.slot += 1
        return MintFacts(program, decimals, self.slot)

    def _look(self) -> MintLook:
        rng = self.rng
        facts = self._facts(6)
        if rng.random() < 0.7:
            return MintLook(facts, trial=GOOD)
        return rng.choice(
            [
                MintLook(None, Finding(Flaw.NOT_LOOKED_AT, "no answer")),
                MintLook(structs.replace(facts, authorities=Authorities(freeze="mallory"))),
                MintLook(facts, trial=structs.replace(GOOD, back_units=rng.choice([0, 90 * MICROS]))),
                MintLook(facts, trial=structs.replace(GOOD, fault="it reverts")),
            ]
        )
