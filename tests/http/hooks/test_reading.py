"""What the bodies of TradingView and freqtrade mean, line by line (specification §13.10)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.effort import examples

from overmind.core.model.enums import SaleScope, StrategyType, TradeAction
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.signal import Sender
from overmind.core.model.units import MICROS, NS
from overmind.desk.sources.source import Source, SourceKind, kept, new_secret
from overmind.http.hooks.bodies import SECRETS
from overmind.http.hooks.reading import Market, id_of, read_hook
from overmind.signals.decode import BadSignal, SignalRead, token_index

USDC = Token("USDC", Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6)
BONK = Mint("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB8yaB1pPB263")
MARKET = Market(token_index([Token("SOL", SOL, 9), Token("BONK", BONK, 5), USDC]), USDC)
CHART = Source(
    "chart",
    SourceKind.TRADINGVIEW,
    {"SOLUSDC": "SOL", "SOLUSDT": "SOL", "BONKUSDC": BONK},
    {"strategy_type": "Momentum", "notional_usd": "250", "max_slippage_bps": "80"},
    (kept(new_secret()),),
    "",
    "",
)
BOT = replace(CHART, name="bot", kind=SourceKind.FREQTRADE, defaults={"strategy_type": "Momentum"})
ALERT = {
    "ticker": "SOLUSDC",
    "action": "buy",
    "position": "long",
    "previous": "flat",
    "contracts": "2",
    "price": "150.1",
    "order_id": "Long",
    "fired_at": "2026-11-29T03:00:00Z",
}
EXIT = {**ALERT, "action": "sell", "position": "flat", "previous": "long"}
ENTRY_FILL = {
    "event": "entry",
    "trade_id": "7",
    "pair": "SOL/USDC",
    "direction": "Long",
    "stake_amount": "100.0",
    "rate": "150.0",
    "amount": "0.6660",
    "opened": "2026-11-29 03:00:00.123456+00:00",
    "tag": "None",
}
EXIT_FILL = {
    "event": "exit",
    "trade_id": "7",
    "pair": "SOL/USDC",
    "direction": "Long",
    "amount": "0.333",
    "closed": "2026-11-29 03:00:00+00:00",
    "reason": "roi",
    "final": "False",
}


def read(source: Source, body: Mapping[str, object], kind: str = "application/json") -> SignalRead:
    return read_hook(source, json.dumps(body).encode(), kind, MARKET, ["w1"])


def problems(source: Source, raw: Mapping[str, object] | bytes, kind: str = "application/json") -> str:
    body = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    with pytest.raises(BadSignal) as caught:
        read_hook(source, body, kind, MARKET, ["w1"])
    return "; ".join(f"{one.field}: {one.problem}" for one in caught.value.problems)


def test_an_alert_is_a_signal_of_its_source_with_the_defaults_that_it_leaves_out() -> None:
    signal = read(CHART, ALERT).signal
    assert (signal.source, signal.strategy, signal.action, signal.mint) == (
        "chart",
        StrategyType.MOMENTUM_TRADING,
        TradeAction.BUY,
        SOL,
    )
    assert (signal.notional_micros, signal.slippage_max_bps) == (250 * MICROS, 80)
    assert signal.at_ns == 1_795_921_200 * NS
    assert signal.sender == Sender("", Decimal(2))


def test_the_id_is_of_the_source_and_the_raw_body() -> None:
    raw = json.dumps(ALERT).encode()
    hexdigest = hashlib.sha256(b"chart\0" + raw).hexdigest()
    assert read(CHART, ALERT).signal.id == id_of(CHART, raw) == f"tv-{hexdigest[:40]}"
    assert id_of(CHART, raw + b" ") != id_of(CHART, raw) != id_of(replace(CHART, name="chart2"), raw)
    assert read(BOT, ENTRY_FILL).signal.id.startswith("ft-")


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8", "", "application/octet-stream"])
def test_the_content_type_does_not_matter(kind: str) -> None:
    assert read(CHART, ALERT, kind).signal == read(CHART, ALERT).signal


def test_freqtrade_may_send_a_form_which_is_its_default() -> None:
    raw = urlencode(ENTRY_FILL).encode()
    signal = read_hook(BOT, raw, "application/x-www-form-urlencoded", MARKET).signal
    assert replace(signal, id=read(BOT, ENTRY_FILL).signal.id) == read(BOT, ENTRY_FILL).signal


@pytest.mark.parametrize(
    ("more", "sender"),
    [
        ({}, Sender("", Decimal(2), closes=True)),
        ({"position": "long"}, Sender("", Decimal(2))),
        ({"position": "long", "previous_size": "8"}, Sender("", Decimal(2), Decimal(8))),
        ({"position": "long", "size": "6"}, Sender("", Decimal(2), Decimal(8))),
        ({"position": "", "size": "0"}, Sender("", Decimal(2), Decimal(2), closes=True)),
        ({"position": "long", "contracts": ""}, Sender()),
        ({"action": "exit", "position": ""}, Sender("", Decimal(2))),
        ({"position": "short"}, Sender("", Decimal(2), closes=True, short=True)),
        ({"position": "short", "previous": "flat"}, Sender("", Decimal(2), short=True)),
        ({"position": "short", "previous": ""}, Sender("", Decimal(2), short=True)),
        ({"position": "", "previous": "flat"}, Sender("", Decimal(2), short=True)),
        ({"action": "buy", "position": "flat", "previous": "short"}, Sender("", Decimal(2), short=True)),
        ({"action": "buy", "position": "short", "previous": "short"}, Sender("", Decimal(2), short=True)),
        ({"action": "buy", "position": "long", "previous": "short", "size": "1"}, Sender("", Decimal(1), Decimal(0))),
        ({"action": "buy", "position": "long", "previous": "long"}, Sender("", Decimal(2))),
        ({"action": "buy", "position": "", "previous": ""}, Sender("", Decimal(2))),
    ],
)
def test_what_an_alert_says_of_its_position(more: Mapping[str, str], sender: Sender) -> None:
    assert read(CHART, {**EXIT, **more}).signal.sender == sender


@pytest.mark.parametrize("amount", [{"notional_usd": "999"}, {"quantity": "1000"}, {"risk_budget_usd": "5"}, {}])
def test_an_exit_never_takes_the_senders_amount(amount: Mapping[str, str]) -> None:
    signal = read(CHART, {**EXIT, "stop_loss_percent": "5", **amount}).signal
    assert (signal.notional_micros, signal.quantity, signal.risk, signal.exits) == (None, None, None, None)
    assert (signal.scope, signal.sell_all) == (SaleScope.SOURCE, False)


def test_fields_of_a_signal_pass_on_and_go_before_the_defaults() -> None:
    signal = read(CHART, {**ALERT, "notional_usd": "40", "ttl_ms": 900, "exclude_wallets": ["w1"]}).signal
    assert (signal.notional_micros, signal.ttl_ns, signal.exclude) == (40 * MICROS, 900_000_000, ("w1",))
    assert read(CHART, {**ALERT, "risk_budget_usd": "5"}).signal.notional_micros is None


def test_the_table_names_symbols_and_mints_and_knows_exchanges() -> None:
    assert read(CHART, {**ALERT, "ticker": "binance:solusdt"}).signal.mint == SOL
    assert read(CHART, {**ALERT, "ticker": "BONKUSDC"}).signal.mint == BONK
    assert read(BOT, {**ENTRY_FILL, "pair": "BONK/USDC:USDC"}).signal.mint == BONK


@pytest.mark.parametrize("name", ["Secret", "passphrase", "PASSWORD", "token", "key"])
def test_secrets_in_a_body_are_dropped(name: str) -> None:
    told = read(CHART, {**ALERT, name: "hunter2", "meta": {name: "hunter2"}})
    assert told.signal == replace(read(CHART, ALERT).signal, id=told.signal.id)
    assert "hunter2" not in problems(CHART, {**ALERT, "symbol": {name: "hunter2"}, name: ["hunter2"], "action": "x"})


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"ticker": "DOGEUSDC"}, "ticker: no ticker 'DOGEUSDC' in the source's table"),
        ({"ticker": ""}, "ticker: missing"),
        ({"fired_at": ""}, "fired_at: missing"),
        ({"fired_at": "yesterday"}, "fired_at: "),
        ({"action": "hold"}, "action: unknown 'hold'"),
        ({"action": ["buy"]}, "action: 'list' is not a text"),
        ({"position": "sideways"}, "position: unknown 'sideways'"),
        ({"ticker": "{{ticker}}"}, "ticker: '{{ticker}}' was not filled in"),
        ({"contracts": "-1"}, "contracts: '-1' is out of bounds"),
        ({"contracts": "many"}, "contracts: 'many' "),
        ({"signal_id": "mine"}, "signal_id: the desk makes it of the body"),
        ({"scope": "desk", "mint": BONK}, "mint: the desk makes it of the body; scope: "),
        ({"leverage": "20"}, "leverage: unknown field"),
        ({"notional_usd": "NaNd"}, "notional_usd: "),
        ({"exclude_wallets": ["w9"]}, "exclude_wallets: no wallet 'w9'"),
    ],
)
def test_an_alert_that_is_none_is_refused_with_its_own_words(more: Mapping[str, object], problem: str) -> None:
    assert problems(CHART, {**ALERT, **more}).startswith(problem)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "body: not JSON"),
        (b"buy SOL now", "body: not JSON"),
        (b"[1]", "body: not an object"),
        (b'{"ticker": "SOLUSDC", "ticker": "BONKUSDC"}', "ticker: given more than once"),
        (b"\xff\xfe{\x00}\x00", "body: UTF-16"),
        (b"{}", "ticker: missing; action: missing; fired_at: missing"),
    ],
)
def test_a_body_that_is_none_is_refused(raw: bytes, problem: str) -> None:
    assert problems(CHART, raw).startswith(problem)


def test_a_filled_entry_is_a_buy_for_its_stake_at_the_time_of_its_arrival() -> None:
    signal = read(BOT, ENTRY_FILL).signal
    assert (signal.action, signal.notional_micros, signal.at_ns) == (TradeAction.BUY, 100 * MICROS, None)
    assert signal.sender == Sender("7", Decimal("0.6660"))


@pytest.mark.parametrize(
    ("more", "micros"),
    [
        ({"stake_amount": "100", "rate": "150", "amount": "0.6600"}, 100 * MICROS),  # less its fee
        ({"stake_amount": "200", "rate": "150", "amount": "0.6660"}, 99_900_000),  # the second entry of the trade
        ({"stake_amount": "101", "rate": "100", "amount": "1", "sub_trade": "True"}, 100 * MICROS),
        ({"stake_amount": "33", "rate": "100", "amount": "1"}, 33 * MICROS),  # with leverage
        ({"stake_amount": "99.99999999999997", "rate": "100", "amount": "1"}, 99_999_999),  # the noise of floats
    ],
)
def test_a_further_entry_of_a_trade_is_not_bought_with_the_stake_of_the_whole(
    more: Mapping[str, str], micros: int
) -> None:
    assert read(BOT, {**ENTRY_FILL, **more}).signal.notional_micros == micros


@pytest.mark.parametrize(
    ("body", "sender"),
    [
        (EXIT_FILL, Sender("7", Decimal("0.333"))),
        ({**EXIT_FILL, "final": "True"}, Sender("7", Decimal("0.333"), closes=True)),
        ({**EXIT_FILL, "direction": "Short"}, Sender("7", Decimal("0.333"), short=True)),
        ({**ENTRY_FILL, "direction": "Short"}, Sender("7", Decimal("0.6660"), short=True)),
    ],
)
def test_what_freqtrade_says_of_its_trade(body: Mapping[str, str], sender: Sender) -> None:
    assert read(BOT, body).signal.sender == sender


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({**ENTRY_FILL, "event": "status"}, "event: unknown 'status'"),
        ({**ENTRY_FILL, "pair": "SOL/BTC"}, "pair: "),
        ({**ENTRY_FILL, "pair": "DOGE/USDC"}, "pair: no ticker 'DOGEUSDC'"),
        ({**ENTRY_FILL, "direction": "None"}, "direction: missing"),
        ({**ENTRY_FILL, "stake_amount": "None"}, "stake_amount: missing"),
        ({**ENTRY_FILL, "stake_amount": "0"}, "stake_amount: "),
        ({**EXIT_FILL, "amount": "None"}, "amount: missing"),
        ({**EXIT_FILL, "final": "perhaps"}, "final: unknown 'perhaps'"),
        ({**EXIT_FILL, "timestamp": "2026-11-29T03:00:00Z"}, "timestamp: the desk makes it of the body"),
    ],
)
def test_what_freqtrade_does_not_send_is_refused(body: Mapping[str, str], problem: str) -> None:
    assert problems(BOT, body).startswith(problem)


def test_a_stake_in_another_currency_is_no_amount_in_usd() -> None:
    source = replace(BOT, symbols={"SOLBTC": "SOL"})
    assert problems(source, {**ENTRY_FILL, "pair": "SOL/BTC"}) == "pair: a stake in BTC"


NAMES = st.sampled_from([*ALERT, *EXIT_FILL, *SECRETS, "notional_usd", "size", "meta", "", "\u202e"])
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["flat", "1"])
VALUES = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=4
)
BODIES = st.dictionaries(NAMES, VALUES).map(lambda body: json.dumps(body).encode()) | st.binary(max_size=60)


KINDS = st.sampled_from(["application/json", "application/x-www-form-urlencoded"])


@settings(max_examples=examples(60), deadline=None)
@given(BODIES, st.sampled_from([CHART, BOT]), KINDS)
def test_any_body_is_a_signal_or_refused_in_words(raw: bytes, source: Source, kind: str) -> None:
    try:
        told: str | BadSignal = read_hook(source, raw, kind, MARKET, ["w1"]).signal.source
    except BadSignal as bad:
        told = bad
    assert told == source.name if isinstance(told, str) else told.problems


MANY = st.sampled_from([ALERT, EXIT]).flatmap(
    lambda body: st.dictionaries(NAMES, VALUES, max_size=2).map(lambda more: {**body, **more})
)


@settings(max_examples=examples(50), deadline=None)
@given(MANY, st.sampled_from(sorted(SECRETS)))
def test_no_secret_of_a_body_is_told(body: Mapping[str, object], name: str) -> None:
    raw = json.dumps({**body, name: "hunter2-hunter2"}).encode()
    try:
        told = repr(read_hook(CHART, raw, "text/plain", MARKET, ["w1"]))
    except BadSignal as bad:
        told = str(bad)
    assert "hunter2" not in told
