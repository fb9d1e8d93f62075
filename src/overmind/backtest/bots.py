"""A bot over history: the code that trades on a service, asked at each bar what it wants. Nothing listens meanwhile.

At the beginning of each bar the bot is asked, as `examples/bot.py` says. It is told the desk's prices, what its
strategy holds and the equity, all of that instant. What it sends is decided at once, and fills at the price that opens
the next candle, with the costs and faults of the simulated market.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, Protocol, runtime_checkable

from msgspec import structs

from overmind.backtest.history import Played, play_sent
from overmind.backtest.intake import Intake
from overmind.clock.instants import iso_seconds
from overmind.config import MultiWalletConfig
from overmind.core.books.trust import fresh_price_pico
from overmind.core.model.codes import Refusal
from overmind.core.model.enums import StrategyType
from overmind.core.model.events import Answer
from overmind.core.model.money import Token
from overmind.core.model.signal import Signal
from overmind.core.model.units import NS
from overmind.ports import Journal
from overmind.prices.tape import Tape
from overmind.signals.decode import SPELLINGS, decode_signal, token_index
from overmind.venues.depth.classes import Costs
from overmind.venues.paper import PaperModel
from overmind.views.amounts import price_of, tokens_of, usd_of
from overmind.views.decisions import DecisionStatus, decision_of
from overmind.views.refusals import grouped, in_words

DECIDED_BEFORE: Final = "this id was decided before"


class BotFailed(Exception):
    """The bot raised `fault`."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(f"{type(fault).__name__}: {fault}")
        self.fault = fault


class BotAnswer(NamedTuple):
    """What the desk decided, as a bot reads it."""

    status: str  # placed, refused, recorded or duplicate
    selection_reason: str


@runtime_checkable
class Bot(Protocol):
    @property
    def bar_s(self) -> int:
        """Seconds of a bar. Bars are counted from 1970."""
        ...

    def on_bar(self, desk: PastDesk, at_s: int) -> None:
        """Looks at the desk as a bar begins, and may send signals."""
        ...


class BotRun(NamedTuple):
    played: Played
    sent: list[Signal]  # in order of time
    said: list[str]  # what the bot told, each line with its time


class PastDesk:
    """The desk of a run as its bot knows it: everything is of this instant, and nothing of later."""

    def __init__(self, intake: Intake, config: MultiWalletConfig) -> None:
        self.sent: list[Signal] = []
        self.said: list[tuple[int, str]] = []
        self.at_ns = 0
        self._refusals: tuple[Refusal, ...] = ()
        self._intake = intake
        self._config = config
        self._tokens: Mapping[str, Token] = token_index(config.desk.tokens.values())

    def prices(self) -> dict[str, Decimal]:
        """By symbol, in USD, those that the desk believes."""
        state = self._intake.state
        tokens = state.settings.tokens.values()
        found = {token.symbol: fresh_price_pico(state, token.mint, self.at_ns) for token in tokens}
        return {symbol: Decimal(price_of(pico).exact) for symbol, pico in found.items() if pico is not None}

    def holdings(self, strategy: str) -> dict[str, Decimal] | None:
        """What the strategy owns of each token, over all wallets. None while one of its orders is open."""
        state, wanted = self._intake.state, SPELLINGS.get(strategy.lower())
        if wanted is None:
            raise ValueError(f"{strategy!r} is no strategy; there are {', '.join(StrategyType)}")
        if any(known.order.strategy is wanted for known in state.open_orders.values()):
            return None
        found: dict[str, Decimal] = {}
        for book in state.wallets.values():
            for position in book.positions.values():
                if units := position.units_by.get(wanted, 0):
                    token = position.token
                    owned = Decimal(tokens_of(units, token.decimals).exact)
                    found[token.symbol] = found.get(token.symbol, Decimal(0)) + owned
        return found

    def equity(self) -> Decimal:
        """In USD, over all wallets."""
        return Decimal(usd_of(self._intake.state.equity_micros).exact)

    def submit(self, signal: Mapping[str, object]) -> BotAnswer:
        """Decided at once. Raises BadSignal if it is none, CommandRefused, EngineBusy."""
        app, config = self._intake.app, self._config
        read = decode_signal(signal, self._tokens, config.desk.quote, config.signal_fields_ignored, config.wallets)
        begun = app.begin(read, self.at_ns)
        if begun.events is None:
            return BotAnswer(DecisionStatus.DUPLICATE.value, DECIDED_BEFORE)
        decision = decision_of(tuple(event for event in begun.events if isinstance(event, Answer)))
        self._refusals = decision.refusals
        self._intake.count(decision)
        self.sent.append(structs.replace(read, at_ns=self.at_ns))
        return BotAnswer(decision.status.value, decision.selection_reason)

    def explain(self, signal_id: str) -> None:
        """Of the newest refused signal: every rule that said no."""
        for row in grouped(self._refusals):
            self.say(f"  {in_words(row)}")

    def say(self, text: str) -> None:
        """Kept with the time of the bar."""
        self.said.append((self.at_ns, text))


def play_bot(
    config: MultiWalletConfig,
    journal: Journal,
    tape: Tape,
    bot: Bot,
    seed: int,
    on_bar: Callable[[int], None],
    model: PaperModel | None = None,
    detail: Tape | None = None,
    costs: Costs | None = None,
) -> BotRun:
    """Asks the bot at each bar from the first candle's close to the last one's, settles, and reports.

    `on_bar` gets the number of bars so far. Raises BotFailed as soon as the bot raises anything.
    """
    desks: list[PastDesk] = []

    async def send(intake: Intake) -> None:
        desk = PastDesk(intake, config)
        desks.append(desk)
        for number, at_s in enumerate(bars(tape, bot.bar_s), 1):
            desk.at_ns = at_s * NS
            await intake.until(desk.at_ns)
            await intake.app.look()  # Prices of the candle that has just closed are known now.
            try:
                bot.on_bar(desk, at_s)
            except Exception as fault:  # A bot is code of its user: whatever it raises is told as theirs.
                raise BotFailed(fault) from fault
            on_bar(number)

    try:
        played = play_sent(config, journal, tape, send, seed, model, detail, costs, on_bars=True)
    except BaseExceptionGroup as ended:  # The desk's tasks end together.
        raise _of_the_bot(ended) from None
    (desk,) = desks
    return BotRun(played, desk.sent, [f"{iso_seconds(at_ns)[:19]} {text}" for at_ns, text in desk.said])


def bars(tape: Tape, bar_s: int) -> range:
    """When a bot is asked, in seconds since 1970: each time begins a bar, and a candle has closed by then."""
    first_ns, bar_ns = tape.start_ns + tape.step_ns, bar_s * NS
    return range(-(-first_ns // bar_ns) * bar_s, (tape.end_ns - tape.step_ns) // NS + 1, bar_s)


def _of_the_bot(ended: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended the run: the bot's own failure if there is one."""
    found: BaseException | None = ended.subgroup(BotFailed)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return ended if found is None else found
