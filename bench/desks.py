"""Desks of any size for measuring: wallets with explicit wide limits, so that no limit ends the run."""

from __future__ import annotations

from overmind.core.books.apply import apply
from overmind.core.books.state import State
from overmind.core.decide import decide
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.model.codes import Limits
from overmind.core.model.commands import (
    Command,
    ConfigureDesk,
    ConfigureWallet,
    FoundDesk,
    MarkPrices,
    RecordDeposit,
    SubmitSignal,
)
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import RiskProfile, StrategyType, TradeAction, TradingMode, WalletType
from overmind.core.model.events import Entry, Event
from overmind.core.model.ids import SOL, DepositId, Mint, SignalId, WalletId
from overmind.core.model.money import Mark, Money, Token
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS, PICO, PPM
from overmind.core.model.wallet import StrategyShare, Wallet

START_NS = 1_750_000_000 * NS
USDC = Token("USDC", Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6)
WIDE = Limits(10**15, 10**15, PPM, 10**6, 50_000, 10**9, 500_000)
STRATEGIES = (StrategyType.TOKEN_SNIPING, StrategyType.ARBITRAGE, StrategyType.AI_DECISION)
PRICE_PICO = 150 * PICO


def bench_desk(mints: int) -> Desk:
    tokens = [Token("SOL", SOL, 9), *(Token(f"T{n}", Mint(f"mint{n}"), 6) for n in range(mints - 1))]
    return Desk(
        quote=USDC,
        tokens={token.mint: token for token in tokens},
        portfolio_exposure_max_ppm=PPM,
        asset_max_ppm=PPM,
        rate_max_per_s=10**6,
    )


def bench_wallets(count: int) -> list[Wallet]:
    shares = {strategy: StrategyShare(PPM, 10**15) for strategy in STRATEGIES}
    return [
        Wallet(WalletId(f"wallet{n}"), WalletType.PRIMARY, RiskProfile.MEDIUM, f"key{n}", 0, WIDE, shares)
        for n in range(count)
    ]


def opening(desk: Desk, wallets: list[Wallet]) -> list[Command]:
    """Every command that comes before the first signal."""
    commands: list[Command] = [FoundDesk(TradingMode.PAPER, "paper", ""), ConfigureDesk(desk)]
    commands += [ConfigureWallet(wallet) for wallet in wallets]
    commands.append(marks(desk, START_NS))
    for wallet in wallets:
        cash, sol = Money(10**13, USDC.mint), Money(10**13, SOL)
        commands.append(RecordDeposit(DepositId(f"cash:{wallet.id}"), wallet.id, cash))
        commands.append(RecordDeposit(DepositId(f"float:{wallet.id}"), wallet.id, sol, to_float=True))
    return commands


def marks(desk: Desk, at_ns: int, price_pico: int = PRICE_PICO) -> MarkPrices:
    return MarkPrices(tuple(Mark(mint, price_pico, at_ns) for mint in desk.tokens))


def buy(number: int, mint: Mint, at_ns: int, name: str = "signal") -> SubmitSignal:
    signal = Signal(
        id=SignalId(f"{name}-{number}"),
        strategy=STRATEGIES[number % len(STRATEGIES)],
        action=TradeAction.BUY,
        mint=mint,
        risk_tolerance_ppm=700_000,
        notional_micros=100 * MICROS,
        at_ns=at_ns,
    )
    return SubmitSignal(signal, at_ns)


class PureDesk:
    """The core alone: decide and apply, without an engine."""

    def __init__(self, wallets: int, mints: int = 20) -> None:
        self.state = State()
        self.index = SelectionIndex(self.state)
        self.desk = bench_desk(mints)
        self.mints = list(self.desk.tokens)
        self.entries: list[Entry] = []
        for command in opening(self.desk, bench_wallets(wallets)):
            self.run(command, START_NS)

    def run(self, command: Command, at_ns: int) -> list[Event]:
        events = []
        for event in decide(self.state, self.index, command, at_ns):
            entry = Entry(self.state.seq + 1, at_ns, event)
            apply(self.state, entry)
            self.entries.append(entry)
            events.append(event)
        return events
