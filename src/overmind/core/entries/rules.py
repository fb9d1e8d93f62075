"""Which wallets MAY take a signal: every rule of the desk, in order of precedence, in integers, failing closed.

An entry (a buy) must pass `signal_refusals` and, in one wallet, `wallet_refusals`. An exit (a sale of what is held)
is only ever stopped by facts: `exit_refusals`. `capacity` says the largest entry that the rules which do not depend
on the signal admit; the selection index keeps it, and every choice is checked here again, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from overmind.core.books.book import WalletBook
from overmind.core.books.state import SOL_DECIMALS, State
from overmind.core.model.messages import Code, Refusal
from overmind.core.model.values import (
    BPS,
    NOTIONAL_MAX_MICROS,
    NS,
    PPM,
    SCALE,
    SOL,
    Cause,
    Desk,
    Mark,
    Mint,
    Order,
    Quote,
    Rejected,
    Side,
    Signal,
    StrategyType,
    Token,
    Value,
    WalletType,
    ppm_of,
    units_of,
    value_micros,
    value_micros_up,
)

FUTURE_MAX_NS: Final = 5 * NS
MEME_STRATEGIES: Final = frozenset(
    {
        StrategyType.TOKEN_SNIPING,
        StrategyType.SOUL_METEOR_SNIPING,
        StrategyType.METEORA_DAMM,
        StrategyType.DEVELOPER_TRACKING,
        StrategyType.AXIOM_MEME_COIN,
    }
)

USD, PERCENT, RATIO, COUNT, MILLISECONDS, BASIS_POINTS, LAMPORT_UNIT, BASE_UNITS, TEXT = (
    "usd",
    "percent",
    "ratio",
    "count",
    "ms",
    "bps",
    "sol",
    "base units",
    "text",
)

AMOUNT_RANGE: Final = f"1 to {NOTIONAL_MAX_MICROS} micro-USD"

# The unit of `limit` and `actual`: micro-USD is shown as USD, ppm as percent or ratio, lamports as SOL.
UNITS: Final[dict[Code, str]] = {
    Code.PORTFOLIO_STOPPED: TEXT,
    Code.WALLET_STATUS: TEXT,
    Code.WALLET_TYPE: TEXT,
    Code.WALLET_EXCLUDED: TEXT,
    Code.STRATEGY_NOT_ENABLED: TEXT,
    Code.SIGNAL_STALE: MILLISECONDS,
    Code.SIGNAL_FROM_FUTURE: MILLISECONDS,
    Code.SELECTION_TIMEOUT: MILLISECONDS,
    Code.PRICE_MISSING: TEXT,
    Code.PRICE_STALE: MILLISECONDS,
    Code.SLIPPAGE_CEILING: BASIS_POINTS,
    Code.PRICE_IMPACT: BASIS_POINTS,
    Code.MINT_NOT_ADMITTED: TEXT,
    Code.MINT_BLOCKED: TEXT,
    Code.AMOUNT_OUT_OF_RANGE: TEXT,
    Code.VOLATILITY_UNKNOWN: TEXT,
    Code.STOP_DISTANCE_UNKNOWN: TEXT,
    Code.SIZE_TOO_SMALL: TEXT,
    Code.RISK_LEVEL: RATIO,
    Code.DAILY_LOSS: USD,
    Code.DAILY_LOSS_HEADROOM: USD,
    Code.ASSET_COOLDOWN: MILLISECONDS,
    Code.TRADES_TODAY: COUNT,
    Code.PORTFOLIO_TRADES: COUNT,
    Code.CONCURRENT_POSITIONS: COUNT,
    Code.POSITION_SIZE: USD,
    Code.STRATEGY_POSITION_SIZE: USD,
    Code.STRATEGY_SHARE: USD,
    Code.INSUFFICIENT_QUOTE: USD,
    Code.INSUFFICIENT_TOKENS: BASE_UNITS,
    Code.INSUFFICIENT_SOL: LAMPORT_UNIT,
    Code.WALLET_EXPOSURE: PERCENT,
    Code.PORTFOLIO_EXPOSURE: PERCENT,
    Code.ASSET_CONCENTRATION: PERCENT,
    Code.STRATEGY_CONCENTRATION: PERCENT,
    Code.PORTFOLIO_POSITIONS: COUNT,
    Code.RATE_LIMIT: COUNT,
}


class Ask(Value, frozen=True):
    """An entry, sized at the journaled marks. Amounts are zero where a price is missing: it is refused anyway."""

    signal: Signal
    notional_micros: int
    received_min: int
    slippage_max_bps: int
    impact_bps: int
    mark_pico: int
    fee_micros: int  # the largest fee, at the SOL mark
    rent_micros: int  # of one token account
    stale_at_ns: int


def stale_at_ns(desk: Desk, signal: Signal, received_at_ns: int) -> int:
    """When the signal's time is over: its time to live after its own timestamp, or after it reached our door."""
    began_ns = signal.at_ns if signal.at_ns is not None else received_at_ns
    return began_ns + (signal.ttl_ns if signal.ttl_ns is not None else desk.signal_ttl_ns)


def ask(state: State, signal: Signal, stale_at_ns: int) -> Ask:
    """Size an entry that has an amount: what to spend, and the least to receive, rounded against us."""
    token, mark = state.settings.tokens.get(signal.mint), state.marks.get(signal.mint)
    notional = 0
    if token is not None and mark is not None:
        notional = _notional_micros(signal, token, mark)
    elif signal.notional_micros is not None:
        notional = signal.notional_micros
    return ask_for(state, signal, stale_at_ns, notional)


def ask_for(state: State, signal: Signal, stale_at_ns: int, notional: int) -> Ask:
    """An entry of this many micro-USD."""
    desk = state.settings
    token, mark, costs = desk.tokens.get(signal.mint), state.marks.get(signal.mint), desk.costs
    received_min = 0
    slippage = slippage_bps(desk, signal)
    if token is not None and mark is not None:
        received_min = bought_min(notional, mark.price_pico, token.decimals, slippage, signal.target_price_pico)
    return Ask(
        signal=signal,
        notional_micros=notional,
        received_min=received_min,
        slippage_max_bps=slippage,
        impact_bps=notional * BPS // (costs.depth_micros + notional),
        mark_pico=mark.price_pico if mark else 0,
        fee_micros=state.sol_value_micros_up(costs.fee_max_lamports),
        rent_micros=state.sol_value_micros_up(costs.rent_of(token if token is not None else desk.quote)),
        stale_at_ns=stale_at_ns,
    )


def _notional_micros(signal: Signal, token: Token, mark: Mark) -> int:
    if signal.notional_micros is not None:
        return signal.notional_micros
    assert signal.quantity is not None, signal  # The door lets no entry through without an amount.
    return value_micros_up(base_units(signal.quantity, token.decimals), mark.price_pico, token.decimals)


def base_units(quantity: Decimal, decimals: int) -> int:
    """Whole tokens to base units, rounded down. In integers: Decimal's own arithmetic rounds at 28 digits."""
    numerator, denominator = quantity.as_integer_ratio()
    return numerator * SCALE[decimals] // denominator


def slippage_bps(desk: Desk, signal: Signal) -> int:
    return signal.slippage_max_bps if signal.slippage_max_bps is not None else slippage_ceiling_bps(desk, signal)


def slippage_ceiling_bps(desk: Desk, signal: Signal) -> int:
    return desk.slippage_max_meme_bps if signal.strategy in MEME_STRATEGIES else desk.slippage_max_bps


def bought_min(notional_micros: int, mark_pico: int, decimals: int, slippage: int, limit_pico: int | None) -> int:
    """The least base units that a buy must bring: within the slippage of the mark and not above the limit price."""
    at_mark = units_of(notional_micros, mark_pico, decimals)
    least = -(-at_mark * max(0, BPS - slippage) // BPS)
    if limit_pico is not None:
        least = max(least, -(-notional_micros * SCALE[decimals + 6] // limit_pico))
    return max(1, least)


def sold_min(units: int, mark_pico: int | None, decimals: int, slippage: int, limit_pico: int | None) -> int:
    """The least quote units that a sale must bring. Without a mark there must be a limit."""
    assert mark_pico is not None or limit_pico is not None
    least = 1
    if mark_pico is not None:
        least = max(least, value_micros_up(units, mark_pico, decimals) * max(0, BPS - slippage) // BPS)
    if limit_pico is not None:
        least = max(least, value_micros_up(units, limit_pico, decimals))
    return least


def signal_refusals(state: State, ask: Ask, at_ns: int, received_at_ns: int) -> Iterator[Refusal]:
    """Rules that say no whichever wallet would take the entry, in order of precedence."""
    desk, signal = state.settings, ask.signal
    if state.holds:
        yield Refusal(Code.PORTFOLIO_STOPPED, "running", ", ".join(sorted(state.holds)))
    elif state.wallets and all("emergency" in book.holds for book in state.wallets.values()):
        yield Refusal(Code.PORTFOLIO_STOPPED, "running", "emergency")
    if paused := state.paused.get(signal.strategy):
        yield Refusal(Code.STRATEGY_NOT_ENABLED, "enabled", f"paused: {', '.join(sorted(paused))}")
    yield from time_refusals(signal, ask.stale_at_ns, at_ns, received_at_ns)
    if at_ns - received_at_ns > desk.selection_timeout_ns:
        yield Refusal(Code.SELECTION_TIMEOUT, desk.selection_timeout_ns // 10**6, (at_ns - received_at_ns) // 10**6)
    yield from price_refusals(state, (signal.mint, SOL), at_ns)
    ceiling = slippage_ceiling_bps(desk, signal)
    if ask.slippage_max_bps > ceiling:
        yield Refusal(Code.SLIPPAGE_CEILING, ceiling, ask.slippage_max_bps)
    if ask.impact_bps > ceiling:
        yield Refusal(Code.PRICE_IMPACT, ceiling, ask.impact_bps)
    if signal.mint not in desk.tokens:
        yield Refusal(Code.MINT_NOT_ADMITTED, "a listed token", signal.mint)
    yield from mint_refusals(state, signal.mint)
    if signal.mint in desk.tokens and ask.mark_pico and not 0 < ask.notional_micros <= NOTIONAL_MAX_MICROS:
        yield Refusal(Code.AMOUNT_OUT_OF_RANGE, AMOUNT_RANGE, f"{ask.notional_micros} micro-USD")
    if desk.day_trades_max and (trades := state.trades_today + state.entries_open + 1) > desk.day_trades_max:
        yield Refusal(Code.PORTFOLIO_TRADES, desk.day_trades_max, trades)
    exposure_max = ppm_of(state.equity_micros, desk.portfolio_exposure_max_ppm)
    if state.exposure_micros + ask.notional_micros > exposure_max:
        actual = share_ppm(state.exposure_micros + ask.notional_micros, state.equity_micros)
        yield Refusal(Code.PORTFOLIO_EXPOSURE, desk.portfolio_exposure_max_ppm, actual)
    asset = state.assets.get(signal.mint, 0) + ask.notional_micros
    if asset > ppm_of(state.equity_micros, desk.asset_max_ppm):
        yield Refusal(Code.ASSET_CONCENTRATION, desk.asset_max_ppm, share_ppm(asset, state.equity_micros))
    deployed = state.strategies.get(signal.strategy, 0) + ask.notional_micros
    if deployed > ppm_of(state.equity_micros, desk.strategy_max_ppm):
        actual = share_ppm(deployed, state.equity_micros)
        yield Refusal(Code.STRATEGY_CONCENTRATION, desk.strategy_max_ppm, actual)
    if desk.positions_max and signal.mint not in state.users and len(state.users) + 1 > desk.positions_max:
        yield Refusal(Code.PORTFOLIO_POSITIONS, desk.positions_max, len(state.users) + 1)


def mint_refusals(state: State, mint: Mint) -> Iterator[Refusal]:
    """What an operator said about buying this token."""
    blocked, allowed = state.mints.blocked.get(mint), state.mints.allowed
    if blocked is not None:
        yield Refusal(Code.MINT_BLOCKED, "not blocked", f"blocked by {blocked.who}: {blocked.reason}")
    elif allowed is not None and mint not in allowed:
        yield Refusal(Code.MINT_BLOCKED, "on the allow list", f"not among the {len(allowed)} that are allowed")


def time_refusals(signal: Signal, stale_at_ns: int, at_ns: int, received_at_ns: int) -> Iterator[Refusal]:
    """A signal out of its time may not be traded, in either direction."""
    if at_ns >= stale_at_ns:
        began_ns = signal.at_ns if signal.at_ns is not None else received_at_ns
        yield Refusal(Code.SIGNAL_STALE, (stale_at_ns - began_ns) // 10**6, (at_ns - began_ns) // 10**6)
    if signal.at_ns is not None and signal.at_ns > at_ns + FUTURE_MAX_NS:
        yield Refusal(Code.SIGNAL_FROM_FUTURE, FUTURE_MAX_NS // 10**6, (signal.at_ns - at_ns) // 10**6)


def price_refusals(state: State, mints: tuple[Mint, ...], at_ns: int) -> Iterator[Refusal]:
    age_max = state.settings.mark_age_max_ns
    for mint in dict.fromkeys(mints):
        mark = state.marks.get(mint)
        if mark is None:
            yield Refusal(Code.PRICE_MISSING, "a journaled mark", mint)
        elif at_ns - mark.at_ns > age_max:
            yield Refusal(Code.PRICE_STALE, age_max // 10**6, (at_ns - mark.at_ns) // 10**6)


def fresh_price_pico(state: State, mint: Mint, at_ns: int) -> int | None:
    mark = state.marks.get(mint)
    return mark.price_pico if mark is not None and at_ns - mark.at_ns <= state.settings.mark_age_max_ns else None


def share_ppm(part: int, whole: int) -> int:
    """A part of a whole in ppm, rounded up; of nothing, everything is too much."""
    return -(-part * PPM // whole) if whole > 0 else PPM * PPM


def wallet_refusals(state: State, book: WalletBook, ask: Ask, at_ns: int) -> Iterator[Refusal]:
    """Rules that say no to this wallet, in order of precedence. None: it may take the entry."""
    desk, signal, wallet, limits = state.settings, ask.signal, book.wallet, book.wallet.limits
    wallet_id, strategy, notional = wallet.id, signal.strategy, ask.notional_micros
    if book.holds:
        yield Refusal(Code.WALLET_STATUS, "Active", f"{book.status}: {', '.join(sorted(book.holds))}", wallet_id)
    if wallet.type is WalletType.EMERGENCY:
        yield Refusal(Code.WALLET_TYPE, "a type that takes entries", wallet.type, wallet_id)
    if wallet_id in signal.exclude:
        yield Refusal(Code.WALLET_EXCLUDED, "not excluded", "excluded by the signal", wallet_id)
    if not desk.multi_wallet_enabled and wallet_id != desk.default_wallet:
        yield Refusal(Code.WALLET_EXCLUDED, desk.default_wallet or "no default wallet", wallet_id, wallet_id)
    share = wallet.strategies.get(strategy)
    if share is None or not share.enabled:
        actual = "disabled" if share else "not in the wallet's strategies"
        yield Refusal(Code.STRATEGY_NOT_ENABLED, "enabled", actual, wallet_id)
    if limits.risk_level_ppm > signal.risk_tolerance_ppm:
        yield Refusal(Code.RISK_LEVEL, signal.risk_tolerance_ppm, limits.risk_level_ppm, wallet_id)
    loss = max(0, -book.day_pnl_micros)
    if loss >= limits.daily_loss_max_micros:
        yield Refusal(Code.DAILY_LOSS, limits.daily_loss_max_micros, loss, wallet_id)
    else:
        at_risk = loss + book.loss_in_flight_micros + loss_max_micros(book, ask)
        if at_risk > limits.daily_loss_max_micros:
            yield Refusal(Code.DAILY_LOSS_HEADROOM, limits.daily_loss_max_micros, at_risk, wallet_id)
    if (until_ns := book.cooldowns.get(signal.mint, 0)) > at_ns:
        since_ns = at_ns - until_ns + desk.cooldown_ns
        yield Refusal(Code.ASSET_COOLDOWN, desk.cooldown_ns // 10**6, since_ns // 10**6, wallet_id)
    trades = book.trades_today + book.entries_open + 1
    if trades > limits.trades_per_day_max:
        yield Refusal(Code.TRADES_TODAY, limits.trades_per_day_max, trades, wallet_id)
    if not book.uses(signal.mint) and book.mints_in_use + 1 > limits.positions_max:
        yield Refusal(Code.CONCURRENT_POSITIONS, limits.positions_max, book.mints_in_use + 1, wallet_id)
    price_pico = state.price_pico(signal.mint)
    position = book.used_micros(signal.mint, price_pico) + notional
    if position > limits.position_max_micros:
        yield Refusal(Code.POSITION_SIZE, limits.position_max_micros, position, wallet_id)
    if share is not None:
        position = book.used_by_micros(signal.mint, strategy, price_pico) + notional
        if position > share.position_max_micros:
            yield Refusal(Code.STRATEGY_POSITION_SIZE, share.position_max_micros, position, wallet_id)
        deployed, deployed_max = book.deployed_micros(strategy) + notional, ppm_of(book.equity_micros, share.share_ppm)
        if deployed > deployed_max:
            yield Refusal(Code.STRATEGY_SHARE, deployed_max, deployed, wallet_id)
    quote_free = state.ledger.balance(book.accounts.free, desk.quote.mint)
    if notional > quote_free:
        yield Refusal(Code.INSUFFICIENT_QUOTE, quote_free, notional, wallet_id)
    lamports = desk.costs.fee_max_lamports + rent_lamports(desk, book, signal.mint) + desk.reserve_float_lamports
    float_free = state.ledger.balance(book.accounts.sol_float, SOL)
    if lamports > float_free:
        yield Refusal(Code.INSUFFICIENT_SOL, float_free, lamports, wallet_id)
    exposure = book.positions_micros + book.entries_micros + notional
    if exposure > ppm_of(book.equity_micros, limits.exposure_max_ppm):
        actual_ppm = share_ppm(exposure, book.equity_micros)
        yield Refusal(Code.WALLET_EXPOSURE, limits.exposure_max_ppm, actual_ppm, wallet_id)
    if rate_used(desk, book, at_ns) >= desk.rate_max_per_s:
        yield Refusal(Code.RATE_LIMIT, desk.rate_max_per_s, rate_used(desk, book, at_ns) + 1, wallet_id)


def loss_max_micros(book: WalletBook, ask: Ask) -> int:
    """What this order can cost the day: the stop loss on its notional, and all costs."""
    stop = -(-ask.notional_micros * entry_stop_ppm(book, ask.signal) // PPM)
    rent = 0 if ask.signal.mint in book.token_accounts else ask.rent_micros
    return stop + ask.fee_micros + rent


def entry_stop_ppm(book: WalletBook, signal: Signal) -> int:
    """How far what it buys may fall before it is sold: the wallet's stop loss, else the signal's; 0: there is none."""
    wanted = signal.exits.stop_loss_ppm if signal.exits is not None else None
    return book.wallet.limits.stop_loss_ppm or wanted or 0


def rent_lamports(desk: Desk, book: WalletBook, mint: Mint) -> int:
    return 0 if mint in book.token_accounts else desk.costs.rent_of(desk.tokens.get(mint, desk.quote))


def rate_used(desk: Desk, book: WalletBook, at_ns: int) -> int:
    """Entries placed within the last second."""
    placed = book.placed_ns
    if len(placed) < desk.rate_max_per_s:  # Not even all that we remember would break the limit.
        return 0
    return sum(1 for placed_ns in placed if at_ns - placed_ns < NS)


def capacity_micros(state: State, book: WalletBook, strategy: StrategyType) -> int:
    """The largest entry that the rules which ignore the signal's token and time admit now; -1 when blocked.

    `wallet_refusals` may still refuse it (token account rent, position in this token, rate), never the reverse: a
    wallet whose capacity is below the notional is refused by `wallet_refusals` too.
    """
    return strategy_capacity_micros(book, strategy, wallet_capacity_micros(state, book))


def wallet_capacity_micros(state: State, book: WalletBook) -> int:
    """The part of `capacity_micros` that is the same for all strategies of the wallet."""
    desk, wallet, limits = state.settings, book.wallet, book.wallet.limits
    if (
        book.holds
        or wallet.type is WalletType.EMERGENCY
        or (not desk.multi_wallet_enabled and wallet.id != desk.default_wallet)
        or book.trades_today + book.entries_open >= limits.trades_per_day_max
    ):
        return -1
    balance = state.ledger.balance
    if balance(book.accounts.sol_float, SOL) < desk.costs.fee_max_lamports + desk.reserve_float_lamports:
        return -1
    loss = max(0, -book.day_pnl_micros)
    fee = state.sol_value_micros_up(desk.costs.fee_max_lamports)
    loss_room = limits.daily_loss_max_micros - loss - book.loss_in_flight_micros - fee
    if loss_room < 0 or loss >= limits.daily_loss_max_micros:
        return -1
    return min(
        limits.position_max_micros,
        ppm_of(book.equity_micros, limits.exposure_max_ppm) - book.positions_micros - book.entries_micros,
        balance(book.accounts.free, desk.quote.mint),
        # Without a stop loss of the wallet the signal's counts: then `wallet_refusals` says.
        loss_room * PPM // limits.stop_loss_ppm if limits.stop_loss_ppm else NOTIONAL_MAX_MICROS,
        NOTIONAL_MAX_MICROS,
    )


def strategy_capacity_micros(book: WalletBook, strategy: StrategyType, wallet_capacity: int) -> int:
    share = book.wallet.strategies.get(strategy)
    if wallet_capacity < 0 or share is None or not share.enabled:
        return -1
    share_room = ppm_of(book.equity_micros, share.share_ppm) - book.deployed_micros(strategy)
    return max(-1, min(wallet_capacity, share.position_max_micros, share_room))


def quote_rejection(desk: Desk, order: Order, quote: Quote, mark_pico: int | None) -> Rejected | None:
    """What is wrong with a venue's quote, against the journaled order and the newest mark; None: it may be signed."""
    if (quote.order_id, quote.spend, quote.receive) != (order.id, order.spend, order.receive):
        asked = f"{order.spend.units} of {order.spend.mint} for {order.receive}"
        return Rejected(Cause.BAD_QUOTE, f"asked {asked}, quoted {quote.spend.units} of {quote.spend.mint}")
    if quote.received < quote.received_min or quote.received_min < order.received_min:
        detail = f"expects {quote.received}, guarantees {quote.received_min}, must be {order.received_min}"
        return Rejected(Cause.BAD_QUOTE, detail)
    if order.received_max is not None and quote.received > order.received_max:
        detail = f"{quote.received} offered, due only at {order.received_max} or less"
        return Rejected(Cause.NOT_CONFIRMED, detail)
    if quote.impact_bps > order.slippage_max_bps:
        return Rejected(Cause.PRICE_IMPACT, f"{quote.impact_bps} bps, at most {order.slippage_max_bps}")
    token = desk.tokens.get(order.mint)
    if mark_pico is None or token is None:
        # A sale under a limit price needs no mark; an entry without one is never signed.
        return None if order.side is Side.SELL else Rejected(Cause.PRICE_UNAVAILABLE, "no mark to check the quote by")
    # Measured by what is given away: what a buy pays, or what the sold tokens are worth at the mark. So a sale that
    # brings all that its slippage asks for is never off the mark.
    if order.side is Side.SELL:
        got, given = quote.received, value_micros(quote.spend.units, mark_pico, token.decimals)
    else:
        got, given = value_micros(quote.received, mark_pico, token.decimals), quote.spend.units
    short = given - got  # A sale may bring more than the mark says; a buy that promises far more is not to be believed.
    off_bps = (short if order.side is Side.SELL else abs(short)) * BPS // max(1, given)
    if off_bps > max(desk.quote_off_mark_max_bps, order.slippage_max_bps if order.side is Side.SELL else 0):
        return Rejected(Cause.QUOTE_OFF_MARK, f"{off_bps} bps from the mark, at most {desk.quote_off_mark_max_bps}")
    return None


def short_cause(order: Order, decimals: int) -> Cause:
    """Which of the sender's bounds asks for more than the market gives: the limit price, if slippage from the mark asks
    for less."""
    if order.side is Side.BUY:
        at_mark = units_of(order.spend.units, order.mark_pico, decimals)
    else:
        at_mark = value_micros(order.spend.units, order.mark_pico, decimals)
    by_slippage = at_mark * (BPS - order.slippage_max_bps) // BPS
    return Cause.LIMIT_PRICE if order.received_min > by_slippage + 1 else Cause.SLIPPAGE


def shown(refusal: Refusal) -> dict[str, object]:
    """A refusal as operators and programs read it: numbers in the unit that UNITS names."""
    unit = UNITS[refusal.code]
    return {
        "code": refusal.code.value,
        "limit": _shown(refusal.limit, unit),
        "actual": _shown(refusal.actual, unit),
        "unit": unit,
        "wallet_id": refusal.wallet_id,
    }


def _shown(amount: int | str | None, unit: str) -> float | int | str | None:
    if not isinstance(amount, int):
        return amount
    match unit:
        case "usd":
            return amount / PPM
        case "percent":
            return amount / (PPM // 100)
        case "ratio":
            return amount / PPM
        case "sol":
            return amount / 10**SOL_DECIMALS
    return amount
