"""Decodes a signal from outside, or refuses it with a list of everything that is wrong with it (specification §7.1)."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import structlog

from overmind.core.model.defaults import DEFAULT_RISK_TOLERANCE_PPM, STRATEGIES, WALLET_TYPES
from overmind.core.model.enums import SELL_ACTIONS, SaleScope, SizingMethod, Split, StrategyType, TradeAction
from overmind.core.model.ids import Mint, SignalId, WalletId
from overmind.core.model.money import Token
from overmind.core.model.numbers import decimal_of, shown
from overmind.core.model.signal import RiskBudget, Signal
from overmind.core.model.units import BPS, DAY_NS, NOTIONAL_MAX_MICROS, PPM, PRICE_MAX_PICO
from overmind.core.model.wallet import Exits
from overmind.keys.secret_key import is_address
from overmind.signals.validation import ID, FieldProblem, FieldReader, parse_object
from overmind.text.characters import foreign_letter

NS_PER_MS: Final = 1_000_000
TTL_MAX_MS: Final = DAY_NS // NS_PER_MS
TOKEN_UNITS_MAX: Final = 2**64 - 1  # what a token account can hold
SYMBOLS_SHOWN_MAX: Final = 20
TAKE_PROFIT_MAX_PPM: Final = 1_000 * PPM
HOLD_MAX_MS: Final = 3_650 * DAY_NS // NS_PER_MS
MULTIPLE_MAX_PPM: Final = 100 * PPM
HORIZON_MAX_MS: Final = 30 * DAY_NS // NS_PER_MS
AMOUNT_FIELDS: Final = ("notional_usd", "quantity", "risk_budget_usd", "risk_budget_percent")
BUDGET_FIELDS: Final = AMOUNT_FIELDS[2:]
VOLATILITY_FIELDS: Final = ("volatility_multiple", "volatility_horizon_ms")
RISK_FIELDS: Final = ("sizing", *BUDGET_FIELDS, *VOLATILITY_FIELDS)
SIZINGS: Final = {method.value: method for method in SizingMethod}
SPLITS: Final = {split.value: split for split in Split}
SPLIT_FIELDS: Final = ("split", "split_parts_max")
PARTS_MAX: Final = 8
SCOPES: Final = {scope.value: scope for scope in SaleScope}
ALL: Final = "all"  # the quantity of a sale of everything within its scope
EXIT_FIELDS: Final = ("stop_loss_percent", "trailing_stop_percent", "take_profit_percent", "max_hold_ms")

FIELDS: Final = frozenset(
    {
        "signal_id",
        "strategy_type",
        "action",
        "symbol",
        "mint",
        "notional_usd",
        "quantity",
        "risk_budget_usd",
        "risk_budget_percent",
        "sizing",
        "volatility_multiple",
        "volatility_horizon_ms",
        "target_price",
        "confidence",
        "risk_tolerance",
        "preferred_wallet_type",
        "exclude_wallets",
        "max_slippage_bps",
        "ttl_ms",
        "timestamp",
        "mev_protected",
        "stop_loss_percent",
        "trailing_stop_percent",
        "take_profit_percent",
        "max_hold_ms",
        "scope",
        "split",
        "split_parts_max",
        "meta",
    }
)
# Other names for known fields, so that a refusal names the right one.
MEANT: Final = {
    "notional*": "notional_usd",
    "usd*": "notional_usd",
    "amount*": "quantity or notional_usd",
    "size*": "quantity or notional_usd",
    "qty*": "quantity",
    "units": "quantity",
    "volume": "quantity",
    "side": "action",
    "direction": "action",
    "strategy": "strategy_type",
    "riskbudget": "risk_budget_usd",
    "riskpercent": "risk_budget_percent",
    "ttl*": "ttl_ms",
    "expir*": "ttl_ms",
    "tif": "ttl_ms",
    "timeinforce": "ttl_ms",
    "maxslippage": "max_slippage_bps",
    "slippage*": "max_slippage_bps",
    "limit*": "target_price",
    "price": "target_price",
    "stop*": "stop_loss_percent",
    "sl": "stop_loss_percent",
    "slp*": "stop_loss_percent",
    "trail*": "trailing_stop_percent",
    "takeprofit*": "take_profit_percent",
    "tp*": "take_profit_percent",
    "exclude*": "exclude_wallets",
    "split*": "split or split_parts_max",
    "parts*": "split_parts_max",
    "maxparts": "split_parts_max",
}
ACTIONS: Final = {action.lower(): action for action in TradeAction}
SPELLINGS: Final = {
    **STRATEGIES,
    "axiom": StrategyType.AXIOM_MEME_COIN,
}
LIMITED: Final = {TradeAction.MARKET_BUY: TradeAction.BUY, TradeAction.MARKET_SELL: TradeAction.SELL}
BUY_ACTIONS: Final = (TradeAction.BUY, TradeAction.MARKET_BUY)


log = structlog.get_logger("intake")


class BadSignal(Exception):
    """Not a signal: all of its problems, and its id if that could be read."""

    def __init__(self, problems: Iterable[FieldProblem], signal_id: SignalId | None = None) -> None:
        self.problems = tuple(problems)
        self.signal_id = signal_id
        super().__init__("; ".join(f"{one.field}: {one.problem}. {one.fix}" for one in self.problems))


def token_index(tokens: Iterable[Token]) -> dict[str, Token]:
    """The index that `decode_signal` uses: tokens by symbol, by symbol in capitals, and by mint."""
    index: dict[str, Token] = {}
    for token in tokens:
        index |= {token.symbol.upper(): token, token.symbol: token, token.mint: token}
    return index


class SignalRead(NamedTuple):
    """A signal, and what was cut from its numbers: the answer tells it to the sender."""

    signal: Signal
    notes: tuple[str, ...]


def decode_signal(
    raw: bytes | str | Mapping[str, object],
    tokens: Mapping[str, Token],
    quote: Token,
    ignored: Container[str] = (),
    wallets: Collection[str] | None = None,
) -> Signal:
    """`read_signal`, for who has nobody to tell what was cut. Raises BadSignal, and nothing else."""
    return read_signal(raw, tokens, quote, ignored, wallets).signal


def read_signal(
    raw: bytes | str | Mapping[str, object],
    tokens: Mapping[str, Token],
    quote: Token,
    ignored: Container[str] = (),
    wallets: Collection[str] | None = None,
) -> SignalRead:
    """One JSON object, as text or already parsed. Raises BadSignal, and nothing else.

    An unknown field is a problem unless its name is in `ignored`, and so is a wallet that is not in `wallets`. A
    mistake of ours in reading one signal refuses that signal. The others of its batch, and the reader, go on.
    """
    try:
        return _decoded(raw, tokens, quote, ignored, wallets)
    except BadSignal:
        raise
    except Exception as fault:
        log.exception("a signal cannot be read: this is a mistake in the desk, please report it")
        what = f"it cannot be read: {type(fault).__name__}"
        raise BadSignal([FieldProblem("signal", what, "Write it as docs/signals.md says")]) from fault


def _decoded(
    raw: bytes | str | Mapping[str, object],
    tokens: Mapping[str, Token],
    quote: Token,
    ignored: Container[str],
    wallets: Collection[str] | None,
) -> SignalRead:
    fields = parse_object(raw) if isinstance(raw, bytes | str) else raw
    if isinstance(fields, FieldProblem):
        raise BadSignal([fields])
    form = FieldReader(fields)
    if not fields.keys() <= FIELDS:
        form.check_names(FIELDS, MEANT, ignored)
    signal = _read(form, tokens, quote, wallets)
    if form.problems or signal is None:
        signal_id = fields.get("signal_id")
        readable = isinstance(signal_id, str) and ID.fullmatch(signal_id)
        raise BadSignal(form.problems, SignalId(str(signal_id)) if readable else None)
    return SignalRead(signal, tuple(form.notes))


def _read(
    form: FieldReader, tokens: Mapping[str, Token], quote: Token, wallets: Collection[str] | None
) -> Signal | None:
    """Reads every field, so that all problems are found. None only if `form.problems` says why."""
    signal_id = form.id("signal_id")
    strategy = form.choice("strategy_type", SPELLINGS)
    action = form.choice("action", ACTIONS)
    mint, token = _asset(form, tokens, quote)
    notional = form.scaled("notional_usd", 6, NOTIONAL_MAX_MICROS)
    sell_all = _sells_all(form, action)
    quantity = None if sell_all else _quantity(form, token)
    _check_amounts(form, action)
    target_price = _target_price(form, action)
    confidence = form.share("confidence")
    tolerance = form.share("risk_tolerance")
    preferred_type = form.choice("preferred_wallet_type", WALLET_TYPES)
    exclude = form.ids("exclude_wallets", wallets)
    slippage_max_bps = form.integer("max_slippage_bps", BPS)
    ttl_ms = form.integer("ttl_ms", TTL_MAX_MS)
    at_ns = form.instant("timestamp")
    mev_protected = form.flag("mev_protected")
    exits = _exits(form, action)
    risk = _risk(form)
    scope = _scope(form, action)
    split, parts_max = _split(form, action)
    form.free_object("meta")
    _check_given(form, "strategy_type", "action")
    if signal_id is None or strategy is None or action is None or mint is None:
        return None
    return Signal(
        id=SignalId(signal_id),
        strategy=strategy,
        action=action,
        mint=mint,
        risk_tolerance_ppm=DEFAULT_RISK_TOLERANCE_PPM[strategy] if tolerance is None else tolerance,
        notional_micros=notional,
        quantity=quantity,
        target_price_pico=target_price,
        confidence_ppm=PPM if confidence is None else confidence,
        preferred_type=preferred_type,
        exclude=tuple(map(WalletId, exclude)),
        slippage_max_bps=slippage_max_bps,
        ttl_ns=None if ttl_ms is None else ttl_ms * NS_PER_MS,
        at_ns=at_ns,
        mev_protected=mev_protected,
        exits=exits,
        risk=risk,
        scope=scope,
        sell_all=sell_all,
        split=split,
        parts_max=parts_max,
    )


def _asset(form: FieldReader, tokens: Mapping[str, Token], quote: Token) -> tuple[Mint | None, Token | None]:
    """The traded mint, and its token if it is listed. The gate refuses an unlisted one."""
    symbol, mint = form.fields.get("symbol"), form.fields.get("mint")
    if mint is None:
        if symbol is None:
            form.refuse("symbol", "missing", "Give symbol or mint")
        named = _by_symbol(form, symbol, tokens, quote)
        return (named.mint, named) if named else (None, None)
    named = _by_symbol(form, symbol, tokens, quote)
    token = tokens.get(mint) if isinstance(mint, str) else None
    if mint == quote.mint:
        form.refuse("mint", f"{quote.symbol} is the quote currency", "Name the token to trade for it")
    elif not isinstance(mint, str) or not ((token and token.mint == mint) or is_address(mint)):
        form.refuse("mint", f"{shown(mint)} is not a mint", "Write base58 of 32 bytes")
    elif named is not None and named.mint != mint:
        form.refuse("mint", f"not that of {named.symbol}", f"Write {named.mint}, or leave one of the two out")
    else:
        return Mint(mint), token
    return None, None


def _by_symbol(form: FieldReader, symbol: object, tokens: Mapping[str, Token], quote: Token) -> Token | None:
    if symbol is None:
        return None
    name = symbol.upper() if isinstance(symbol, str) else ""
    if name == quote.symbol.upper():
        form.refuse("symbol", f"{quote.symbol} is the quote currency", "Name the token to trade for it")
        return None
    token = tokens.get(symbol) or tokens.get(name) if isinstance(symbol, str) else None
    if token is not None and token.symbol.upper() == name:  # Not when a mint was given as the symbol.
        return token
    known = sorted({one.symbol for one in tokens.values() if one.mint != quote.mint})
    more = ", …" if len(known) > SYMBOLS_SHOWN_MAX else ""
    fix = f"Known are {', '.join(known[:SYMBOLS_SHOWN_MAX])}{more}; any other goes by its mint"
    letter = foreign_letter(symbol) if isinstance(symbol, str) else None
    mixed = "" if letter is None else f", which mixes scripts: it holds {letter}"
    form.refuse("symbol", f"unknown symbol {shown(symbol)}{mixed}", fix)
    return None


def _quantity(form: FieldReader, token: Token | None) -> Decimal | None:
    """Whole tokens. Only a listed token's decimals are known, so only those are checked."""
    if token is None:
        return form.number("quantity", Decimal(0), Decimal(TOKEN_UNITS_MAX))
    units = form.scaled("quantity", token.decimals, TOKEN_UNITS_MAX)
    if units is None:
        return None
    sent, cut = form.number("quantity", Decimal(0), Decimal(TOKEN_UNITS_MAX)), decimal_of(units, token.decimals)
    return sent if sent == cut else cut


def _sells_all(form: FieldReader, action: TradeAction | None) -> bool:
    quantity = form.fields.get("quantity")
    if not (isinstance(quantity, str) and quantity.lower() == ALL):
        return False
    if action is not None and action not in SELL_ACTIONS:
        form.refuse("quantity", f"{action} takes no {ALL!r}", "Write a number of whole tokens")
    return True


def _scope(form: FieldReader, action: TradeAction | None) -> SaleScope:
    scope = form.choice("scope", SCOPES)
    if scope is not None and action in BUY_ACTIONS:
        form.refuse("scope", f"{action} sells no lots", "Leave it out")
    return scope or SaleScope.STRATEGY


def _check_amounts(form: FieldReader, action: TradeAction | None) -> None:
    """A buy and a sale need exactly one amount field; a Hold needs none."""
    given = [field for field in AMOUNT_FIELDS if form.fields.get(field) is not None]
    if len(given) > 1:
        budget = " or a risk budget" if given[-1] in BUDGET_FIELDS else ""
        form.refuse(given[1], "a second amount", f"Give notional_usd or quantity{budget}, not both")
    elif action in BUY_ACTIONS and not given:
        form.refuse("notional_usd", "missing", "Give notional_usd or quantity, or a risk budget")
    elif action in SELL_ACTIONS and not given:
        form.refuse("quantity", "missing", f'Give quantity or notional_usd, or write "quantity": "{ALL}"')
    elif given and given[0] in BUDGET_FIELDS and action is not None and action not in BUY_ACTIONS:
        form.refuse(given[0], f"{action} is not sized by a risk budget", "Give notional_usd or quantity")


def _target_price(form: FieldReader, action: TradeAction | None) -> int | None:
    price = form.scaled("target_price", 12, PRICE_MAX_PICO)
    if action in LIMITED and form.fields.get("target_price") is not None:
        form.refuse("target_price", f"{action} takes no limit", f"Leave it out, or use {LIMITED[action]}")
    return price


def _exits(form: FieldReader, action: TradeAction | None) -> Exits | None:
    """The exit rules of a buy."""
    if form.fields.keys().isdisjoint(EXIT_FIELDS):
        return None
    exits = Exits(
        stop_loss_ppm=form.scaled("stop_loss_percent", 4, PPM - 1),
        trailing_ppm=form.scaled("trailing_stop_percent", 4, PPM - 1),
        take_profit_ppm=form.scaled("take_profit_percent", 4, TAKE_PROFIT_MAX_PPM),
        hold_max_ns=None if (held_ms := form.integer("max_hold_ms", HOLD_MAX_MS)) is None else held_ms * NS_PER_MS,
    )
    if exits == Exits():
        return None
    if action is not None and action not in BUY_ACTIONS:
        given = next(field for field in EXIT_FIELDS if form.fields.get(field) is not None)
        form.refuse(given, f"{action} buys nothing that could be sold later", "Leave it out")
    return exits


def _risk(form: FieldReader) -> RiskBudget | None:
    """The risk budget of a buy, instead of an amount, and the price distance over which it may be lost."""
    if form.fields.keys().isdisjoint(RISK_FIELDS):
        return None
    method = form.choice("sizing", SIZINGS) or SizingMethod.STOP
    multiple = form.scaled("volatility_multiple", 6, MULTIPLE_MAX_PPM)
    horizon_ms = form.integer("volatility_horizon_ms", HORIZON_MAX_MS)
    budget = RiskBudget(
        method=method,
        micros=form.scaled("risk_budget_usd", 6, NOTIONAL_MAX_MICROS),
        equity_ppm=form.scaled("risk_budget_percent", 4, PPM),
        multiple_ppm=2 * PPM if multiple is None else multiple,
        horizon_ns=DAY_NS if horizon_ms is None else horizon_ms * NS_PER_MS,
    )
    has_budget = any(form.fields.get(field) is not None for field in BUDGET_FIELDS)
    if not has_budget and form.fields.get("sizing") is not None:
        form.refuse("sizing", "nothing to size", "Give risk_budget_usd or risk_budget_percent, or leave it out")
    for field in VOLATILITY_FIELDS:
        if form.fields.get(field) is not None and not (has_budget and method is SizingMethod.VOLATILITY):
            form.refuse(field, "counts only for sizing by volatility", 'Write "sizing": "volatility", or leave it out')
    return budget if has_budget else None


def _split(form: FieldReader, action: TradeAction | None) -> tuple[Split | None, int | None]:
    """Whether several wallets may serve a buy, and how many."""
    if form.fields.keys().isdisjoint(SPLIT_FIELDS):
        return None, None
    split, parts_max = form.choice("split", SPLITS), form.integer("split_parts_max", PARTS_MAX)
    given = [field for field in SPLIT_FIELDS if form.fields.get(field) is not None]
    if given and action is not None and action not in BUY_ACTIONS:
        how = "a sale takes as many wallets as it needs" if action in SELL_ACTIONS else f"{action} executes nothing"
        form.refuse(given[0], f"{action} is not split", f"Leave it out: {how}")
    elif given and split is not Split.NONE and any(form.fields.get(one) is not None for one in RISK_FIELDS):
        form.refuse(given[0], "a risk budget is not split", "Give notional_usd or quantity, or leave it out")
    elif split is Split.NONE and parts_max is not None:
        form.refuse("split_parts_max", "counts only for a split", 'Write "split": "partial" or "all", or leave it out')
    elif parts_max == 1:
        form.refuse("split_parts_max", "one part is no split", f'Write 2 to {PARTS_MAX}, or "split": "none"')
    return split, parts_max


def _check_given(form: FieldReader, *required: str) -> None:
    for field in required:
        if form.fields.get(field) is None:
            form.refuse(field, "missing", "Give it")
