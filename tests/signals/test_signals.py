"""Decoding: what a valid signal is, and all reasons why another input is none (specification §7.1)."""

from __future__ import annotations

import json
from collections.abc import Container
from decimal import Decimal

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from overmind.core.model.enums import (
    SELL_ACTIONS,
    SaleScope,
    SizingMethod,
    Split,
    StrategyType,
    TradeAction,
    WalletType,
)
from overmind.core.model.ids import SOL, Mint, SignalId, WalletId
from overmind.core.model.money import Token
from overmind.core.model.numbers import scaled
from overmind.core.model.signal import RiskBudget, Signal
from overmind.core.model.units import MICROS, NOTIONAL_MAX_MICROS, NS, PICO, PPM, PRICE_MAX_PICO
from overmind.core.model.wallet import Exits
from overmind.signals.decode import BUY_ACTIONS, FIELDS, TTL_MAX_MS, BadSignal, decode_signal, read_signal, token_index
from overmind.signals.encode import encode_signal
from overmind.signals.validation import FIELDS_MAX, LINE_BYTES_MAX, bare
from overmind.text.printable import json_bytes
from overmind.views.amounts import tokens_of

USDC = Token("USDC", Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6, "token")
BONK = Token("Bonk", Mint("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB263pRPu1Sn"), 5, "token")
SOL_TOKEN = Token("SOL", SOL, 9, "token")
ETH = Token("ETH", Mint("7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs"), 8, "token")
UNLISTED = "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"
TOKENS = token_index([SOL_TOKEN, BONK, ETH, USDC])
AT_NS = 1_743_940_800 * NS

GOOD: dict[str, object] = {
    "signal_id": "s1",
    "strategy_type": "TokenSniping",
    "action": "Buy",
    "symbol": "SOL",
    "notional_usd": "1500.25",
}


def line(**changes: object) -> bytes:
    """A valid signal with these fields changed; ... removes a field."""
    fields = {**GOOD, **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def decoded(raw: bytes | str | dict[str, object], ignored: Container[str] = ()) -> Signal | BadSignal:
    try:
        return decode_signal(raw, TOKENS, USDC, ignored)
    except BadSignal as bad:
        return bad


def problems(raw: bytes | str | dict[str, object]) -> list[tuple[str, str]]:
    with pytest.raises(BadSignal) as caught:
        decode_signal(raw, TOKENS, USDC)
    assert all(one.fix for one in caught.value.problems)
    return [(one.field, one.problem) for one in caught.value.problems]


def test_a_byte_order_mark_and_a_carriage_return_are_left_out() -> None:
    assert decode_signal(b"\xef\xbb\xbf" + line() + b"\r\n", TOKENS, USDC) == decode_signal(line(), TOKENS, USDC)


def test_a_signal_with_every_field() -> None:
    raw = line(
        symbol="sol",
        mint=SOL,
        strategy_type="soulmeteor",
        action="Sell",
        notional_usd=...,
        quantity=12.123456789,
        target_price="151.000000000001",
        confidence=0.87,
        risk_tolerance="0.25",
        preferred_wallet_type="HFT",
        exclude_wallets=["w1", "w2"],
        max_slippage_bps=50,
        ttl_ms="1500",
        timestamp="2025-04-06T12:00:00Z",
        mev_protected=True,
        scope="desk",
        meta={"free": ["to", "add"], "qty": 7},
    )
    assert decode_signal(raw, TOKENS, USDC) == Signal(
        id=SignalId("s1"),
        strategy=StrategyType.SOUL_METEOR_SNIPING,
        action=TradeAction.SELL,
        mint=SOL,
        risk_tolerance_ppm=250_000,
        quantity=Decimal("12.123456789"),
        target_price_pico=151 * PICO + 1,
        confidence_ppm=870_000,
        preferred_type=WalletType.HFT,
        exclude=(WalletId("w1"), WalletId("w2")),
        slippage_max_bps=50,
        ttl_ns=1_500_000_000,
        at_ns=AT_NS,
        mev_protected=True,
        scope=SaleScope.DESK,
    )


def test_a_buy_may_be_split() -> None:
    def split(**said: object) -> tuple[Split | None, int | None]:
        signal = decode_signal(line(**said), TOKENS, USDC)
        return signal.split, signal.parts_max

    assert split() == split(split=None, split_parts_max=None) == (None, None)
    assert split(split="All", split_parts_max="8") == (Split.ALL, 8)
    assert split(split="partial") == (Split.PARTIAL, None)
    assert split(split_parts_max=2) == (None, 2)
    assert split(split="none") == (Split.NONE, None)
    assert split(split="none", notional_usd=..., risk_budget_usd=5) == (Split.NONE, None)


def test_a_signal_may_carry_exit_rules() -> None:
    said = {"stop_loss_percent": "2.5", "trailing_stop_percent": 5, "take_profit_percent": 40, "max_hold_ms": 60_000}
    signal = decode_signal(line(**said), TOKENS, USDC)
    assert signal.exits == Exits(25_000, 50_000, 400_000, 60_000_000_000)
    assert decode_signal(line(max_hold_ms=1), TOKENS, USDC).exits == Exits(hold_max_ns=1_000_000)


def test_a_signal_may_carry_a_risk_budget_instead_of_an_amount() -> None:
    def risk(**said: object) -> RiskBudget | None:
        return decode_signal(line(notional_usd=..., **said), TOKENS, USDC).risk

    assert risk(risk_budget_usd="50.000001") == RiskBudget(micros=50_000_001)
    assert risk(risk_budget_percent=0.5, sizing="Stop", stop_loss_percent=5) == RiskBudget(equity_ppm=5_000)
    assert risk(risk_budget_usd=7, sizing="volatility") == RiskBudget(SizingMethod.VOLATILITY, micros=7 * MICROS)
    said = {"sizing": "volatility", "volatility_multiple": "2.5", "volatility_horizon_ms": 3_600_000}
    expected = RiskBudget(SizingMethod.VOLATILITY, 7 * MICROS, None, 2_500_000, 3_600 * NS)
    assert risk(risk_budget_usd=7, **said) == expected
    assert decode_signal(line(), TOKENS, USDC).risk is None


BAD_BUDGETS: list[tuple[dict[str, object], str, str]] = [
    ({"risk_budget_usd": 5}, "risk_budget_usd", "a second amount"),
    ({"notional_usd": ..., "quantity": 1, "risk_budget_percent": 5}, "risk_budget_percent", "a second amount"),
    ({"notional_usd": ..., "risk_budget_usd": 5, "risk_budget_percent": 5}, "risk_budget_percent", "a second amount"),
    ({"notional_usd": ..., "risk_budget_usd": 0}, "risk_budget_usd", "'0' is not above 0"),
    ({"notional_usd": ..., "risk_budget_usd": "nan"}, "risk_budget_usd", "'nan' is not a finite number"),
    ({"notional_usd": ..., "risk_budget_usd": "0.0000001"}, "risk_budget_usd", "'1E-7' has more than 6 decimals"),
    ({"notional_usd": ..., "risk_budget_percent": 100.0001}, "risk_budget_percent", "'100.0001' is absurdly large"),
    ({"notional_usd": ..., "risk_budget_usd": 5, "sizing": "kelly"}, "sizing", "unknown 'kelly'"),
    ({"sizing": "stop"}, "sizing", "nothing to size"),
    ({"volatility_multiple": 2}, "volatility_multiple", "counts only for sizing by volatility"),
    (
        {"notional_usd": ..., "risk_budget_usd": 5, "volatility_horizon_ms": 2},
        "volatility_horizon_ms",
        "counts only for sizing by volatility",
    ),
    (
        {"notional_usd": ..., "risk_budget_usd": 5, "sizing": "volatility", "volatility_multiple": 0},
        "volatility_multiple",
        "'0' is not above 0",
    ),
    (
        {"notional_usd": ..., "risk_budget_usd": 5, "sizing": "volatility", "volatility_horizon_ms": 2_592_000_001},
        "volatility_horizon_ms",
        "'2592000001' is not valid",
    ),
    (
        {"notional_usd": ..., "risk_budget_usd": 5, "action": "Sell"},
        "risk_budget_usd",
        "Sell is not sized by a risk budget",
    ),
    (
        {"notional_usd": ..., "risk_budget_usd": 5, "action": "Hold"},
        "risk_budget_usd",
        "Hold is not sized by a risk budget",
    ),
    ({"risk_budget": 5}, "risk_budget", "unknown field"),
    ({"notional_usd": ..., "risk_budget_used": 5}, "risk_budget_used", "unknown field"),
]


@pytest.mark.parametrize(("changes", "field", "problem"), BAD_BUDGETS)
def test_a_bad_budget_is_refused_where_it_stands(changes: dict[str, object], field: str, problem: str) -> None:
    assert (field, problem) in problems(line(**changes))


@pytest.mark.parametrize("signal_id", ["stop:w1:eth:0", "close:w1", ":"])
def test_an_id_of_our_own_causes_cannot_come_from_outside(signal_id: str) -> None:
    with pytest.raises(BadSignal, match="is not an id"):
        decode_signal(line(signal_id=signal_id), TOKENS, USDC)


def test_a_signal_with_required_fields_only() -> None:
    assert decode_signal(line(), TOKENS, USDC) == Signal(
        id=SignalId("s1"),
        strategy=StrategyType.TOKEN_SNIPING,
        action=TradeAction.BUY,
        mint=SOL,
        risk_tolerance_ppm=800_000,
        notional_micros=1_500_250_000,
    )


@pytest.mark.parametrize("raw", [line(), line().decode(), dict(GOOD), b"  " + line() + b"\n", line(meta=None)])
def test_ways_to_hand_it_in(raw: bytes | str | dict[str, object]) -> None:
    assert decode_signal(raw, TOKENS, USDC).notional_micros == 1_500_250_000


@pytest.mark.parametrize(
    ("spelling", "strategy", "tolerance_ppm"),
    [
        ("Momentum", StrategyType.MOMENTUM_TRADING, 500_000),
        ("momentumtrading", StrategyType.MOMENTUM_TRADING, 500_000),
        ("AIDecision", StrategyType.AI_DECISION, 600_000),
        ("ARBITRAGE", StrategyType.ARBITRAGE, 700_000),
        ("token_sniping", StrategyType.TOKEN_SNIPING, 800_000),
        ("SoulMeteor", StrategyType.SOUL_METEOR_SNIPING, 900_000),
        ("Meteora", StrategyType.METEORA_DAMM, 900_000),
        ("Developer Tracking", StrategyType.DEVELOPER_TRACKING, 900_000),
        ("Axiom", StrategyType.AXIOM_MEME_COIN, 1_000_000),
    ],
)
def test_strategies_and_their_tolerance(spelling: str, strategy: StrategyType, tolerance_ppm: int) -> None:
    signal = decode_signal(line(strategy_type=spelling), TOKENS, USDC)
    assert (signal.strategy, signal.risk_tolerance_ppm) == (strategy, tolerance_ppm)


@pytest.mark.parametrize(
    ("number", "micros"),
    [
        ("0.000001", 1),
        ("1e3", 1_000 * MICROS),
        ("100.10", 100_100_000),
        ("123456789.123456", 123_456_789_123_456),
        ("1000000000000", NOTIONAL_MAX_MICROS),
        ("1.0000000", MICROS),
    ],
)
def test_no_digit_is_lost(number: str, micros: int) -> None:
    as_number = line(notional_usd=...)[:-1] + f', "notional_usd": {number}}}'.encode()
    for raw in (line(notional_usd=number), as_number, {**GOOD, "notional_usd": Decimal(number)}):
        assert decode_signal(raw, TOKENS, USDC).notional_micros == micros
    assert decode_signal({**GOOD, "notional_usd": float(number)}, TOKENS, USDC).notional_micros == micros


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"action": "Sell"}, (TradeAction.SELL, 1_500_250_000, None)),
        ({"action": "Sell", "notional_usd": ..., "quantity": "all"}, (TradeAction.SELL, None, None)),
        ({"action": "MarketSell", "notional_usd": ..., "quantity": "ALL"}, (TradeAction.MARKET_SELL, None, None)),
        ({"action": "Hold", "notional_usd": ...}, (TradeAction.HOLD, None, None)),
        ({"action": "Hold"}, (TradeAction.HOLD, 1_500_250_000, None)),
        ({"action": "market_buy"}, (TradeAction.MARKET_BUY, 1_500_250_000, None)),
        ({"notional_usd": None, "quantity": "2.50"}, (TradeAction.BUY, None, Decimal("2.50"))),
        ({"target_price": None, "symbol": None, "mint": SOL}, (TradeAction.BUY, 1_500_250_000, None)),
    ],
)
def test_amounts(changes: dict[str, object], answer: tuple[TradeAction, int | None, Decimal | None]) -> None:
    signal = decode_signal(line(**changes), TOKENS, USDC)
    assert (signal.action, signal.notional_micros, signal.quantity) == answer
    assert signal.sell_all == (str(changes.get("quantity")).lower() == "all")


def test_an_unlisted_mint_is_the_gates_to_refuse() -> None:
    assert decode_signal(line(symbol=..., mint=UNLISTED), TOKENS, USDC).mint == UNLISTED
    raw = line(symbol=..., mint=UNLISTED, notional_usd=..., quantity="1.000000000001")
    assert decode_signal(raw, TOKENS, USDC).quantity == Decimal("1.000000000001")


@pytest.mark.parametrize(
    ("timestamp", "at_ns"),
    [
        (1_743_940_800, AT_NS),
        (1_743_940_800.25, AT_NS + NS // 4),
        (1_743_940_800_000, AT_NS),
        ("1743940800.000000001", AT_NS + 1),
        ("2025-04-06T14:00:00+02:00", AT_NS),
        (None, None),
    ],
)
def test_timestamps(timestamp: object, at_ns: int | None) -> None:
    assert decode_signal(line(timestamp=timestamp), TOKENS, USDC).at_ns == at_ns


MANY_FIELDS = {f"free_{number}_of_all": 1 for number in range(FIELDS_MAX)}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ("signal", "not JSON: Input data was truncated")),
        (b"\xff", ("signal", "not JSON: JSON is malformed: invalid character (byte 0)")),
        (b'{"signal_id": "\xff"}', ("signal", "broken UTF-8")),
        ("\ud800", ("signal", "broken UTF-8")),
        (b'{"signal_id": "\xc3', ("signal", "not JSON: Input data was truncated")),
        (line()[:-1], ("signal", "not JSON: Input data was truncated")),
        (line() + line(), ("signal", "not JSON: JSON is malformed: trailing characters (byte 114)")),
        (
            b"\xc2\xa0" + line(),
            ("signal", "not JSON: JSON is malformed: invalid character (byte 0); it holds U+00A0 NO-BREAK SPACE"),
        ),
        (
            line()[:-1] + "\u200b}".encode(),
            ("signal", "not JSON: JSON is malformed: expected ',' or '}' (byte 112); it holds U+200B ZERO WIDTH SPACE"),
        ),
        (line().decode().encode("utf-16"), ("signal", "UTF-16")),
        (
            line(symbol="S\u041eL"),
            ("symbol", "unknown symbol 'S\u041eL', which mixes scripts: it holds U+041E CYRILLIC CAPITAL LETTER O"),
        ),
        (b"[]", ("signal", "not an object")),
        (b"null", ("signal", "not an object")),
        (b'"s1"', ("signal", "not an object")),
        (b"[" * 60_000, ("signal", "nested too deeply")),
        (line(meta={"note": "x" * LINE_BYTES_MAX}), ("signal", "larger than 65536 bytes")),
        (line(**MANY_FIELDS), ("signal", "more than 64 fields")),
        (
            line(notional_usd=...)[:-1] + b', "quantity": 1e99999999999999999999}',
            ("quantity", "'1e99999999999999999999' has an absurd exponent"),
        ),
        (
            line()[:-1] + b', "confidence": NaN}',
            ("signal", "not JSON: JSON is malformed: invalid character (byte 128)"),
        ),
        (line()[:-1] + b', "action": "Sell"}', ("action", "given more than once")),
        (line()[:-1] + b', "act\\u0069on": "Sell"}', ("action", "given more than once")),
        (line()[:-1] + b', "action": null}', ("action", "given more than once")),
        (line()[:-1] + b', "meta": {"a": 1, "a": 2}}', ("a", "given more than once")),
        (line()[:-1] + b', "meta": {"x": [["1"]], "y": ["1", {"a": 1, "a": 2}]}}', ("a", "given more than once")),
        (line(signal_id=...), ("signal_id", "missing")),
        (line(signal_id=None), ("signal_id", "missing")),
        (line(signal_id=""), ("signal_id", "'' is not an id")),
        (line(signal_id=7), ("signal_id", "'7' is not an id")),
        (line(signal_id="stop:1"), ("signal_id", "'stop:1' is not an id")),
        (line(signal_id="move:1"), ("signal_id", "'move:1' is not an id")),
        (line(signal_id="a.b"), ("signal_id", "'a.b' is not an id")),
        (line(signal_id="a b"), ("signal_id", "'a b' is not an id")),
        (line(signal_id="a\n"), ("signal_id", "'a\\n' is not an id")),
        (line(signal_id="é"), ("signal_id", "'é' is not an id")),
        (line(signal_id="x" * 65), ("signal_id", f"'{'x' * 40}…' is not an id")),
        (line(strategy_type=...), ("strategy_type", "missing")),
        (line(strategy_type="Sniper"), ("strategy_type", "unknown 'Sniper'")),
        (line(strategy_type=1), ("strategy_type", "unknown '1'")),
        (line(strategy_type=["Arbitrage"]), ("strategy_type", "unknown 'list'")),
        (line(action=...), ("action", "missing")),
        (line(action="Short"), ("action", "unknown 'Short'")),
        (line(action=True), ("action", "unknown 'True'")),
        (line(symbol=...), ("symbol", "missing")),
        (line(symbol="DOGE"), ("symbol", "unknown symbol 'DOGE'")),
        (line(symbol=5), ("symbol", "unknown symbol '5'")),
        (line(symbol=SOL), ("symbol", f"unknown symbol '{SOL[:40]}…'")),
        (line(symbol="USDC"), ("symbol", "USDC is the quote currency")),
        (line(symbol="usdc"), ("symbol", "USDC is the quote currency")),
        (line(symbol=..., mint=USDC.mint), ("mint", "USDC is the quote currency")),
        (line(mint=BONK.mint), ("mint", "not that of SOL")),
        (line(mint=UNLISTED), ("mint", "not that of SOL")),
        (line(symbol=..., mint="SOL"), ("mint", "'SOL' is not a mint")),
        (line(symbol=..., mint=SOL[:-1]), ("mint", f"'{SOL[:40]}…' is not a mint")),
        (line(symbol=..., mint="0" * 32), ("mint", f"'{'0' * 32}' is not a mint")),
        (line(symbol=..., mint=""), ("mint", "'' is not a mint")),
        (line(symbol=..., mint=12), ("mint", "'12' is not a mint")),
        (line(notional_usd=...), ("notional_usd", "missing")),
        (line(notional_usd=..., action="MarketBuy"), ("notional_usd", "missing")),
        (line(quantity=1), ("quantity", "a second amount")),
        (line(quantity="all", action="Sell"), ("quantity", "a second amount")),
        (line(notional_usd=..., quantity="all"), ("quantity", "Buy takes no 'all'")),
        (line(notional_usd=..., quantity="all", action="Hold"), ("quantity", "Hold takes no 'all'")),
        (line(notional_usd=..., quantity="all of it", action="Sell"), ("quantity", "'all of it' is not a number")),
        (line(notional_usd=..., quantity=["all"], action="Sell"), ("quantity", "'list' is not a number")),
        (line(notional_usd=..., action="Sell"), ("quantity", "missing")),
        (line(notional_usd=..., action="MarketSell", quantity=None), ("quantity", "missing")),
        (line(scope="desk"), ("scope", "Buy sells no lots")),
        (line(split="some"), ("split", "unknown 'some'")),
        (line(split=True), ("split", "unknown 'True'")),
        (line(split="all", split_parts_max=9), ("split_parts_max", "'9' is not valid")),
        (line(split="all", split_parts_max=0), ("split_parts_max", "'0' is not valid")),
        (line(split="all", split_parts_max=2.5), ("split_parts_max", "'2.5' is not valid")),
        (line(split="all", split_parts_max=1), ("split_parts_max", "one part is no split")),
        (line(split="none", split_parts_max=2), ("split_parts_max", "counts only for a split")),
        (line(split="all", action="Sell"), ("split", "Sell is not split")),
        (line(split_parts_max=2, action="Hold"), ("split_parts_max", "Hold is not split")),
        (line(split="all", notional_usd=..., risk_budget_usd=5), ("split", "a risk budget is not split")),
        (line(splits="all"), ("splits", "unknown field")),
        (line(scope="wallet", action="Sell"), ("scope", "unknown 'wallet'")),
        (line(scope=["desk"], action="Sell"), ("scope", "unknown 'list'")),
        (line(meta="text"), ("meta", "'text' is not an object")),
        (line(meta=[]), ("meta", "'list' is not an object")),
        (line(quantity=1, action="Sell"), ("quantity", "a second amount")),
        (line(notional_usd=0), ("notional_usd", "'0' is not above 0")),
        (line(notional_usd="0.0"), ("notional_usd", "'0.0' is not above 0")),
        (line(notional_usd="-0"), ("notional_usd", "'-0' is not above 0")),
        (line(notional_usd=-5), ("notional_usd", "'-5' is not above 0")),
        (line(notional_usd=True), ("notional_usd", "'True' is not a number")),
        (line(notional_usd="NaN"), ("notional_usd", "'NaN' is not a finite number")),
        (line(notional_usd="inf"), ("notional_usd", "'inf' is not a finite number")),
        (line(notional_usd="1,000"), ("notional_usd", "'1,000' is not a number: ',' is no part of one")),
        (line(notional_usd="1_000"), ("notional_usd", "'1_000' is not a number: '_' is no part of one")),
        (line(notional_usd=" 5"), ("notional_usd", "' 5' is not a number: ' ' is no part of one")),
        (line(notional_usd="$5"), ("notional_usd", "'$5' is not a number: '$' is no part of one")),
        (line(notional_usd="５"), ("notional_usd", "'５' is not a number: '５' is no part of one")),
        (line(notional_usd="0x10"), ("notional_usd", "'0x10' is not a number: 'x' is no part of one")),
        (line(notional_usd=""), ("notional_usd", "'' is not a number: it is blank")),
        (line(notional_usd=[5]), ("notional_usd", "'list' is not a number")),
        (line(notional_usd={}), ("notional_usd", "'dict' is not a number")),
        (line(notional_usd="1e9999"), ("notional_usd", "'1e9999' is absurdly large")),
        (line(notional_usd="1e99999"), ("notional_usd", "'1e99999' is absurdly large")),
        (line(notional_usd="1000000000000.000001"), ("notional_usd", "'1000000000000.000001' is absurdly large")),
        (line(notional_usd="0.0000001"), ("notional_usd", "'1E-7' has more than 6 decimals")),
        (line(notional_usd="1e-9999"), ("notional_usd", "'1e-9999' has more than 64 decimals")),
        (line(notional_usd="1." + "1" * 90), ("notional_usd", f"'1.{'1' * 38}…' has more than 64 decimals")),
        ({**GOOD, "notional_usd": float("nan")}, ("notional_usd", "'nan' is not a finite number")),
        ({**GOOD, "notional_usd": float("-inf")}, ("notional_usd", "'-inf' is not a finite number")),
        ({**GOOD, "notional_usd": Decimal("sNaN")}, ("notional_usd", "'sNaN' is not a finite number")),
        ({**GOOD, "notional_usd": 10**5_000}, ("notional_usd", "that many is absurdly large")),
        (line(notional_usd=..., quantity="0.0000000001"), ("quantity", "'1E-10' has more than 9 decimals")),
        (
            line(notional_usd=..., quantity="1.000001", symbol="BONK"),
            ("quantity", "'1.000001' has more than 5 decimals"),
        ),
        (
            line(notional_usd=..., quantity="18446744073.709551616"),
            ("quantity", "'18446744073.709551616' is absurdly large"),
        ),
        (line(notional_usd=..., quantity=0), ("quantity", "'0' is not above 0")),
        (
            line(symbol=..., mint=UNLISTED, notional_usd=..., quantity=2**64),
            ("quantity", f"'{2**64}' is absurdly large"),
        ),
        (line(target_price=0), ("target_price", "'0' is not above 0")),
        (line(target_price="0.0000000000001"), ("target_price", "'1E-13' has more than 12 decimals")),
        (line(target_price="1000000000000.1"), ("target_price", "'1000000000000.1' is absurdly large")),
        (line(target_price=False), ("target_price", "'False' is not a number")),
        (line(target_price=5, action="MarketBuy"), ("target_price", "MarketBuy takes no limit")),
        (line(target_price=5, action="MarketSell"), ("target_price", "MarketSell takes no limit")),
        (line(confidence=1.000001), ("confidence", "'1.000001' is not a share")),
        (line(confidence=-0.1), ("confidence", "'-0.1' is not a share")),
        (line(confidence="high"), ("confidence", "'high' is not a number")),
        (line(confidence=True), ("confidence", "'True' is not a number")),
        (line(risk_tolerance=80), ("risk_tolerance", "'80' is not a share")),
        (line(risk_tolerance="NaN"), ("risk_tolerance", "'NaN' is not a finite number")),
        (line(preferred_wallet_type="Fast"), ("preferred_wallet_type", "unknown 'Fast'")),
        (line(exclude_wallets="w1"), ("exclude_wallets", "not a list of ids")),
        (line(exclude_wallets=["w1", 2]), ("exclude_wallets", "not a list of ids")),
        (line(exclude_wallets=["w:1"]), ("exclude_wallets", "not a list of ids")),
        (line(max_slippage_bps=0), ("max_slippage_bps", "'0' is not valid")),
        (line(max_slippage_bps=10_001), ("max_slippage_bps", "'10001' is not valid")),
        (line(max_slippage_bps=12.5), ("max_slippage_bps", "'12.5' is not valid")),
        (line(max_slippage_bps="1%"), ("max_slippage_bps", "'1%' is not a number: '%' is no part of one")),
        (line(max_slippage_bps=True), ("max_slippage_bps", "'True' is not a number")),
        (line(ttl_ms=0), ("ttl_ms", "'0' is not valid")),
        (line(ttl_ms=TTL_MAX_MS + 1), ("ttl_ms", "'86400001' is not valid")),
        (line(timestamp="2025-04-06T12:00:00"), ("timestamp", "'2025-04-06T12:00:00' has no offset from UTC")),
        (line(timestamp="yesterday"), ("timestamp", "'yesterday' is neither an ISO 8601 time nor a unix time")),
        (line(timestamp=-1), ("timestamp", "'-1' is not between the years 1970 and 2262")),
        (
            line(timestamp=1_743_940_800_000_000_000),
            ("timestamp", "'1743940800000000000' is not between the years 1970 and 2262"),
        ),
        (line(timestamp=True), ("timestamp", "'True' is not a number")),
        (line(timestamp=[]), ("timestamp", "'list' is not a number")),
        (line(mev_protected="yes"), ("mev_protected", "'yes' is neither true nor false")),
        (line(mev_protected=1), ("mev_protected", "'1' is neither true nor false")),
        (line(stop_loss_percent=0), ("stop_loss_percent", "'0' is not above 0")),
        (line(stop_loss_percent=100), ("stop_loss_percent", "'100' is absurdly large")),
        (line(trailing_stop_percent="0.00001"), ("trailing_stop_percent", "'0.00001' has more than 4 decimals")),
        (line(take_profit_percent=100_001), ("take_profit_percent", "'100001' is absurdly large")),
        (line(max_hold_ms=0.5), ("max_hold_ms", "'0.5' is not valid")),
        (line(stop_loss=5), ("stop_loss", "unknown field")),
        (line(take_profit=5), ("take_profit", "unknown field")),
        # An ignored protection must not look like an effective one.
        *(
            (line(**{name: 5}), (name, "unknown field"))
            for name in (
                *("stop_loss_pct", "stop_percent", "stop", "sl", "sl_percent", "trail_percent", "trailing"),
                *("tp", "tp_percent", "take_profit_pct", "slippage", "slippage_percent", "exclude", "excluded"),
            )
        ),
        (
            line(action="Sell", take_profit_percent=5),
            ("take_profit_percent", "Sell buys nothing that could be sold later"),
        ),
        (line(action="Hold", max_hold_ms=5), ("max_hold_ms", "Hold buys nothing that could be sold later")),
        (line(max_slipage_bps=5), ("max_slipage_bps", "unknown field")),
        (line(maxSlippageBps=5), ("maxSlippageBps", "unknown field")),
        (line(slippage_bps=5), ("slippage_bps", "unknown field")),
        (line(limit_price=5), ("limit_price", "unknown field")),
        (line(target_prise=5), ("target_prise", "unknown field")),
        (line(ttl=5), ("ttl", "unknown field")),
        (line(exclude_wallet=["w1"]), ("exclude_wallet", "unknown field")),
    ],
)
def test_one_bad_shape(raw: bytes | str | dict[str, object], expected: tuple[str, str]) -> None:
    assert problems(raw) == [expected]


@pytest.mark.parametrize("name", ["note", "source", "price", "model", "tags", "sent_by", "amm", "", "Ω" * 50])
@pytest.mark.parametrize("value", [0.1, None, True, [1.5, {"a": None}]])
def test_an_unknown_field_is_refused_whatever_it_holds(name: str, value: object) -> None:
    assert problems(line(**{name: value})) == [(bare(name), "unknown field")]


# Names that real senders use for an amount, a price, a side, a time or a permission.
MISNAMED = (
    *("qty", "size", "amount", "percent", "usd", "notionel", "limit", "dry_run", "stop_price", "reduce_only", "tif"),
    *("side", "price", "orderQty", "lots", "volume", "fraction", "post_only", "good_till", "test", "mode", "leverage"),
)


@pytest.mark.parametrize("name", MISNAMED)
@pytest.mark.parametrize("action", ["Buy", "Sell", "Hold"])
def test_a_misnamed_field_trades_nothing(name: str, action: str) -> None:
    raw = line(action=action, notional_usd=..., quantity=1, **{name: 0.1})
    assert (name, "unknown field") in problems(raw)
    assert (name, "unknown field") in problems(line(action=action, notional_usd=..., **{name: 0.1}))


@given(st.text(max_size=20) | st.sampled_from(MISNAMED), st.none() | st.integers() | st.text(max_size=5))
@example("quantiti", 5)
def test_a_further_field_is_refused_or_changes_nothing(name: str, value: object) -> None:
    """Also where the ignore list has it: what a known field was meant to be is never ignored."""
    assume(name not in FIELDS)
    for action in ("Buy", "Sell"):
        plain = {**GOOD, "action": action}
        refused = problems({**plain, name: value})
        assert refused == [(bare(name), "unknown field")]
        answer = decoded({**plain, name: value}, {name})
        if isinstance(answer, Signal):
            assert answer == decode_signal(plain, TOKENS, USDC)
        else:
            assert [one.fix.startswith("Did you mean") for one in answer.problems] == [True]


def test_an_ignored_field_is_ignored_and_a_misspelt_known_one_never() -> None:
    assert decode_signal(line(comment="x"), TOKENS, USDC, {"comment"}) == decode_signal(line(), TOKENS, USDC)
    with pytest.raises(BadSignal, match="Did you mean quantity"):
        decode_signal(line(qty=1), TOKENS, USDC, {"qty"})


def test_all_problems_at_once() -> None:
    raw = line(action="Hodl", symbol="DOGE", notional_usd=-1, confidence=2, ttl_ms=0, timestamp="now", actoin=1)
    with pytest.raises(BadSignal) as caught:
        decode_signal(raw, TOKENS, USDC)
    assert caught.value.signal_id == "s1"
    assert sorted(one.field for one in caught.value.problems) == sorted(
        ["action", "actoin", "confidence", "notional_usd", "symbol", "timestamp", "ttl_ms"]
    )
    unknown = next(one for one in caught.value.problems if one.field == "symbol")
    assert unknown.fix == "Known are Bonk, ETH, SOL; any other goes by its mint"


@pytest.mark.parametrize("raw", [b"", b"{}", line(signal_id="a b")])
def test_an_id_that_cannot_be_read(raw: bytes) -> None:
    with pytest.raises(BadSignal) as caught:
        decode_signal(raw, TOKENS, USDC)
    assert caught.value.signal_id is None


def test_the_typo_check_has_a_bound() -> None:
    names = {f"max_slippage_b{chr(97 + at % 26)}{chr(97 + at // 26)}": 1 for at in range(500)}
    assert problems(line(**names)) == [("signal", "more than 64 fields")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text() | st.binary(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=6,
)
field_names = st.sampled_from(sorted(FIELDS))


def never_trips(raw: bytes | str | dict[str, object]) -> None:
    """The decoder returns a signal or raises a BadSignal that says why, and nothing else."""
    answer = decoded(raw)
    assert isinstance(answer, Signal) or answer.problems, raw


@given(st.binary())
def test_arbitrary_bytes(raw: bytes) -> None:
    never_trips(raw)


@given(st.text(st.characters()))
@example("\ud800")
def test_arbitrary_text(raw: str) -> None:
    never_trips(raw)


@given(st.dictionaries(field_names | st.text(), json_values, max_size=12))
def test_arbitrary_objects(fields: dict[str, object]) -> None:
    never_trips({**GOOD, **fields})
    never_trips(fields)
    never_trips(json.dumps({**GOOD, **fields}, default=str))


@given(st.integers(0, 300), st.integers(0, 255))
def test_one_byte_flipped(at: int, byte: int) -> None:
    raw = bytearray(line(quantity=None, timestamp="2025-04-06T12:00:00Z", confidence=0.5, ttl_ms=100))
    raw[at % len(raw)] = byte
    never_trips(bytes(raw))


@st.composite
def signals(draw: st.DrawFn) -> Signal:
    action = draw(st.sampled_from(TradeAction))
    amount = draw(st.sampled_from(["notional", "quantity", "none"]))
    if amount == "none" and action is not TradeAction.HOLD:
        amount = "all" if action in SELL_ACTIONS else "notional"
    limited = action not in (TradeAction.MARKET_BUY, TradeAction.MARKET_SELL)

    def maybe_int(most: int) -> int | None:
        return draw(st.none() | st.integers(1, most))

    return Signal(
        id=SignalId(draw(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))),
        strategy=draw(st.sampled_from(StrategyType)),
        action=action,
        mint=draw(st.sampled_from([SOL, BONK.mint, Mint(UNLISTED)])),
        risk_tolerance_ppm=draw(st.integers(0, PPM)),
        notional_micros=draw(st.integers(1, NOTIONAL_MAX_MICROS)) if amount == "notional" else None,
        quantity=Decimal(draw(st.integers(1, 10**15))).scaleb(-5) if amount == "quantity" else None,
        target_price_pico=maybe_int(PRICE_MAX_PICO) if limited else None,
        confidence_ppm=draw(st.integers(0, PPM)),
        preferred_type=draw(st.none() | st.sampled_from(WalletType)),
        exclude=tuple(draw(st.lists(st.sampled_from([WalletId("w1"), WalletId("w-2")]), max_size=2))),
        slippage_max_bps=maybe_int(10_000),
        ttl_ns=None if (ttl_ms := maybe_int(TTL_MAX_MS)) is None else ttl_ms * 10**6,
        at_ns=maybe_int(2**63 - 1),
        mev_protected=draw(st.booleans()),
        scope=draw(st.sampled_from(SaleScope)) if action in SELL_ACTIONS else SaleScope.STRATEGY,
        sell_all=amount == "all",
        split=(split := draw(st.none() | st.sampled_from(Split)) if action in BUY_ACTIONS else None),
        parts_max=draw(st.none() | st.integers(2, 8)) if action in BUY_ACTIONS and split is not Split.NONE else None,
        exits=draw(st.none() | st.builds(Exits, *[st.none() | st.integers(1, 999_999)] * 3, st.just(5_000_000)))
        if action in (TradeAction.BUY, TradeAction.MARKET_BUY)
        else None,
    )


@given(signals())
def test_encoded_it_reads_back_the_same(signal: Signal) -> None:
    encoded = encode_signal(signal, TOKENS)
    assert decode_signal(encoded, TOKENS, USDC) == signal
    assert decode_signal(json.dumps(encoded), TOKENS, USDC) == signal


@pytest.mark.parametrize(
    ("known", "named", "problem"),
    [
        (["w1", "w2"], ["w2"], None),
        (["w1", "w2"], [], None),
        (["w1", "w2"], ["w1", "W2"], "no wallet 'W2'"),
        (["w1"], ["w3", "w4", "w1"], "no wallet 'w3', 'w4'"),
        ([], ["w1"], "no wallet 'w1'"),
    ],
)
def test_a_wallet_that_does_not_exist_is_an_error(known: list[str], named: list[str], problem: str | None) -> None:
    raw = line(exclude_wallets=named)
    if problem is None:
        assert decode_signal(raw, TOKENS, USDC, wallets=known).exclude == tuple(named)
        return
    with pytest.raises(BadSignal) as caught:
        decode_signal(raw, TOKENS, USDC, wallets=known)
    (found,) = caught.value.problems
    assert (found.field, found.problem) == ("exclude_wallets", problem)
    assert found.fix == f"Known are {', '.join(known) or 'none'}"


@pytest.mark.parametrize(
    ("fields", "quantity", "note"),
    [
        ({"quantity": 0.1 + 0.2}, "0.3", "quantity: 0.30000000000000004 was cut to 0.3"),
        ({"quantity": 1.1 * 1.1}, "1.21", "quantity: 1.2100000000000002 was cut to 1.21"),
        ({"quantity": 0.1 * 3}, "0.3", "quantity: 0.30000000000000004 was cut to 0.3"),
        ({"quantity": 0.29999999999999993}, "0.299999999", "quantity: 0.29999999999999993 was cut to 0.299999999"),
        ({"quantity": 0.5}, "0.5", None),
    ],
)
def test_float_noise_of_a_json_number_is_cut_down_and_told(
    fields: dict[str, object], quantity: str, note: str | None
) -> None:
    read = read_signal(line(action="sell", notional_usd=..., **fields), TOKENS, USDC)
    assert (read.signal.quantity, read.notes) == (Decimal(quantity), () if note is None else (note,))


def test_a_string_is_exact_and_a_number_that_is_cut_to_nothing_is_refused() -> None:
    for quantity in ("0.30000000000000004", 1e-12):
        with pytest.raises(BadSignal, match="more than 9 decimals"):
            decode_signal(line(action="sell", notional_usd=..., quantity=quantity), TOKENS, USDC)


@given(st.integers(0, 18), st.data())
def test_a_quantity_that_is_told_names_the_same_units_again(decimals: int, data: st.DataObject) -> None:
    """For each number of decimals and each amount that a token account can hold."""
    units = data.draw(st.integers(1, 2**64 - 1) | st.sampled_from((1, 2**53 + 1, 2**64 - 1, 10**decimals)))
    token = Token("T", SOL, decimals)
    told = msgspec.json.decode(json_bytes({"quantity": tokens_of(units, decimals)}))["quantity"]
    assert isinstance(told, str)
    assert "e" not in told.lower()
    signal = decode_signal(line(action="sell", symbol="T", notional_usd=..., quantity=told), token_index([token]), USDC)
    assert signal.quantity is not None
    assert scaled(signal.quantity, decimals) == units
