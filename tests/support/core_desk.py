"""A desk scripted in words: each step is a command that `decide` decides and `apply` folds, as in the engine.

`fill provisional` books an outcome, `final` makes it final, and `roll back as expired` (or failed, or filled) undoes
it. `chain w1 usd -5 eth 2` reads the chain's balances: an amount without a sign is absolute, one with a sign is
relative to the books, and all other mints are as in the books.

`sell` takes the lots of anybody, since most of these desks hold deposits; with `scope strategy` those of its own
strategy, as a signal does that says no scope.

`risk$50` and `risk0.5%` are risk budgets instead of amounts. `wave eth 2000 2020 20 60000` marks the two prices in
turn, 20 times, 60,000 ms apart, and SOL's price each time.

`mark eth 1900 says 1905` gives the second source's price too, `mark eth 1900 says 1905 40000` one that is 40 s old.
`mark eth 1900 sells 1880` says what a simulated sale would bring. `believe eth 1900` is an operator's price.

`exits` places the exits that are due, like the watch after each mark. `moves` places the transfers that are due.
`rebalance auto` places what the bands make due; `rebalance` is an operator's. Outcomes apply to orders and moves.

`change w1 stop 3 momentum.share 40` is an operator's change, `change w1 stop files` undoes it; `ceiling loss 500` sets
the desk's ceiling. `who ann stop` is a step that ann has asked for.

`admit checked` (or strict, or off; with `exit`) is the policy for mints. `look eth` sees a mint as it is listed, `look
eth freeze mallory` one with that authority, `look eth gone` none. `account w1 eth frozen` sees what is wrong with an
account, and `account w1 eth` that nothing is. `try pup back 96` tries a mint that no list has, as a signal asks for.
`watch pup` sees its mint alone. `desk unlisted 2` knows two of them at most.

SOL costs $100, eth $2,000 and btc $50,000; `new` is listed but was never priced. A step without a verb configures the
wallet of that name. It starts with $9,900 and a float of 1 SOL, so its equity is $10,000 and a percent of it $100. Its
limits are as wide as possible. It is noon.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TypeVar

from msgspec import structs

from overmind.core.books.apply import apply
from overmind.core.books.book import OpenMove, OpenOrder, Provisional, ProvisionalMove, WalletBook
from overmind.core.books.brief_refusals import in_brief
from overmind.core.books.state import State
from overmind.core.books.valuation import Valuation
from overmind.core.decide import decide
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.exits.exit_rules import exits_due
from overmind.core.model.codes import LIMIT_FIELDS, Limits, Refusal
from overmind.core.model.commands import (
    AcceptBalances,
    AcceptHistory,
    AcceptPrice,
    AddHold,
    Attributed,
    BookFromChain,
    CancelClose,
    CancelMove,
    ChangeLearnerMode,
    ChangeLimits,
    ChangeMints,
    ClosePosition,
    Command,
    ConfigureDesk,
    ConfigureWallet,
    EmergencyStop,
    FoundDesk,
    LiftHold,
    MarkPrices,
    MoveDue,
    OperatorCommand,
    ReactivateWallet,
    Rebalance,
    RecordAccounts,
    RecordAdmission,
    RecordBalances,
    RecordDeposit,
    RecordFinal,
    RecordHistory,
    RecordLanding,
    RecordOutcome,
    RecordTicket,
    RemoveWallet,
    RequireHistory,
    SellDue,
    SubmitSignal,
    Withdraw,
    WriteOff,
)
from overmind.core.model.controls import MintVerb, Scope
from overmind.core.model.desk_settings import BOOKING_RULES, Desk
from overmind.core.model.enums import (
    LearnerMode,
    MoveKind,
    RiskProfile,
    SaleScope,
    Side,
    SizingMethod,
    Split,
    StrategyType,
    TradeAction,
    TradingMode,
    WalletStatus,
    WalletType,
)
from overmind.core.model.events import Entry, Event, MovePlaced, OrderPlaced, SignalRefused
from overmind.core.model.ids import SOL, DepositId, LimitName, Mint, OrderId, SignalId, WalletId
from overmind.core.model.mints import (
    AdmissionPolicy,
    Authorities,
    Finding,
    Flaw,
    MintFacts,
    MintLook,
    Trial,
    UnlistedRules,
)
from overmind.core.model.money import Mark, Money, Token, Witness
from overmind.core.model.order import Move, Order, Ticket, Work
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.route import Expected, RouteName
from overmind.core.model.signal import RiskBudget, Sender, Signal
from overmind.core.model.units import DAY_NS, LAMPORTS, MICROS, PICO, PPM, units_of, value_micros
from overmind.core.model.wallet import Exits, StrategyShare, Wallet
from overmind.views.refusals import shown

NOON_NS = 20_000 * DAY_NS + DAY_NS // 2
MS = 10**6
PERCENT = PPM // 100
WIDE = 10**6 * MICROS

USDC = Token("USDC", Mint("usdc"), 6)
TOKENS = {
    "sol": Token("SOL", SOL, 9),
    "eth": Token("ETH", Mint("eth"), 8),
    "btc": Token("BTC", Mint("btc"), 8),
    "new": Token("NEW", Mint("new"), 5),
}
PRICES = {"sol": 100, "eth": 2_000, "btc": 50_000}
DESK = Desk(
    quote=USDC,
    tokens={token.mint: token for token in TOKENS.values()},
    booking_rules=BOOKING_RULES,
    portfolio_exposure_max_ppm=PPM,
    asset_max_ppm=PPM,
    emergency_stop_ppm=PPM,
)
WIDE_LIMITS = Limits(
    daily_loss_max_micros=WIDE,
    position_max_micros=WIDE,
    exposure_max_ppm=PPM,
    positions_max=100,
    stop_loss_ppm=0,
    trades_per_day_max=1_000,
    risk_level_ppm=0,
)

STRATEGIES = {
    "momentum": StrategyType.MOMENTUM_TRADING,
    "arbitrage": StrategyType.ARBITRAGE,
    "meteora": StrategyType.METEORA_DAMM,
    "meme": StrategyType.AXIOM_MEME_COIN,
}

# For each word: the field that it sets, and how many of the field's units are one of the word's.
LIMIT_WORDS = {
    "loss": ("daily_loss_max_micros", MICROS),
    "position": ("position_max_micros", MICROS),
    "exposure": ("exposure_max_ppm", PERCENT),
    "places": ("positions_max", 1),
    "stop": ("stop_loss_ppm", PERCENT),
    "trades": ("trades_per_day_max", 1),
    "risk": ("risk_level_ppm", PPM),
    **{row.name: (row.field, row.scale) for row in LIMIT_FIELDS},  # as a wallet's JSON has it, in USD, percent, counts
}
CHANGE_WORDS = {
    "loss": ("max_daily_loss", MICROS),
    "position": ("max_position_size", MICROS),
    "exposure": ("max_exposure_percentage", PERCENT),
    "places": ("max_concurrent_positions", 1),
    "stop": ("stop_loss_threshold", PERCENT),
    "trades": ("daily_trade_limit", 1),
    "risk": ("risk_level", PPM),
    "allocation": ("allocation", PPM),
    "share": ("share", PERCENT),
    "enabled": ("enabled", 1),
}
CEILING_WORDS = ("loss", "position", "exposure", "places", "stop", "trades")
DESK_WORDS = {
    "exposure": ("portfolio_exposure_max_ppm", PERCENT),
    "asset": ("asset_max_ppm", PERCENT),
    "strategy": ("strategy_max_ppm", PERCENT),
    "places": ("positions_max", 1),
    "rate": ("rate_max_per_s", 1),
    "attempts": ("attempts_max", 1),
    "timeout": ("selection_timeout_ns", MS),
    "threshold": ("emergency_stop_ppm", PERCENT),
    "loss": ("day_loss_max_ppm", PERCENT),
    "drawdown": ("drawdown_max_ppm", PERCENT),
    "streak": ("loss_streak_max", 1),
    "cooldown": ("cooldown_ns", MS),
    "retry": ("exit_retry_ns", MS),
    "fresh": ("mark_age_max_ns", MS),
    "trades": ("day_trades_max", 1),
    "parts": ("split_parts_max", 1),
    "budget": ("sizing_min_micros", MICROS),
    "dust": ("dust_micros", MICROS),
    "half": ("volatility_half_life_ns", MS),
    "band": ("rebalance_band_ppm", PERCENT),
    "inner": ("rebalance_inner_ppm", PERCENT),
    "least": ("rebalance_min_micros", MICROS),
    "bps": ("rebalance_cost_max_bps", 1),
    "every": ("rebalance_interval_ns", MS),
    "reserve": ("reserve_float_lamports", LAMPORTS),
    "low": ("float_low_lamports", LAMPORTS),
    "full": ("float_target_lamports", LAMPORTS),
    "idle": ("reclaim_after_ns", MS),
    "cap": ("withdraw_day_max_micros", MICROS),
    "delay": ("withdraw_delay_ns", MS),
    "jump": ("price_jump_max_ppm", PERCENT),
    "agree": ("witness_bound_bps", 1),
    "depeg": ("depeg_max_ppm", PERCENT),
    "rules": ("booking_rules", 1),
    "heartbeat": ("mark_heartbeat_ns", MS),
    "opens": ("fill_within_ns", MS),
    "smallest": ("order_min_micros", MICROS),
    "dearest": ("expected_cost_max_bps", 1),
    "proceeds": ("proceeds_bound_bps", 1),
}
LEARNER_WORDS = {
    "explore": ("explore_ppm", PERCENT),
    "explores": ("explore_max_micros", MICROS),  # the largest entry
    "exploring": ("explore_day_ppm", PERCENT),  # of a day's notional
    "canary": ("canary_ppm", PERCENT),
    "losing": ("loss_day_max_micros", MICROS),
    "worse": ("worse_max_ppm", PERCENT),
}
DESK_TEXTS = ("routes", "seed", "split", "learner", "unlisted", "only", "without", "ladder", "payees", "then")
COST_WORDS = {"depth": ("depth_micros", MICROS), "fades": ("miss_half_life_ns", MS)}
BPS_WORDS = {"miss": "miss_bps", "waiting": "in_flight_bps"}
ROUTE_WORDS = {"tips": ("tip_day_max_lamports", 1), "patience": ("exit_public_after_ns", MS)}
ROUTES = {
    RouteName.PUBLIC: Expected(),
    RouteName.RELAY: Expected(990_000, 1, tip_lamports=10_000, tip_max_lamports=50_000),
}
TRIAL_WORDS = ("trial", "decimals", "pools", "impact", "back", "fails", "fault")
UNLISTED = UnlistedRules(2, 50_000 * MICROS, 100 * MICROS, 100, 300)
WALLET_WORDS = ("usd", "sol", "share", "type", "key", "status", "aim", "routes")
EXIT_WORDS = {
    "stop": ("stop_loss_ppm", PERCENT),
    "trail": ("trailing_ppm", PERCENT),
    "profit": ("take_profit_ppm", PERCENT),
    "held": ("hold_max_ns", MS),
}
WALLET_EXIT_WORDS = ("trail", "profit", "held")
SENDER_WORDS = ("trade", "counts", "had", "then")  # what a source says of its position: then flat, short, or turned
SIGNAL_WORDS = (
    *EXIT_WORDS,
    "size",
    "times",
    "over",
    "id",
    "by",
    "as",
    "tolerance",
    "limit",
    "prefer",
    "not",
    "slip",
    "ttl",
    "sent",
    "waited",
    "scope",
    "from",
    "protected",
    "split",
    "parts",
    *SENDER_WORDS,
)
OUTCOME_WORDS = ("at", "fee", "rent", "tip", "for")
OUTCOME_OF = {"filled": "fill", "failed": "fail", "expired": "expire", "rejected": "reject"}
READ_WORDS = ("slot", "behind", "signed", "because")  # `behind` n: read n entries ago
WITHDRAWAL_WORDS = ("to", "id", "because")


Known = TypeVar("Known", OpenOrder | OpenMove, Provisional | ProvisionalMove)


class CoreDesk:
    def __init__(self, steps: str = "", prices: dict[str, int] = PRICES) -> None:
        self.state = State(valuation=Valuation(few=0))  # A replay, with a few, takes the plain loop.
        self.index = SelectionIndex(self.state)
        self.entries: list[Entry] = []
        self.now_ns = NOON_NS
        self._signals = 0
        self._by = ""  # who gives the commands
        self._deposits = 0
        self._slot = 0
        self.do(FoundDesk(TradingMode.PAPER, "tape", "genesis"))
        self.do(ConfigureDesk(DESK))
        self.do(MarkPrices(tuple(Mark(mint(name), price * PICO, self.now_ns) for name, price in prices.items())))
        self.play(steps)

    def facts(self, command: Command) -> Iterator[Event]:
        """Each event right after it was applied."""
        if self._by and isinstance(command, OperatorCommand):
            command = Attributed(command, self._by)
        for event in decide(self.state, self.index, command, self.now_ns):
            fact = in_brief(self.state, event) if isinstance(event, SignalRefused) else event
            entry = Entry(self.state.seq + 1, self.now_ns, fact)
            apply(self.state, entry)
            self.entries.append(entry)
            yield event

    def do(self, command: Command) -> tuple[Event, ...]:
        return tuple(self.facts(command))

    def play(self, steps: str) -> tuple[Event, ...]:
        """Steps, parted by semicolons. Returns what the last decided. Outcomes: of all open orders or of one."""
        events: tuple[Event, ...] = ()
        for step in filter(None, (step.strip() for step in steps.split(";"))):
            events = self._step(step.split())
        return events

    def _step(self, words: list[str]) -> tuple[Event, ...]:
        match words:
            case ["who", by, *rest]:
                self._by = by
                events = self._step(rest)
                self._by = ""
                return events
            case ["wait", ms]:
                self.now_ns += int(ms) * MS
                return ()
            case ["mark", name, price]:
                self.now_ns += 1  # Only a newer price counts.
                return self.do(MarkPrices((Mark(mint(name), exact(price, PICO), self.now_ns),)))
            case ["mark", name, price, "says", other, *late]:
                self.now_ns += 1
                said_ns = self.now_ns - int(late[0] if late else 0) * MS
                witness = Witness("second", exact(other, PICO), said_ns)
                return self.do(MarkPrices((Mark(mint(name), exact(price, PICO), self.now_ns, witness),)))
            case ["mark", name, price, "sells", other]:
                self.now_ns += 1
                witness = Witness("rival", exact(other, PICO), self.now_ns, of_sale=True)
                return self.do(MarkPrices((Mark(mint(name), exact(price, PICO), self.now_ns, witness),)))
            case ["believe", name, price]:
                return self.do(AcceptPrice(mint(name), exact(price, PICO), "because"))
            case ["wave", name, *said]:
                return self._wave(name, said)
            case ["buy" | "sell" as verb, name, amount, *options]:
                return self.do(self.signal(verb, name, amount, options))
            case ["fill" | "fail" | "expire" | "reject" as verb, *options]:
                provisional = "provisional" in options
                options = [option for option in options if option != "provisional"]
                known = self._named(self._open(), options)
                return tuple(event for one in known for event in self._close(one.work, verb, options, provisional))
            case ["sign", *options]:
                known = self._named(self._open(), options)
                return tuple(event for one in known for event in self._sign(one.work))
            case ["final", *options]:
                booked = self._named(self._booked(), options)
                return tuple(event for one in booked for event in self.do(RecordFinal(one.work.id, one.outcome)))
            case ["roll", "back", *options]:
                where = options.index("as")
                booked = self._named(self._booked(), options[:where])
                end, said = OUTCOME_OF[options[where + 1]], options[where + 2 :]
                return tuple(
                    event
                    for one in booked
                    for event in self.do(RecordFinal(one.work.id, self._outcome(one.work, end, said)))
                )
            case ["chain", name, *options]:
                return self._chain(WalletId(name), pairs(options, {*READ_WORDS, *TOKENS, "usd"}))
            case ["landed", order_id, *why]:
                return self.do(RecordLanding(OrderId(order_id), " ".join(why)))
            case ["book", order_id, *options]:
                return self._book_from_chain(OrderId(order_id), options)
            case ["restored"]:
                return self.do(RequireHistory("a backup"))
            case ["history", *names]:
                return self.do(RecordHistory(tuple(WalletId(name) for name in names), "read"))
            case ["accept-history", name, *options]:
                return self.do(
                    AcceptHistory(self._accepted(WalletId(name), pairs(options, {*READ_WORDS, *TOKENS, "usd"})))
                )
            case ["accept", name, *options]:
                return self.do(self._accepted(WalletId(name), pairs(options, {*READ_WORDS, *TOKENS, "usd"})))
            case ["desk", *options]:
                words = {*DESK_WORDS, *DESK_TEXTS, *COST_WORDS, *BPS_WORDS, *ROUTE_WORDS, *LEARNER_WORDS}
                said = pairs(options, words)
                return self.do(ConfigureDesk(desk_with(self.state.settings, said)))
            case ["admit", policy, *options]:
                desk = structs.replace(
                    self.state.settings, admission=AdmissionPolicy(policy), admission_exit="exit" in options
                )
                return self.do(ConfigureDesk(desk))
            case ["look", name, *options]:
                return self.do(RecordAdmission(mint(name), self._look(name, options)))
            case ["try", name, *options]:
                return self.do(RecordAdmission(mint(name), self._try(options), wanted=True))
            case ["watch", name, "gone"]:
                return self.do(RecordAdmission(mint(name), MintLook(None, Finding(Flaw.NO_MINT, "gone"))))
            case ["watch", name, *options]:
                return self.do(RecordAdmission(mint(name), MintLook(self._try(options).facts)))
            case ["account", name, token, *words]:
                return self.do(RecordAccounts(WalletId(name), {mint(token): " ".join(words)}))
            case ["ceiling", *options]:
                said = pairs(options, CEILING_WORDS)
                ceilings = structs.replace(self.state.settings.ceilings, **limits_with(said))
                return self.do(ConfigureDesk(structs.replace(self.state.settings, ceilings=ceilings)))
            case ["change", name, *options]:
                wanted = dict(map(change_with, options[::2], options[1::2]))
                return self.do(ChangeLimits(WalletId(name), wanted, "ann", "because"))
            case ["learn", mode]:
                return self.do(ChangeLearnerMode(LearnerMode(mode), "ann", "because"))
            case ["allow", "all"]:
                return self.do(ChangeMints(MintVerb.ALLOW_ALL, None, "ann", "because"))
            case ["block" | "unblock" | "allow" | "disallow" as verb, name]:
                return self.do(ChangeMints(MintVerb(verb), mint(name), "ann", "because"))
            case ["deposit", name, amount, token]:
                scale = 10 ** (USDC if token == "usd" else TOKENS[token]).decimals
                return self._deposit(WalletId(name), Money(exact(amount, scale), mint(token)))
            case ["float", name, amount]:
                return self._deposit(WalletId(name), Money(exact(amount, LAMPORTS), SOL), to_float=True)
            case ["hold", name, cause]:
                return self.do(AddHold(scope(name), cause, "because"))
            case ["hold", name, cause, "for", ms]:
                return self.do(AddHold(scope(name), cause, "because", self.now_ns + int(ms) * MS))
            case ["lift", name, cause]:
                return self.do(LiftHold(scope(name), cause, "because"))
            case ["stop"]:
                return self.do(EmergencyStop("because"))
            case ["liquidate"]:
                return self.do(EmergencyStop("because", liquidate=True))
            case ["sweep"]:
                return self.do(EmergencyStop("because", liquidate=True, sweep=True))
            case ["rebalance", *auto]:
                return self.do(Rebalance("because", by_operator=auto != ["auto"]))
            case ["moves"]:
                return self.do(MoveDue())
            case ["withdraw", name, amount, "sol" | "eth" as token, *options]:
                money = Money(exact(amount, 10 ** TOKENS[token].decimals), mint(token))
                return self._withdraw(WalletId(name), money, options)
            case ["withdraw", name, amount, *options]:
                money = Money(exact(amount.removeprefix("$"), MICROS), USDC.mint)
                return self._withdraw(WalletId(name), money, options)
            case ["cancel", move_id]:
                return self.do(CancelMove(OrderId(move_id), "because"))
            case ["close", name, token]:
                return self.do(ClosePosition(WalletId(name), mint(token), "because"))
            case ["keep", name, token]:
                return self.do(CancelClose(WalletId(name), mint(token), "because"))
            case ["write", "off", name, token]:
                return self.do(WriteOff(WalletId(name), mint(token), "because"))
            case ["exits"]:
                due = exits_due(self.state, self.now_ns)
                return tuple(event for one in due for event in self.do(SellDue(one.wallet_id, one.mint)))
            case ["reactivate", name]:
                return self.do(ReactivateWallet(WalletId(name), "because"))
            case ["remove", name]:
                return self.do(RemoveWallet(WalletId(name)))
            case [name, *options]:
                return self._wallet(WalletId(name), pairs(options, {*LIMIT_WORDS, *WALLET_WORDS, *WALLET_EXIT_WORDS}))
        raise AssertionError(words)

    def book(self, name: str) -> WalletBook:
        return self.state.wallets[WalletId(name)]

    def balance(self, account: str, name: str) -> int:
        return self.state.ledger.balance(account, mint(name))

    def signal(self, verb: str, name: str, amount: str, options: list[str]) -> SubmitSignal:
        """`$300` is a notional, `0.15` a quantity, `all` everything within the scope."""
        said = pairs(options, SIGNAL_WORDS)
        self._signals += 1
        signal = Signal(
            id=SignalId(said.get("id", f"s{self._signals}")),
            strategy=strategy(said.get("by", "momentum")),
            action=TradeAction(said.get("as", verb.capitalize())),
            mint=mint(name),
            risk_tolerance_ppm=exact(said.get("tolerance", "1"), PPM),
            notional_micros=exact(amount[1:], MICROS) if amount.startswith("$") else None,
            quantity=Decimal(amount) if amount[0].isdigit() else None,
            target_price_pico=exact(said["limit"], PICO) if "limit" in said else None,
            preferred_type=WalletType(said["prefer"]) if "prefer" in said else None,
            exclude=tuple(WalletId(name) for name in said["not"].split(",")) if "not" in said else (),
            slippage_max_bps=int(said["slip"]) if "slip" in said else None,
            ttl_ns=int(said["ttl"]) * MS if "ttl" in said else None,
            at_ns=self.now_ns + int(said["sent"]) * MS if "sent" in said else None,
            exits=exits_with(said),
            risk=risk_with(amount[len("risk") :], said) if amount.startswith("risk") else None,
            scope=SaleScope(said.get("scope", "desk" if verb == "sell" else "strategy")),
            sell_all=amount == "all",
            source=said.get("from", ""),
            sender=sender_with(said),
            mev_protected="protected" in said,
            split=Split(said["split"]) if "split" in said else None,
            parts_max=int(said["parts"]) if "parts" in said else None,
        )
        return SubmitSignal(signal, self.now_ns - int(said.get("waited", "0")) * MS)

    def _wallet(self, name: WalletId, said: dict[str, str]) -> tuple[Event, ...]:
        known = self.state.wallets.get(name)
        events = self.do(ConfigureWallet(wallet_with(known.wallet if known else wide_wallet(name), said)))
        for word, default, scale, money_mint in (("usd", "9900", MICROS, USDC.mint), ("sol", "1", LAMPORTS, SOL)):
            units = exact(said.get(word, default), scale)
            if known is None and units:
                self._deposit(name, Money(units, money_mint), to_float=word == "sol")
        return events

    def _look(self, name: str, options: list[str]) -> MintLook:
        if options == ["gone"]:
            return MintLook(None, Finding(Flaw.NO_MINT, "gone"))
        token = {**TOKENS, "usd": USDC}[name]
        self._slot += 1
        authorities = Authorities(**dict(zip(options[::2], options[1::2], strict=True)))
        return MintLook(MintFacts(token.program, token.decimals, self._slot, authorities))

    def _try(self, options: list[str]) -> MintLook:
        """A look at a mint that no list has, with a trial of $100: what came `back`, and what its `pools` hold."""
        said = pairs(options, {*TRIAL_WORDS, *structs.asdict(Authorities())})
        if (fault := said.get("fault")) is not None:
            return MintLook(None, Finding(Flaw(fault), "no answer"))
        self._slot += 1
        authorities = Authorities(**{role: holder for role, holder in said.items() if role not in TRIAL_WORDS})
        facts = MintFacts("token", int(said.get("decimals", 6)), self._slot, authorities)
        if "trial" in said:
            return MintLook(facts)
        pools, impact = exact(said.get("pools", "50000"), MICROS), int(said.get("impact", 10))
        if "fails" in said:
            return MintLook(facts, trial=Trial(pools, impact, fault=said["fails"]))
        back = exact(said.get("back", "99"), MICROS)
        return MintLook(facts, trial=Trial(pools, impact, 100 * MICROS, back))

    def _deposit(self, name: WalletId, money: Money, to_float: bool = False) -> tuple[Event, ...]:
        self._deposits += 1
        return self.do(RecordDeposit(DepositId(f"d{self._deposits}"), name, money, to_float))

    def _wave(self, name: str, said: list[str]) -> tuple[Event, ...]:
        events: tuple[Event, ...] = ()
        for number in range(int(said[2])):
            self.now_ns += int(said[3]) * MS
            marks = {mint(name): exact(said[number % 2], PICO)}
            marks = {SOL: self.state.marks[SOL].price_pico, **marks}
            events = self.do(MarkPrices(tuple(Mark(one, price, self.now_ns) for one, price in marks.items())))
        return events

    def _withdraw(self, name: WalletId, money: Money, options: list[str]) -> tuple[Event, ...]:
        said = pairs(options, WITHDRAWAL_WORDS)
        reason = said.get("because", "rent").replace("_", " ")
        return self.do(Withdraw(said.get("id", "x"), name, money, said.get("to", "bank"), reason))

    def _open(self) -> dict[OrderId, OpenOrder | OpenMove]:
        return {**self.state.open_orders, **self.state.open_moves}

    def _booked(self) -> dict[OrderId, Provisional | ProvisionalMove]:
        return {**self.state.provisional, **self.state.provisional_moves}

    def _named(self, known: Mapping[OrderId, Known], options: list[str]) -> list[Known]:
        """All of them, or the one that the first option names: takes it off the options."""
        named = OrderId(options.pop(0)) if len(options) % 2 else None
        found = [one for order_id, one in known.items() if named in (None, order_id)]
        assert found, (named, list(known))
        return found

    def _close(self, work: Work, verb: str, options: list[str], provisional: bool) -> tuple[Event, ...]:
        outcome = self._outcome(work, verb, options)
        if not isinstance(outcome, Rejected):
            self._sign(work)
        return self.do(RecordOutcome(work.id, outcome, provisional))

    def _sign(self, work: Work) -> tuple[Event, ...]:
        if self._open()[work.id].ticket is not None:
            return ()
        return self.do(RecordTicket(work.id, Ticket(f"signature of {work.id}", b"bytes")))

    def _outcome(self, work: Work, verb: str, options: list[str]) -> Outcome:
        said = pairs(options, OUTCOME_WORDS)
        match verb:
            case "fill":
                return moved(work, said) if isinstance(work, Move) else self._filled(work, said)
            case "fail":
                tip = int(said.get("tip", "0"))
                return Failed(int(said.get("fee", "0")), Cause(said.get("for", "SLIPPAGE")), tip_lamports=tip)
            case "expire":
                return Expired()
        return Rejected(Cause(said.get("for", "ROUTE_DOWN")))

    def _chain(self, name: WalletId, said: dict[str, str]) -> tuple[Event, ...]:
        self._slot = int(said.get("slot", self._slot + 1))
        read_seq = self.state.seq - int(said.get("behind", "0"))
        return self.do(RecordBalances(name, self._slot, read_seq, self._balances(name, said), said.get("signed", "")))

    def _book_from_chain(self, order_id: OrderId, options: list[str]) -> tuple[Event, ...]:
        """As a failure, with what the transaction changed beside the fee."""
        said = pairs(options, {"fee", "because", *TOKENS, "usd"})
        fee, because = int(said.pop("fee", "0")), said.pop("because", "seen")
        tokens = {name: USDC if name == "usd" else TOKENS[name] for name in said}
        changes = {tokens[name].mint: exact(text, 10 ** tokens[name].decimals) for name, text in said.items()}
        return self.do(BookFromChain(order_id, Failed(fee, Cause.NOT_VERIFIED, "landed otherwise"), changes, because))

    def _accepted(self, name: WalletId, said: dict[str, str]) -> AcceptBalances:
        self._slot = int(said.get("slot", self._slot + 1))
        read_seq, because = self.state.seq - int(said.get("behind", "0")), said.get("because", "known")
        balances = self._balances(name, said)
        return AcceptBalances(name, self._slot, read_seq, balances, because, said.get("signed", ""))

    def _balances(self, name: WalletId, said: dict[str, str]) -> dict[Mint, int]:
        ledger, accounts = self.state.ledger, self.book(name).accounts
        chain = {token.mint: max(0, ledger.owned(accounts, token.mint)) for token in (*TOKENS.values(), USDC)}
        for word, text in said.items():
            if word not in READ_WORDS:
                token = USDC if word == "usd" else TOKENS[word]
                units = exact(text, 10**token.decimals)
                chain[token.mint] = units + (chain[token.mint] if text[0] in "+-" else 0)
        return chain

    def _token(self, order: Order) -> Token:
        position = self.state.wallets[order.wallet_id].positions.get(order.mint)
        known = {**DESK.tokens, **self.state.settings.tokens}  # A script may take a token off the list.
        return position.token if position is not None else known[order.mint]

    def _filled(self, order: Order, said: dict[str, str]) -> Filled:
        """At the mark, or `at` a price of its own; free, unless `fee` or `rent` are said in lamports."""
        price = exact(said["at"], PICO) if "at" in said else self.state.marks[order.mint].price_pico
        decimals, spent = self._token(order).decimals, order.spend.units
        convert = units_of if order.side is Side.BUY else value_micros
        fee, rent, tip = (int(said.get(word, "0")) for word in ("fee", "rent", "tip"))
        return Filled(spent, convert(spent, price, decimals), fee, rent, tip_lamports=tip)


def moved(move: Move, said: dict[str, str]) -> Filled:
    """To the unit; of a reclaim `rent` is what comes back."""
    fee, rent = int(said.get("fee", "0")), int(said.get("rent", "0"))
    if move.kind is MoveKind.RECLAIM:
        return Filled(0, rent or DESK.costs.rent_lamports, fee)
    return Filled(move.money.units, move.money.units, fee, rent)


def wide_wallet(name: WalletId) -> Wallet:
    return Wallet(
        id=name,
        type=WalletType.PRIMARY,
        profile=RiskProfile.MEDIUM,
        public_key=f"key of {name}",
        allocation_ppm=0,
        limits=WIDE_LIMITS,
        strategies=dict.fromkeys(StrategyType, StrategyShare(PPM, WIDE)),
    )


def wallet_with(wallet: Wallet, said: dict[str, str]) -> Wallet:
    """`share Strategy:percent:usd` leaves that strategy alone, `share none` leaves none."""
    limits = limits_with(said)
    strategies = wallet.strategies
    if "share" in said:
        rows = [row.split(":") for row in said["share"].split(",") if row != "none"]
        strategies = {
            strategy(name): StrategyShare(exact(percent, PERCENT), exact(usd, MICROS), enabled=not off)
            for name, percent, usd, *off in rows
        }
    return structs.replace(
        wallet,
        type=WalletType(said.get("type", wallet.type)),
        public_key=said.get("key", wallet.public_key),
        status=WalletStatus(said.get("status", wallet.status)),
        allocation_ppm=exact(said["aim"], PERCENT) if "aim" in said else wallet.allocation_ppm,
        limits=structs.replace(wallet.limits, **limits),
        strategies=strategies,
        exits=exits_with({word: said[word] for word in WALLET_EXIT_WORDS if word in said}) or wallet.exits,
        routes=tuple(map(RouteName, said["routes"].split(","))) if "routes" in said else wallet.routes,
    )


def limits_with(said: dict[str, str]) -> dict[str, int]:
    return {
        LIMIT_WORDS[word][0]: exact(text, LIMIT_WORDS[word][1]) for word, text in said.items() if word in LIMIT_WORDS
    }


def change_with(word: str, text: str) -> tuple[LimitName, int | None]:
    """`stop 3`, `momentum.share 40`; `stop files`: as the files say again."""
    of, dot, kind = word.rpartition(".")
    name, scale = CHANGE_WORDS.get(kind, (kind, 1))
    full = LimitName(f"{STRATEGIES.get(of, of)}.{name}" if dot else name)
    return full, None if text == "files" else exact(text, scale)


def desk_with(desk: Desk, said: dict[str, str]) -> Desk:
    """`then` says what an automatic stop does besides: `stop`, `liquidate` or `sweep`. `flatten` is of a day's loss."""
    changes: dict[str, object] = {
        DESK_WORDS[word][0]: exact(text, DESK_WORDS[word][1]) for word, text in said.items() if word in DESK_WORDS
    }
    if "only" in said:
        changes |= {"multi_wallet_enabled": False, "default_wallet": WalletId(said["only"])}
    costs = {COST_WORDS[word][0]: exact(said[word], COST_WORDS[word][1]) for word in COST_WORDS if word in said}
    costs |= {BPS_WORDS[word]: float(said[word]) for word in BPS_WORDS if word in said}
    if costs:
        changes["costs"] = structs.replace(desk.costs, **costs)
    routing: dict[str, object] = {
        ROUTE_WORDS[word][0]: exact(said[word], ROUTE_WORDS[word][1]) for word in ROUTE_WORDS if word in said
    }
    if "learner" in said:
        routing["learner"] = LearnerMode(said["learner"])
    if "routes" in said:
        routing["routes"] = {route: ROUTES[route] for route in map(RouteName, said["routes"].split(","))}
        tip_max = max(ROUTES[route].tip_max_lamports for route in map(RouteName, said["routes"].split(",")))
        known = changes.get("costs", desk.costs)
        changes["costs"] = structs.replace(known, fee_max_lamports=DESK.costs.fee_max_lamports + tip_max)
    if routing:
        changes["routing"] = structs.replace(desk.routing, **routing)
    if "split" in said:
        changes["split"] = Split(said["split"])
    rules: dict[str, object] = {
        LEARNER_WORDS[word][0]: exact(said[word], LEARNER_WORDS[word][1]) for word in LEARNER_WORDS if word in said
    }
    if "seed" in said:
        rules["seed"] = said["seed"]
    if rules:
        changes["learner_rules"] = structs.replace(desk.learner_rules, **rules)
    if "ladder" in said:
        changes["exit_slippage_bps"] = tuple(map(int, said["ladder"].split(",")))
    if "payees" in said:
        changes["withdraw_addresses"] = tuple(said["payees"].split(","))
    if "then" in said:
        then = said["then"]
        changes |= {"emergency_liquidate": then in ("liquidate", "sweep"), "emergency_sweep": then == "sweep"}
        changes["day_loss_flatten"] = then == "flatten"
    if "unlisted" in said:
        changes["unlisted"] = structs.replace(UNLISTED, mints_max=int(said["unlisted"]))
    if "without" in said:
        changes["tokens"] = {key: token for key, token in desk.tokens.items() if key != mint(said["without"])}
    return structs.replace(desk, **changes)


def exits_with(said: dict[str, str]) -> Exits | None:
    wanted = {EXIT_WORDS[word][0]: exact(said[word], EXIT_WORDS[word][1]) for word in EXIT_WORDS if word in said}
    return structs.replace(Exits(), **wanted) if wanted else None


def risk_with(budget: str, said: dict[str, str]) -> RiskBudget:
    return RiskBudget(
        method=SizingMethod(said.get("size", "stop")),
        micros=exact(budget[1:], MICROS) if budget.startswith("$") else None,
        equity_ppm=exact(budget[:-1], PERCENT) if budget.endswith("%") else None,
        multiple_ppm=exact(said.get("times", "2"), PPM),
        horizon_ns=int(said["over"]) * MS if "over" in said else DAY_NS,
    )


def pairs(words: list[str], known: Iterable[str]) -> dict[str, str]:
    said = dict(zip(words[::2], words[1::2], strict=True))
    assert said.keys() <= set(known), words
    return said


def mint(name: str) -> Mint:
    return USDC.mint if name == "usd" else TOKENS[name].mint if name in TOKENS else Mint(name)


def sender_with(said: dict[str, str]) -> Sender | None:
    """None: no source says anything of its position."""
    if said.keys().isdisjoint(SENDER_WORDS):
        return None
    amount, before = (Decimal(said[word]) if word in said else None for word in ("counts", "had"))
    ends = said.get("then")
    return Sender(said.get("trade", ""), amount, before, ends in ("flat", "turned"), ends in ("short", "turned"))


def scope(name: str) -> Scope:
    """`portfolio`, a strategy, or a wallet."""
    if name == "portfolio":
        return Scope()
    return Scope(strategy=strategy(name)) if name in STRATEGIES else Scope(WalletId(name))


def strategy(name: str) -> StrategyType:
    return STRATEGIES[name] if name in STRATEGIES else StrategyType(name)


def exact(text: str, scale: int) -> int:
    units = Decimal(text) * scale
    assert units == int(units), (text, scale)
    return int(units)


def number(amount: object) -> str:
    """Exact to the last base unit, without trailing zeros."""
    if isinstance(amount, float):
        amount = Decimal(f"{amount:.12g}")
    return f"{amount.normalize():f}" if isinstance(amount, Decimal) else f"{amount}"


def told(events: tuple[Event, ...]) -> str:
    """Orders as `wallet $spent` or `wallet quantity`, moves as `giver -> receiver $amount kind`, refusals as
    `CODE limit actual @wallet`."""
    lines: list[str] = []
    for event in events:
        match event:
            case OrderPlaced(order=order):
                lines.append(f"{order.wallet_id} {amount(order)}")
            case MovePlaced(move=move):
                lines.append(move_told(move))
            case SignalRefused(refusals=refusals):
                lines += map(refusal_told, refusals)
            case _:
                lines.append(type(event).__name__)
    return " + ".join(lines) or "nothing"


def amount(order: Order) -> str:
    if order.side is Side.BUY:
        return f"${number(Decimal(order.spend.units).scaleb(-6))}"
    unlisted = Token(order.mint, order.mint, 6)
    token = next((token for token in TOKENS.values() if token.mint == order.mint), unlisted)
    return f"{number(Decimal(order.spend.units).scaleb(-token.decimals))} {token.symbol.lower()}"


def move_told(move: Move) -> str:
    if move.kind is MoveKind.RECLAIM:
        return f"{move.wallet_id} {move.money.mint} {move.kind}"
    what = f"${number(Decimal(move.money.units).scaleb(-6))}"
    if move.money.mint == SOL:
        what = f"{number(Decimal(move.money.units).scaleb(-9))} sol"
    return f"{move.wallet_id} -> {move.to_wallet or move.to_address} {what} {move.kind}"


def refusal_told(refusal: Refusal) -> str:
    read = shown(refusal)
    at = f" @{refusal.wallet_id}" if refusal.wallet_id else ""
    return f"{refusal.code} {number(read['limit'])} {number(read['actual'])}{at}"


def books_told(desk: CoreDesk, name: str = "w1") -> str:
    """What a wallet owns, owes and earned: `$9900 0.5 eth, owes 0.1 eth, realised $-3, held: quarantine`."""
    book, ledger = desk.book(name), desk.state.ledger
    cash = sum(ledger.balance(account, USDC.mint) for account in (book.accounts.free, book.accounts.held))
    owned = [f"${number(Decimal(cash).scaleb(-6))}"]
    symbols = {token.mint: (word, token.decimals) for word, token in {**TOKENS, "usd": USDC}.items()}
    for mint, position in sorted(book.positions.items()):
        owned.append(f"{number(Decimal(position.units).scaleb(-symbols[mint][1]))} {symbols[mint][0]}")
    parts = [" ".join(owned)]
    for mint in sorted(book.in_suspense):
        owed = -ledger.balance(book.accounts.suspense, mint) - ledger.balance(book.accounts.float_suspense, mint)
        parts.append(f"owes {number(Decimal(owed).scaleb(-symbols[mint][1]))} {symbols[mint][0]}")
    if book.realised_micros:
        parts.append(f"realised ${number(Decimal(book.realised_micros).scaleb(-6))}")
    if book.holds:
        parts.append(f"held: {' '.join(sorted(book.holds))}")
    return ", ".join(parts)


def rows(table: str) -> list[list[str]]:
    """The cells of a text table, without its heading and its notes (lines that begin with #)."""
    lines = [line for line in table.strip().splitlines()[1:] if line.strip() and not line.startswith("#")]
    return [[cell.strip() for cell in line.split("|")] for line in lines]
