"""The gate a second time, written from specification §8 and not from the core: which rules would an entry break?

It uses the checker's own books. Every rule of a wallet is a capacity in micro-USD or a yes or no. An entry above the
capacity breaks its rule.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tests.sim.books import Books, WalletBooks, ten_to

from overmind.core.model.codes import Code
from overmind.core.model.desk_settings import CostModel, Desk
from overmind.core.model.enums import MoveKind, Side, SizingMethod, StrategyType, WalletType
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.money import Mark
from overmind.core.model.order import Move, Order
from overmind.core.model.route import RouteName
from overmind.core.model.signal import Signal
from overmind.core.model.units import BPS, MICROS, NOTIONAL_MAX_MICROS, NS, PPM
from overmind.core.model.value import Value
from overmind.core.model.wallet import Wallet

FUTURE_MAX_NS: Final = 5 * NS
SIGNED_WITHIN_NS: Final = 3_600 * NS  # after a withdrawal's delay
WITHOUT_END: Final = 10**40  # micro-USD: more than any entry asks for
MEME: Final = {
    StrategyType.TOKEN_SNIPING,
    StrategyType.SOUL_METEOR_SNIPING,
    StrategyType.METEORA_DAMM,
    StrategyType.DEVELOPER_TRACKING,
    StrategyType.AXIOM_MEME_COIN,
}

# The codes that this module can judge. Codes of later rules are left to their own tests.
OF_SIGNAL: Final = {
    Code.PORTFOLIO_STOPPED,
    Code.SIGNAL_STALE,
    Code.SIGNAL_FROM_FUTURE,
    Code.SELECTION_TIMEOUT,
    Code.PRICE_MISSING,
    Code.PRICE_STALE,
    Code.PRICE_UNCONFIRMED,
    Code.SLIPPAGE_CEILING,
    Code.PRICE_IMPACT,
    Code.MINT_NOT_ADMITTED,
    Code.MINT_BLOCKED,
    Code.AMOUNT_OUT_OF_RANGE,
    Code.ORDER_TOO_SMALL,
    Code.PORTFOLIO_TRADES,
    Code.PORTFOLIO_EXPOSURE,
    Code.ASSET_CONCENTRATION,
    Code.STRATEGY_CONCENTRATION,
    Code.PORTFOLIO_POSITIONS,
}
OF_WALLET: Final = {
    Code.WALLET_STATUS,
    Code.WALLET_TYPE,
    Code.WALLET_EXCLUDED,
    Code.STRATEGY_NOT_ENABLED,
    Code.NO_PROTECTED_ROUTE,
    Code.RISK_LEVEL,
    Code.DAILY_LOSS,
    Code.DAILY_LOSS_HEADROOM,
    Code.EXPECTED_COST,
    Code.TRADES_TODAY,
    Code.CONCURRENT_POSITIONS,
    Code.POSITION_SIZE,
    Code.STRATEGY_POSITION_SIZE,
    Code.STRATEGY_SHARE,
    Code.INSUFFICIENT_QUOTE,
    Code.INSUFFICIENT_SOL,
    Code.WALLET_EXPOSURE,
    Code.RATE_LIMIT,
}
OF_EXIT: Final = {
    Code.SIGNAL_STALE,
    Code.SIGNAL_FROM_FUTURE,
    Code.PRICE_MISSING,
    Code.PRICE_STALE,
    Code.WALLET_EXCLUDED,
    Code.INSUFFICIENT_TOKENS,
    Code.LOTS_OF_OTHERS,
    Code.SOURCE_HOLDS_NOTHING,
    Code.BUY_IN_FLIGHT,
    Code.INSUFFICIENT_SOL,
    Code.AMOUNT_OUT_OF_RANGE,
    Code.WALLET_STATUS,  # There is no wallet at all.
}


class CheckedEntry(Value, frozen=True):
    """An entry with its size by the checker's own computation."""

    signal: Signal
    at_ns: int
    received_ns: int
    stale_ns: int
    notional_micros: int


def checked_entry(
    books: Books, signal: Signal, at_ns: int, received_ns: int, stale_ns: int | None = None
) -> CheckedEntry:
    stale = stale_ns if stale_ns is not None else _stale_ns(books.settings, signal, received_ns)
    return CheckedEntry(signal, at_ns, received_ns, stale, notional(books, signal))


def _stale_ns(desk: Desk, signal: Signal, received_ns: int) -> int:
    ttl_ns = signal.ttl_ns if signal.ttl_ns is not None else desk.signal_ttl_ns
    return (signal.at_ns if signal.at_ns is not None else received_ns) + ttl_ns + desk.fill_within_ns


def notional(books: Books, signal: Signal) -> int:
    """Rounded against the desk. Zero without a price, which is refused anyway. For a risk budget, the minimum size."""
    if signal.risk is not None:
        return least_size(books)
    if signal.notional_micros is not None:
        return signal.notional_micros
    mark = books.marks.get(signal.mint)
    if mark is None or signal.quantity is None or signal.mint not in books.settings.tokens:
        return 0
    decimals = books.decimals[signal.mint]
    units = base_units(signal.quantity, decimals)
    return -(-units * mark.price_pico // ten_to(decimals + 6))


def least_size(books: Books) -> int:
    return max(books.settings.sizing_min_micros, books.settings.order_min_micros)


def base_units(quantity: Decimal, decimals: int) -> int:
    """Exact, rounded down."""
    return math.floor(Fraction(quantity) * ten_to(decimals))


def slippage_ceiling(desk: Desk, signal: Signal) -> int:
    return desk.slippage_max_meme_bps if signal.strategy in MEME else desk.slippage_max_bps


def slippage(desk: Desk, signal: Signal) -> int:
    return signal.slippage_max_bps if signal.slippage_max_bps is not None else slippage_ceiling(desk, signal)


def broken_by_signal(books: Books, entry: CheckedEntry) -> set[Code]:
    desk, signal = books.settings, entry.signal
    ceiling, equity = slippage_ceiling(desk, signal), books.total_equity()
    impact = entry.notional_micros * BPS // (desk.costs.depth_micros + entry.notional_micros)
    asset = books.asset(signal.mint) + entry.notional_micros
    deployed = books.deployed(signal.strategy) + entry.notional_micros
    used = {mint for book in books.wallets.values() for mint in used_mints(books, book)}
    rules = {
        Code.PORTFOLIO_STOPPED: bool(books.stops) or _all_in_emergency(books),
        Code.STRATEGY_NOT_ENABLED: bool(books.paused.get(signal.strategy)),
        Code.SLIPPAGE_CEILING: slippage(desk, signal) > ceiling,
        Code.PRICE_IMPACT: impact > ceiling,
        Code.MINT_NOT_ADMITTED: signal.mint not in desk.tokens or not books.may_be_bought(signal.mint),
        Code.MINT_BLOCKED: signal.mint in books.blocked
        or (books.allowed is not None and signal.mint not in books.allowed),
        Code.AMOUNT_OUT_OF_RANGE: _has_size(books, signal) and not 0 < entry.notional_micros <= NOTIONAL_MAX_MICROS,
        Code.ORDER_TOO_SMALL: 0 < entry.notional_micros < desk.order_min_micros,
        Code.SELECTION_TIMEOUT: entry.at_ns - entry.received_ns > desk.selection_timeout_ns,
        Code.PORTFOLIO_TRADES: bool(desk.day_trades_max) and trades(books) + 1 > desk.day_trades_max,
        Code.PORTFOLIO_EXPOSURE: (books.exposure() + entry.notional_micros) * PPM
        > equity * desk.portfolio_exposure_max_ppm,
        Code.ASSET_CONCENTRATION: asset * PPM > equity * desk.asset_max_ppm,
        Code.STRATEGY_CONCENTRATION: deployed * PPM > equity * desk.strategy_max_ppm,
        Code.PORTFOLIO_POSITIONS: 0 < desk.positions_max < len(used | {signal.mint}) and signal.mint not in used,
    }
    found = {code for code, broken in rules.items() if broken}
    found |= broken_times(signal, entry.at_ns, entry.stale_ns)
    # A token that the desk does not know has no price, and MINT_NOT_ADMITTED says so.
    is_known = signal.mint in desk.tokens or signal.mint in books.marks
    return found | broken_prices(books, signal.mint if is_known else SOL, SOL, entry.at_ns)


def trades(books: Books) -> int:
    """Trades of all wallets today, including open entries."""
    return sum(book.trades_today + len(books.entries(book)) for book in books.wallets.values())


def wanted(books: Books, book: WalletBooks, signal: Signal, volatile_ppm: int) -> int:
    """What a risk budget buys in this wallet; 0 if no distance is known."""
    risk = signal.risk
    assert risk is not None, signal
    share = Fraction(risk.equity_ppm or 0, PPM)
    budget = risk.micros if risk.micros is not None else math.floor(books.total_equity() * share)
    distance = book.wallet.limits.stop_loss_ppm if risk.method is SizingMethod.STOP else volatile_ppm
    return math.floor(Fraction(budget * PPM, distance)) if distance else 0


def sized(books: Books, book: WalletBooks, signal: Signal, volatile_ppm: int) -> int:
    """What a risk budget buys in this wallet within all limits."""
    desk, equity = books.settings, books.total_equity()
    room = rooms(books, book, signal.strategy, signal.mint, falls_ppm(book, signal))
    room[Code.PORTFOLIO_EXPOSURE] = equity * desk.portfolio_exposure_max_ppm // PPM - books.exposure()
    room[Code.ASSET_CONCENTRATION] = equity * desk.asset_max_ppm // PPM - books.asset(signal.mint)
    room[Code.STRATEGY_CONCENTRATION] = equity * desk.strategy_max_ppm // PPM - books.deployed(signal.strategy)
    room[Code.PRICE_IMPACT] = _last_of_impact(desk, slippage_ceiling(desk, signal))
    if desk.expected_cost_max_bps:
        ends = (_last_of_impact(desk, bps) for bps in range(desk.expected_cost_max_bps + 1))
        fit = (end for end in ends if expected_cost(books, book, signal.mint, end) <= desk.expected_cost_max_bps)
        room[Code.EXPECTED_COST] = max(fit, default=0)
    return max(0, min(wanted(books, book, signal, volatile_ppm), NOTIONAL_MAX_MICROS, *room.values()))


def _last_of_impact(desk: Desk, bps: int) -> int:
    """The largest entry with this impact in whole basis points."""
    beyond = Fraction(bps + 1, BPS)
    return math.ceil(desk.costs.depth_micros * beyond / (1 - beyond)) - 1 if beyond < 1 else WITHOUT_END


def expected_cost(books: Books, book: WalletBooks, mint: Mint, micros: int) -> int:
    """In bps of the amount, each part rounded up; without an amount there is none."""
    costs = books.settings.costs
    if not micros:
        return 0
    share = math.ceil(Fraction(fixed_cost(books, book, mint) * BPS, micros))
    return share + math.ceil(costs.half_spread_bps) + _impact_bps(costs, micros)


def fixed_cost(books: Books, book: WalletBooks, mint: Mint) -> int:
    """What an entry costs whatever its amount, in micro-USD: its fee, and the rent that is usually lost."""
    costs = books.settings.costs
    rent = Fraction(books.sol_value_up(expected_rent(books, book, mint)) * costs.rent_lost_ppm, PPM)
    return books.sol_value_up(costs.fee_lamports) + math.ceil(rent)


def _impact_bps(costs: CostModel, micros: int) -> int:
    return micros * BPS // (costs.depth_micros + micros)


def expected_rent(books: Books, book: WalletBooks, mint: Mint) -> int:
    """Of several open buys of a new token only the first one expects to pay for the account."""
    once = books.settings.booking_rules >= 2 and any(one.receive == mint for one in books.entries(book))
    return 0 if once else rent_lamports(books, book, mint)


def _has_size(books: Books, signal: Signal) -> bool:
    return signal.mint in books.marks and signal.mint in books.settings.tokens


def broken_times(signal: Signal, at_ns: int, stale_ns: int) -> set[Code]:
    rules = {
        Code.SIGNAL_STALE: at_ns >= stale_ns,
        Code.SIGNAL_FROM_FUTURE: signal.at_ns is not None and signal.at_ns - at_ns > FUTURE_MAX_NS,
    }
    return {code for code, broken in rules.items() if broken}


def broken_prices(books: Books, mint: Mint, other: Mint, at_ns: int) -> set[Code]:
    broken: set[Code] = set()
    for one in (mint, other):
        if one in books.doubts.doubted:
            broken.add(Code.PRICE_UNCONFIRMED)
        else:
            broken |= _broken_age(books, books.marks.get(one), at_ns)
    return broken


def broken_sale_price(books: Books, mint: Mint, at_ns: int) -> set[Code]:
    """A price that is not believed bounds a sale, but does not stop it."""
    return _broken_age(books, books.sale_mark(mint), at_ns)


def _broken_age(books: Books, mark: Mark | None, at_ns: int) -> set[Code]:
    if mark is None:
        return {Code.PRICE_MISSING}
    return {Code.PRICE_STALE} if at_ns - mark.at_ns > books.settings.mark_age_max_ns else set()


def _all_in_emergency(books: Books) -> bool:
    return bool(books.wallets) and all("emergency" in book.causes for book in books.wallets.values())


def broken_by_wallet(books: Books, book: WalletBooks, entry: CheckedEntry) -> set[Code]:
    desk, signal, wallet = books.settings, entry.signal, book.wallet
    share = wallet.strategies.get(signal.strategy)
    mints = used_mints(books, book)
    rules = {
        Code.WALLET_STATUS: bool(book.causes),
        Code.WALLET_TYPE: wallet.type is WalletType.EMERGENCY,
        Code.WALLET_EXCLUDED: wallet.id in signal.exclude
        or (not desk.multi_wallet_enabled and wallet.id != desk.default_wallet),
        Code.STRATEGY_NOT_ENABLED: share is None or not share.enabled,
        Code.NO_PROTECTED_ROUTE: needs_protection(wallet, signal) and not has_protection(desk, wallet),
        Code.RISK_LEVEL: wallet.limits.risk_level_ppm > signal.risk_tolerance_ppm,
        Code.TRADES_TODAY: book.trades_today + len(books.entries(book)) + 1 > wallet.limits.trades_per_day_max,
        Code.CONCURRENT_POSITIONS: len(mints | {signal.mint}) > max(wallet.limits.positions_max, len(mints)),
        Code.INSUFFICIENT_SOL: lamports_needed(books, book, signal.mint) > free_lamports(books, book),
        Code.EXPECTED_COST: 0
        < desk.expected_cost_max_bps
        < expected_cost(books, book, signal.mint, entry.notional_micros),
        Code.RATE_LIMIT: placed_within_a_second(book, entry.at_ns) >= desk.rate_max_per_s,
        Code.DAILY_LOSS: day_loss(books, book) >= wallet.limits.daily_loss_max_micros,
    }
    room = rooms(books, book, signal.strategy, signal.mint, falls_ppm(book, signal))
    rules |= {code: entry.notional_micros > micros for code, micros in room.items()}
    if rules[Code.DAILY_LOSS]:
        rules[Code.DAILY_LOSS_HEADROOM] = False  # Named only while some headroom is left.
    return {code for code, broken in rules.items() if broken}


def needs_protection(wallet: Wallet, signal: Signal) -> bool:
    return signal.mev_protected or wallet.type is WalletType.MEV_PROTECTION


def has_protection(desk: Desk, wallet: Wallet) -> bool:
    return desk.booking_rules < 5 or (RouteName.RELAY in wallet.routes and RouteName.RELAY in desk.routing.routes)


def falls_ppm(book: WalletBooks, signal: Signal) -> int:
    """How far the price may fall until a stop loss sells the position; 0: there is none."""
    wanted = signal.exits.stop_loss_ppm if signal.exits is not None else None
    return next((stop for stop in (book.wallet.limits.stop_loss_ppm, wanted) if stop), 0)


def rooms(books: Books, book: WalletBooks, strategy: StrategyType, mint: Mint, falls_ppm: int) -> dict[Code, int]:
    """The largest entry that each rule of this wallet allows now, in micro-USD; below zero: none."""
    desk, limits, equity = books.settings, book.wallet.limits, books.equity(book)
    share = book.wallet.strategies.get(strategy)
    entries = books.entries(book)
    held_mint = sum(one.notional_micros for one in entries if one.receive == mint)
    held_all = sum(one.notional_micros for one in entries)
    own = [one for one in entries if one.strategy is strategy]
    rent = books.sol_value_up(expected_rent(books, book, mint))
    costs = books.sol_value_up(desk.costs.fee_max_lamports) + rent
    at_risk = loss_at_stops(books, book) + sum(one.loss_max_micros for one in entries) + costs
    loss_left = limits.daily_loss_max_micros - at_risk
    found = {
        Code.DAILY_LOSS_HEADROOM: _before_stop(loss_left, falls_ppm),
        Code.POSITION_SIZE: limits.position_max_micros - books.position(book, mint) - held_mint,
        Code.INSUFFICIENT_QUOTE: books.free(book, desk.quote.mint),
        Code.WALLET_EXPOSURE: equity * limits.exposure_max_ppm // PPM - books.positions(book) - held_all,
    }
    if share is not None:
        held_here = sum(one.notional_micros for one in own if one.receive == mint)
        deployed = sum(books.position_by(book, one, strategy) for one in book.lots)
        deployed += sum(one.notional_micros for one in own)
        found[Code.STRATEGY_POSITION_SIZE] = (
            share.position_max_micros - books.position_by(book, mint, strategy) - held_here
        )
        found[Code.STRATEGY_SHARE] = equity * share.share_ppm // PPM - deployed
    return found


def _before_stop(loss_left: int, falls_ppm: int) -> int:
    """The largest notional whose loss, rounded up, still fits."""
    if loss_left < 0:
        return -1
    return loss_left * PPM // falls_ppm if falls_ppm else WITHOUT_END


def day_loss(books: Books, book: WalletBooks) -> int:
    return max(0, -books.day_pnl(book))


def loss_at_stops(books: Books, book: WalletBooks) -> int:
    """The day's loss if every position fell to its highest stop now."""
    if books.settings.booking_rules < 2:
        return day_loss(books, book)
    return max(0, at_risk(books, book) - books.day_pnl(book))


def at_risk(books: Books, book: WalletBooks) -> int:
    return sum(_at_risk(books, book, mint) for mint in book.lots)


def _at_risk(books: Books, book: WalletBooks, mint: Mint) -> int:
    lots, scale = book.lots[mint], ten_to(books.decimals[mint] + 6)
    highest_pico = book.plan(mint).highest_pico(lots, scale, book.wallet.limits.stop_loss_ppm)
    if highest_pico is None:
        return 0
    return max(0, books.position(book, mint) - sum(lot.units for lot in lots) * highest_pico // scale)


def used_mints(books: Books, book: WalletBooks) -> set[Mint]:
    """The mints that take a place: dust does not."""
    return {mint for mint in book.lots if not books.is_dust(book, mint)} | {one.receive for one in books.entries(book)}


def free_lamports(books: Books, book: WalletBooks) -> int:
    return book.lamports - books.held_lamports(book)


def lamports_needed(books: Books, book: WalletBooks, mint: Mint) -> int:
    costs = books.settings.costs.fee_max_lamports + rent_lamports(books, book, mint)
    return costs + books.settings.reserve_float_lamports


def rent_lamports(books: Books, book: WalletBooks, mint: Mint) -> int:
    """The reserved rent of a new token account; Token-2022 accounts are larger."""
    if mint in book.accounts:
        return 0
    token, costs = books.settings.tokens.get(mint, books.settings.quote), books.settings.costs
    return costs.rent_2022_lamports if token.program == "token-2022" else costs.rent_lamports


def placed_within_a_second(book: WalletBooks, at_ns: int) -> int:
    return sum(1 for placed_ns in book.placed_ns[-1000:] if at_ns - placed_ns < NS)


def cost_bps(books: Books, book: WalletBooks, entry: CheckedEntry) -> float:
    """The cost terms of specification §9 that differ between wallets: rent, headroom and preference."""
    costs, signal = books.settings.costs, entry.signal
    amount = max(1, entry.notional_micros)
    rent_micros = books.sol_value_up(expected_rent(books, book, signal.mint))
    headroom = costs.headroom_bps * amount / max(1, capacity(books, book, signal.strategy))
    preferred = costs.preference_bps if book.wallet.type is signal.preferred_type else 0.0
    return rent_micros / amount * BPS * costs.rent_lost_ppm / PPM + headroom - preferred


def whole_cost_bps(books: Books, book: WalletBooks, entry: CheckedEntry) -> float:
    """All cost terms of specification §9: between different sizes, fee and impact differ too."""
    costs, amount = books.settings.costs, entry.notional_micros
    impact = amount * BPS // (costs.depth_micros + amount)
    return cost_bps(books, book, entry) + books.sol_value_up(costs.fee_lamports) / amount * BPS + impact


def capacity(books: Books, book: WalletBooks, strategy: StrategyType) -> int:
    """The largest entry in a token of which this wallet has an account but no position, with any stop loss."""
    wallet, share = book.wallet, book.wallet.strategies[strategy]
    room = rooms(books, book, strategy, SOL, wallet.limits.stop_loss_ppm)  # Every wallet has a SOL account.
    general = [micros for code, micros in room.items() if code not in (Code.POSITION_SIZE, Code.STRATEGY_POSITION_SIZE)]
    return min(*general, wallet.limits.position_max_micros, share.position_max_micros, NOTIONAL_MAX_MICROS)


def expected_entry(books: Books, book: WalletBooks, entry: CheckedEntry) -> dict[str, int]:
    """The fields of an order on which limits and reservations are based."""
    desk, signal = books.settings, entry.signal
    rent = rent_lamports(books, book, signal.mint)
    paid = expected_rent(books, book, signal.mint)
    costs = books.sol_value_up(desk.costs.fee_max_lamports) + books.sol_value_up(paid)
    stop = -(-entry.notional_micros * falls_ppm(book, signal) // PPM)
    return {
        "notional_micros": entry.notional_micros,
        "loss_max_micros": stop + costs,
        "fee_max_lamports": desk.costs.fee_max_lamports,
        "rent_max_lamports": rent,
        "slippage_max_bps": slippage(desk, signal),
        "mark_pico": books.marks[signal.mint].price_pico,
        "expires_at_ns": entry.stale_ns,
    }


def least_received(books: Books, order: Order, signal: Signal, at_ns: int) -> Fraction:
    """The exact minimum that the order must bring: within its slippage of the mark, and within its limit price."""
    kept = 0 if books.settings.fill_within_ns else max(0, BPS - order.slippage_max_bps)
    scale = ten_to(books.decimals[order.mint] + 6)
    units, limit = order.spend.units, signal.target_price_pico
    bounds = [Fraction(0)]
    if order.side is Side.BUY:
        bounds.append(Fraction(units * scale * kept, order.mark_pico * BPS))
        if limit is not None:
            bounds.append(Fraction(units * scale, limit))
        return max(bounds)
    if not broken_sale_price(books, order.mint, at_ns):
        bounds.append(Fraction(units * order.mark_pico * kept, scale * BPS))
        if order.mint in books.doubts.doubted:
            least = books.doubts.floor(order.mint, books.settings.price_jump_max_ppm)
            bounds.append(Fraction(units * least, scale))
    if limit is not None:
        bounds.append(Fraction(units * limit, scale))
    return max(bounds)


# Moves of capital


def broken_by_move(books: Books, move: Move, at_ns: int) -> list[str]:
    """The rules that a move breaks, by the books before it."""
    desk, book = books.settings, books.wallets[move.wallet_id]
    receiver = books.wallets[move.to_wallet] if move.to_wallet is not None else None
    lamports = move.fee_max_lamports + move.rent_max_lamports + (move.money.units if move.money.mint == SOL else 0)
    is_withdrawal = move.kind is MoveKind.WITHDRAWAL
    waits_ns, lives_ns = (desk.withdraw_delay_ns, SIGNED_WITHIN_NS) if is_withdrawal else (0, desk.signal_ttl_ns)
    has_account = receiver is not None and move.money.mint in receiver.accounts
    rent = 0 if move.money.mint == SOL or has_account else desk.costs.rent_lamports
    facts = {
        "it gives what is not free": move.money.mint != SOL and move.money.units > books.free(book, move.money.mint),
        "its SOL is not there": lamports > free_lamports(books, book),
        "the fee is not reserved": move.fee_max_lamports != desk.costs.fee_max_lamports,
        "the rent is not reserved": move.rent_max_lamports != rent,
        "it goes to somebody else": receiver is not None and move.to_address != receiver.wallet.public_key,
        "its times are wrong": (move.placed_ns, move.not_before_ns, move.expires_at_ns)
        != (at_ns, at_ns + waits_ns, at_ns + waits_ns + lives_ns),
        "who signs it was removed": "removed" in book.causes,
        "who receives it was removed": receiver is not None and "removed" in receiver.causes,
    }
    if not move.kind.protects:
        facts["the portfolio is held"] = bool(of_moves(books.stops))
        facts["a wallet is held"] = any(of_moves(one.causes) for one in (book, receiver) if one is not None)
    kinds = {
        MoveKind.REBALANCE: _broken_by_rebalance,
        MoveKind.TOP_UP: _broken_by_top_up,
        MoveKind.SWEEP: _broken_by_sweep,
        MoveKind.RECLAIM: _broken_by_reclaim,
        MoveKind.WITHDRAWAL: _broken_by_withdrawal,
    }
    return [what for what, broken in (facts | kinds[move.kind](books, move, at_ns)).items() if broken]


def target(books: Books, wallet_id: WalletId) -> int:
    return books.total_equity() * books.wallets[wallet_id].wallet.allocation_ppm // PPM


def _broken_by_rebalance(books: Books, move: Move, at_ns: int) -> dict[str, bool]:
    """The transfers of one rebalance follow each other, and their sum takes no wallet past its target."""
    desk, giver = books.settings, books.wallets[move.wallet_id]
    assert move.to_wallet is not None, move
    taker = books.wallets[move.to_wallet]
    under_way = [one for one in books.open_moves.values() if one.kind is MoveKind.REBALANCE]
    given = sum(one.money.units for one in (*under_way, move) if one.wallet_id == move.wallet_id)
    taken = sum(one.money.units for one in (*under_way, move) if one.to_wallet == move.to_wallet)
    needed = desk.reserve_float_lamports + move.fee_max_lamports + move.rent_max_lamports
    expected = books.sol_value_up(desk.costs.fee_lamports + move.rent_max_lamports)
    fresh = not broken_prices(books, SOL, SOL, at_ns)
    fresh &= not any(broken_prices(books, mint, SOL, at_ns) for mint in (*giver.lots, *taker.lots))
    return {
        "another is under way": bool(under_way) and books.batch_seq != books.seq,
        "it moves no quote currency": move.money.mint != desk.quote.mint,
        "it is too small": move.money.units < max(1, desk.rebalance_min_micros),
        "the giver falls below its target": books.equity(giver) - given < target(books, move.wallet_id),
        "the receiver passes its target": books.equity(taker) + taken > target(books, move.to_wallet),
        "its float is not left": needed > free_lamports(books, giver),
        "it costs too much": expected * BPS > desk.rebalance_cost_max_bps * move.money.units,
        "a price is old": not fresh,
    }


def _broken_by_top_up(books: Books, move: Move, at_ns: int) -> dict[str, bool]:
    assert move.to_wallet is not None, move
    desk, giver, taker = books.settings, books.wallets[move.wallet_id], books.wallets[move.to_wallet]
    left = free_lamports(books, giver) - move.money.units - move.fee_max_lamports
    return {
        **_broken_by_topping_up(books, move.to_wallet, at_ns),
        "it moves no SOL": move.money.mint != SOL,
        "it gives to itself": move.wallet_id == move.to_wallet,
        "it brings too much": taker.lamports + move.money.units > desk.float_target_lamports,
        "it brings too little": taker.lamports + move.money.units < desk.float_low_lamports,
        "it hardly brings its own fee": move.money.units
        < min(10 * desk.costs.fee_max_lamports, desk.float_target_lamports - taker.lamports),
        "the giver may owe it, or be robbed": bool(suspicions(books, giver)),
        "the giver does not keep its target": left < desk.float_target_lamports,
        "it is another's turn": giver.wallet.id != _whose_turn(books, taker, at_ns),
    }


def suspicions(books: Books, book: WalletBooks) -> set[str]:
    """Why the wallet's books may be wrong: a debt by a fork, or a key that may be stolen."""
    name = book.wallet.id
    return (book.causes & {"quarantine"}) | (books.stops & {f"deficit:{name}", f"unknown_signature:{name}"})


def _able_givers(books: Books, taker: WalletBooks) -> list[WalletBooks]:
    """Of the four wallets with the most spare SOL, those with enough to be worth sending."""
    desk = books.settings
    kept = desk.float_target_lamports + desk.costs.fee_max_lamports
    worth = max(desk.float_low_lamports - taker.lamports, 10 * desk.costs.fee_max_lamports)
    worth = min(worth, desk.float_target_lamports - taker.lamports)
    trusted = [one for one in books.wallets.values() if "removed" not in one.causes and not suspicions(books, one)]
    richest = sorted(trusted, key=lambda one: -free_lamports(books, one))[:4]  # Among equals, the first registered.
    return [one for one in richest if free_lamports(books, one) - kept >= worth]


def _whose_turn(books: Books, taker: WalletBooks, at_ns: int) -> WalletId | None:
    """Each failed try passes the turn to the next sender, then to the wallet's own swap, then to the first sender
    again.
    """
    able, tries = _able_givers(books, taker), taker.top_ups.count
    if not able or (tries % (len(able) + 1) == len(able) and _can_swap(books, taker, at_ns)):
        return None
    return able[tries % (len(able) + 1) % len(able)].wallet.id


def of_moves(causes: set[str]) -> set[str]:
    """The holds that concern moves of capital: the trades of the day are limited for entries alone."""
    return causes - {"day_trades"}


def _can_swap(books: Books, book: WalletBooks, at_ns: int) -> bool:
    if of_moves(book.causes | books.stops) or not book.wallet.strategies or SOL not in books.settings.tokens:
        return False
    if broken_prices(books, SOL, SOL, at_ns):
        return False
    costs = books.sol_value_up(books.settings.float_target_lamports - book.lamports)
    fee_is_there = books.settings.costs.fee_max_lamports <= free_lamports(books, book)
    return fee_is_there and costs <= books.free(book, books.settings.quote.mint)


def _broken_by_topping_up(books: Books, wallet_id: WalletId, at_ns: int) -> dict[str, bool]:
    desk, taker = books.settings, books.wallets[wallet_id]
    coming = [one for one in books.open_moves.values() if one.kind is MoveKind.TOP_UP and one.to_wallet == wallet_id]
    swaps = [one for one in books.open.values() if one.to_float and one.wallet_id == wallet_id]
    return {
        "it is not low": taker.lamports >= desk.float_low_lamports,
        "it does nothing": bool(of_moves(taker.causes) or suspicions(books, taker))
        and not taker.lots
        and not taker.sweeping,
        "more may be stolen than saved": bool(suspicions(books, taker))
        and (books.equity(taker) if taker.sweeping else books.positions(taker))
        <= books.sol_value_up(desk.float_target_lamports),
        "one is under way": bool(coming or swaps),
        "it is too early again": at_ns < taker.top_ups.after_ns,
        "nobody wants it": not desk.float_target_lamports,
    }


def _broken_by_sweep(books: Books, move: Move, at_ns: int) -> dict[str, bool]:
    assert move.to_wallet is not None, move
    giver = books.wallets[move.wallet_id]
    safe = [one for one in books.wallets.values() if one.wallet.type is WalletType.EMERGENCY]
    safe = [one for one in safe if "removed" not in one.causes and not suspicions(books, one)]
    selling = [one for one in books.open.values() if one.wallet_id == move.wallet_id and one.side is Side.SELL]
    sweeps = [one for one in books.moves_of(giver) if one.kind is MoveKind.SWEEP]
    return {
        "nobody told it to": not giver.sweeping,
        "it is not the Emergency wallet": [move.to_wallet] != [one.wallet.id for one in safe[:1]],
        "it gives to itself": move.wallet_id == move.to_wallet,
        "a sale is under way": bool(selling),
        "one is under way": bool(sweeps),
        "something is left": move.money.units != books.free(giver, books.settings.quote.mint),
        "it is too early again": at_ns < giver.sweeps.after_ns,
    }


def _broken_by_reclaim(books: Books, move: Move, at_ns: int) -> dict[str, bool]:
    book, mint = books.wallets[move.wallet_id], move.money.mint
    in_doubt = (one.order for one in books.provisional.values())
    empty_ns = book.empty_since_ns.get(mint)
    return {
        "it is not its own": move.to_wallet != move.wallet_id,
        "it moves something": move.money.units != 0,
        "something is in it": mint in book.lots or bool(book.units[mint]),
        "something is on its way to it": any(one.receive == mint for one in books.entries(book)),
        "a fork may bring something back": any(
            one.mint == mint and one.wallet_id == move.wallet_id for one in in_doubt
        ),
        "it is not there": mint not in book.accounts,
        "it is too early": empty_ns is None or at_ns < empty_ns + books.settings.reclaim_after_ns,
        "too many are under way": sum(one.kind is MoveKind.RECLAIM for one in books.open_moves.values()) >= 8,
    }


def _broken_by_withdrawal(books: Books, move: Move, at_ns: int) -> dict[str, bool]:
    desk, book = books.settings, books.wallets[move.wallet_id]
    worth = books.sol_value_up(move.money.units) if move.money.mint == SOL else move.money.units
    needed = desk.reserve_float_lamports + move.fee_max_lamports + move.rent_max_lamports
    needed += move.money.units if move.money.mint == SOL else 0
    return {
        "it goes to one of ours": move.to_wallet is not None,
        "its address is not listed": move.to_address not in desk.withdraw_addresses,
        "it moves nothing": move.money.units <= 0,
        "it is neither": move.money.mint not in (SOL, desk.quote.mint),
        "the cap of the day": sum(books.asked_today.values()) + worth > desk.withdraw_day_max_micros,
        "its worth is wrong": move.notional_micros != worth,
        "a price is old": move.money.mint == SOL and bool(broken_prices(books, SOL, SOL, at_ns)),
        "its float is not left": needed > free_lamports(books, book),
    }


def may_be_paid(books: Books, move: Move) -> bool:
    """Whether the current settings still allow a requested withdrawal."""
    desk = books.settings
    return desk.withdraw_day_max_micros > 0 and move.to_address in desk.withdraw_addresses


def is_alarm(cause: str) -> bool:
    """An emergency stop or a sign of theft rejects withdrawals. They wait for the end of any other hold."""
    return cause.split(":")[0] in ("emergency", "quarantine", "deficit", "unknown_signature")


def broken_by_swap_for_float(books: Books, order: Order, at_ns: int) -> list[str]:
    """Allowed only if no sender can pay, or in its turn."""
    desk, book = books.settings, books.wallets[order.wallet_id]
    price = books.marks[SOL].price_pico
    lacking = desk.float_target_lamports - book.lamports
    least = Fraction(order.spend.units * ten_to(15) * (BPS - desk.slippage_max_bps), price * BPS)
    facts = {
        **_broken_by_topping_up(books, order.wallet_id, at_ns),
        "it is a giver's turn": _whose_turn(books, book, at_ns) is not None,
        "it is held": bool(of_moves(book.causes | books.stops)),
        "SOL has no fresh price": bool(broken_prices(books, SOL, SOL, at_ns)),
        "it is not what is lacking": order.spend.units != -(-lacking * price // ten_to(15)),
        "it is not free": order.spend.units > books.free(book, desk.quote.mint),
        "it takes too little": abs(Fraction(order.received_min) - least) > 2,
        "the fee is not there": order.fee_max_lamports > free_lamports(books, book),
        "it lives too long": order.expires_at_ns != at_ns + desk.signal_ttl_ns,
        "it is more than a swap of SOL": (order.receive, order.rent_max_lamports, order.loss_max_micros) != (SOL, 0, 0),
        "it was tried before": bool(order.attempt or order.tried),
    }
    return [what for what, broken in facts.items() if broken]


OF_PLANS: Final = ("stop", "trail", "profit", "time")


def broken_by_own_exit(books: Books, order: Order, at_ns: int) -> list[str]:
    """An exit without a signal must be due by its own cause, the only one of its position, and of free units."""
    book, cause = books.wallets[order.wallet_id], order.signal_id.split(":")[0]
    lots, scale = book.lots[order.mint], ten_to(books.decimals[order.mint] + 6)
    why_not = book.plan(order.mint).why_not(
        cause, books.price_for_sale(order.mint), lots, scale, book.wallet.limits.stop_loss_ppm, at_ns
    )
    own = [one for one in books.open.values() if one.wallet_id == order.wallet_id and one.mint == order.mint]
    facts = {
        "nobody ordered it": cause == "liquidate" and not book.liquidating,
        "nobody wants it closed": cause == "close" and order.mint not in book.closing,
        "it waits for a price, and an operator does not": cause in OF_PLANS and order.mint in book.closing,
        "everything is to be sold, and it says less": cause != "liquidate" and book.liquidating,
        why_not: bool(why_not),
        "its cause is unknown": cause not in ("liquidate", "close", *OF_PLANS),
        "another is under way": any(":" in one.signal_id and one.side is Side.SELL for one in own),
        "its price is old": bool(broken_sale_price(books, order.mint, at_ns)),
        "it sells too much at a price that is doubted": order.mint in books.doubts.doubted
        and order.spend.units > books.free(book, order.mint) // 4
        and order.notional_micros * (order.spend.units - 1) > 11 * MICROS * order.spend.units,
        "it lives too long": order.expires_at_ns != at_ns + books.settings.signal_ttl_ns,
        "it may bring less than the ladder allows": order.slippage_max_bps not in books.settings.exit_slippage_bps,
    }
    return [what for what, broken in facts.items() if broken]
