"""What would have had to change: each remedy by a table, and as a property that it lets the signal through its rule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.support.core_desk import NOON_NS, CoreDesk, rows
from tests.support.effort import examples

from overmind.core.books.state import State
from overmind.core.explain import entry_candidates
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.commands import MarkPrices
from overmind.core.model.events import SignalRefused
from overmind.core.model.ids import WalletId
from overmind.core.model.money import Mark
from overmind.core.model.signal import Signal
from overmind.core.model.units import DAY_NS, MICROS
from overmind.views.remedies import Remedy, Then, remedy, ways

TABLE = """
given | when | then
# Amounts: what the rule leaves, in whole cents.
w1 position 500                           | buy eth $800 | POSITION_SIZE notional at most $500.00
w1 position 500; buy eth $200             | buy eth $800 | POSITION_SIZE notional at most $300.00
w1 position 500; buy eth $500             | buy eth $800 | POSITION_SIZE no amount passes: $500.00 is used up
w1 share momentum:40:9000                 | buy eth $8000 | STRATEGY_SHARE notional at most $4,000.00
w1 share momentum:100:500                 | buy eth $800 | STRATEGY_POSITION_SIZE notional at most $500.00
w1                                        | buy eth $9950 | INSUFFICIENT_QUOTE notional at most $9,900.00
w1 type MEVProtection                     | buy eth $800 | \
NO_PROTECTED_ROUTE a protected route for the wallet (OVERMIND_WALLET_ROUTES)
w1 exposure 20; buy btc $1500             | buy eth $501 | WALLET_EXPOSURE notional at most $500.00
w1; w2; desk exposure 20                  | buy eth $4001 | PORTFOLIO_EXPOSURE notional at most $4,000.00
w1; w2; desk asset 10; buy btc $1000      | buy eth $2001 | ASSET_CONCENTRATION notional at most $2,000.00
w1; w2; desk strategy 10; buy btc $1000   | buy eth $1001 | STRATEGY_CONCENTRATION notional at most $1,000.00
w1; desk depth 9899                       | buy eth $500 | PRICE_IMPACT notional at most $100.99
w1 loss 50.213928 stop 5                  | buy eth $2000 | DAILY_LOSS_HEADROOM notional at most $1,000.00
w1 position 500                           | buy eth risk$500 | STOP_DISTANCE_UNKNOWN a stop loss in the signal or for \
the wallet, or an amount instead of a risk budget
w1; desk smallest 25                      | buy eth $20 | ORDER_TOO_SMALL notional at least $25.00
w1; desk smallest 25.001                  | buy eth $20 | ORDER_TOO_SMALL notional at least $25.01
# What the signal says.
w1                                        | buy eth $300 slip 101 | SLIPPAGE_CEILING max_slippage_bps at most 100
w1 risk 0.7                               | buy eth $300 tolerance 0.5 | RISK_LEVEL risk_tolerance at least 0.7
w1                                        | buy eth $300 not w1 | WALLET_EXCLUDED the wallet taken out of the \
signal's exclude_wallets
w1; desk only w2                          | buy eth $300 | WALLET_EXCLUDED OVERMIND_MULTI_WALLET_ENABLED=true, or this \
wallet as the default wallet
w1                                        | buy eth $300 sent -30000 | SIGNAL_STALE sent at least 1 ms earlier, or \
ttl_ms at least 30,001
w1                                        | buy eth $300 sent 5001 | SIGNAL_FROM_FUTURE a timestamp at \
most 5,000 ms after the desk's own time
w1                                        | buy eth $300 waited 5001 | SELECTION_TIMEOUT sent again under a new \
signal_id when the desk has less to decide
# Time that frees what is used up.
w1 trades 1; buy btc $100                 | buy eth $300 | TRADES_TODAY wait until 2024-10-05 00:00:00 UTC, when \
the day's use begins anew
w1; desk trades 1; buy btc $100           | buy eth $300 | PORTFOLIO_TRADES wait until 2024-10-05 00:00:00 UTC, \
when the day's use begins anew
w1 loss 0                                 | buy eth $300 | DAILY_LOSS wait until 2024-10-05 00:00:00 UTC, when the \
day's use begins anew
w1; desk rate 1; buy btc $100             | buy eth $300 | RATE_LIMIT wait a second
w1 stop 5; desk cooldown 60000; buy eth $300; fill; mark eth 1800; exits; fill at 1800; wait 1000 | buy eth $300 | \
ASSET_COOLDOWN wait until 2024-10-04 12:01:01 UTC, when the pause after a stop loss ends
# Holds: their end, or who lifts them.
w1; hold w1 operator                      | buy eth $300 | WALLET_STATUS the hold operator lifted, by \
`overmind resume w1 --reason …`
w1; hold w1 operator; hold w1 day_loss for 60000 | buy eth $300 | WALLET_STATUS the hold operator lifted, by \
`overmind resume w1 --reason …`
w1; hold w1 a for 1000; hold w1 b for 60000 | buy eth $300 | WALLET_STATUS wait until 2024-10-04 12:01:00 UTC, when \
the holds a, b end
w1; hold portfolio operator for 60000     | buy eth $300 | PORTFOLIO_STOPPED wait until 2024-10-04 12:01:00 UTC, \
when the hold operator ends
w1; hold momentum operator for 60000      | buy eth $300 | STRATEGY_NOT_ENABLED wait until \
2024-10-04 12:01:00 UTC, when the hold operator ends
w1; hold portfolio clock                  | buy eth $300 | CLOCK_JUMPED the hold clock lifted, by the right time, or \
`overmind accept-time --reason …`
# What neither waiting nor another amount changes.
w1 type Emergency                         | buy eth $300 | WALLET_TYPE nothing: an Emergency wallet takes no entries
w1 share arbitrage:100:9000               | buy eth $300 | STRATEGY_NOT_ENABLED the strategy MomentumTrading enabled \
in the wallet's strategies
w1                                        | buy new $300 | PRICE_MISSING a first price of new
w1; wait 30001; mark sol 100              | buy eth $300 | PRICE_STALE a price of the token, and of SOL, that is at \
most 30,000 ms old
w1; block eth                             | buy eth $300 | MINT_BLOCKED the token taken off the block list, or put on \
the allow list, with `overmind mints`
w1                                        | buy pup $300 | MINT_NOT_ADMITTED a token that is listed, or that \
OVERMIND_ADMISSION admits
w1 places 1; buy btc $100                 | buy eth $300 | CONCURRENT_POSITIONS at most 0 other tokens held or \
bought in the wallet, or a token that it has already
w1; desk places 1; buy btc $100           | buy eth $300 | PORTFOLIO_POSITIONS at most 0 other tokens held or \
bought in the portfolio, or a token that it has already
w1 position 500; w2 position 400          | buy eth $901 split all | SPLIT_ROOM notional at most $900.00, which split \
partial buys, or more wallets by split_parts_max
w1 sol 0.05                               | buy eth $300 | INSUFFICIENT_SOL 0.052139280 SOL more in the wallet
w1                                        | sell eth 1 | INSUFFICIENT_TOKENS no more than is held; "quantity": "all" \
sells what there is
"""


def refusal_of(desk: CoreDesk, when: str) -> tuple[State, Signal, Refusal]:
    """The state of the decision, the signal and its first refusal."""
    before = desk.state
    *_, last = desk.play(when)
    assert isinstance(last, SignalRefused), last
    return before, last.signal, desk_refusals(last)[0]


def desk_refusals(event: SignalRefused) -> tuple[Refusal, ...]:
    assert event.refusals, event
    return event.refusals


@pytest.mark.parametrize(("steps", "when", "then"), rows(TABLE))
def test_each_rule_has_its_remedy(steps: str, when: str, then: str) -> None:
    desk = CoreDesk(steps)
    state, signal, refusal = refusal_of(desk, when)
    found = remedy(refusal, Then(signal, desk.now_ns, state))
    assert f"{found.code.value} {found.told}" == then


def test_every_code_is_in_the_table_or_said_here() -> None:
    of_table = {then.split()[0] for _, _, then in rows(TABLE)}
    elsewhere = {  # Each is a rule of a desk that this table does not set up; its text is one sentence.
        "PRICE_UNCONFIRMED", "AMOUNT_OUT_OF_RANGE", "VOLATILITY_UNKNOWN", "SIZE_TOO_SMALL", "EXPECTED_COST",
        "LOTS_OF_OTHERS", "BUY_IN_FLIGHT", "SHORT_NOT_TRADED", "SOURCE_HOLDS_NOTHING",
    }  # fmt: skip
    assert {code.value for code in Code} == of_table | elsewhere


BY_NUMBERS_TABLE = [
    ("POSITION_SIZE 500000000 1300000000", "notional at most $200.00"),
    ("STRATEGY_SHARE 500000000 1000000000", "notional at most $500.00"),
    ("INSUFFICIENT_QUOTE 600000000 1000000000", "notional at most $600.00"),
    ("POSITION_SIZE 500000000 1500000000", "no amount passes: $500.00 is used up"),
    ("WALLET_EXPOSURE 200000 300000", "a smaller amount (the limit is 20.0 percent)"),
    ("WALLET_STATUS Active Suspended:operator", "without the hold operator"),
]


@pytest.mark.parametrize(("said", "told"), BY_NUMBERS_TABLE)
def test_without_the_state_the_numbers_of_the_refusal_say_what_they_can(said: str, told: str) -> None:
    """Of a signal of $1,000 whose state of then is not known."""
    code, limit, actual = (int(word) if word.isdigit() else word.replace(":", ": ") for word in said.split())
    signal = signal_of("buy eth $1000")
    assert isinstance(code, str)
    wallet_id = WalletId("w1")
    assert remedy(Refusal(Code(code), limit, actual, wallet_id), Then(signal, NOON_NS)).told == told


def signal_of(when: str) -> Signal:
    verb, name, amount, *options = when.split()
    return CoreDesk().signal(verb, name, amount, options).signal


def test_ways_lead_with_what_holds_for_every_wallet() -> None:
    desk = CoreDesk("w1 position 500; w2 position 600 risk 0.9; hold portfolio operator")
    before = desk.state
    *_, last = desk.play("buy eth $800 tolerance 0.5")
    assert isinstance(last, SignalRefused), last
    found = ways(desk_refusals(last), Then(last.signal, desk.now_ns, before))
    assert [(way.wallet_id, [row.code for row in way.changes]) for way in found] == [
        (None, ["PORTFOLIO_STOPPED"]),
        ("w1", ["POSITION_SIZE"]),
        ("w2", ["RISK_LEVEL", "POSITION_SIZE"]),
    ]
    assert found[1].changes[0].notional_max_usd is not None


SETTINGS = (
    "position {n}", "exposure {p}", "places 1", "trades 1", "loss {n} stop 5", "share momentum:{p}:{n}", "risk 0.{p}",
)  # fmt: skip
OF_DESK = (
    "desk exposure {p}", "desk asset {p}", "desk strategy {p}", "desk rate 1", "desk smallest {n}", "desk depth 9{n}",
    "desk dearest {p}", "desk cooldown 60000", "hold w1 operator for 5000",
)  # fmt: skip
OPTIONS = ("slip {n}", "tolerance 0.{p}", "ttl 1000 waited 1000", "sent 5{n}", "sent -30{n}", "by arbitrage")


@st.composite
def refused_signals(draw: st.DrawFn) -> tuple[str, str]:
    """A desk with some tight limits, and a buy."""

    def words(pool: tuple[str, ...]) -> str:
        chosen = draw(st.lists(st.sampled_from(pool), max_size=3, unique=True))
        return "; ".join(one.format(n=draw(st.integers(100, 999)), p=draw(st.integers(10, 90))) for one in chosen)

    wallet = words(SETTINGS).replace(";", "")
    held = draw(st.sampled_from(("", "buy eth $250", "buy btc $111.111111; fill", "buy eth $90; fill; mark eth 2100")))
    steps = "; ".join(filter(None, ("w1", held, f"w1 {wallet}", words(OF_DESK))))
    amount = draw(st.integers(1, 20_000 * MICROS))
    said = f"${amount / MICROS:f}" if draw(st.booleans()) else f"{draw(st.integers(1, 10**9)) / 10**8:f}"
    return steps, f"buy eth {said} {words(OPTIONS).replace(';', '')}"


@given(refused_signals())
@settings(max_examples=examples(200), deadline=None)
def test_the_changed_signal_passes_the_rule(drawn: tuple[str, str]) -> None:
    steps, when = drawn
    desk = CoreDesk(steps)
    verb, name, amount, *options = when.split()
    command = desk.signal(verb, name, amount, options)
    signal, state = command.signal, desk.state
    for refusal in entry_candidates(state, signal, desk.now_ns)[0].refusals:
        found = remedy(refusal, Then(signal, desk.now_ns, state))
        if (changed := changed_by(found, signal, desk.now_ns)) is not None:
            later, at_ns = changed
            left = {rule(one) for one in after(steps, at_ns, later)}
            assert rule(refusal) not in left, (steps, when, refusal, found)


def rule(refusal: Refusal) -> tuple[Code, str | None]:
    """Of a rule in words the words belong to it: another hold may have come meanwhile."""
    return refusal.code, refusal.actual if isinstance(refusal.actual, str) else None


def changed_by(found: Remedy, signal: Signal, at_ns: int) -> tuple[Signal, int] | None:
    """The signal as the remedy wants it, and when it is decided; None: it asks for something else than the signal."""
    if found.notional_max_micros == 0 or found.told.startswith(("no amount", "a smaller amount")):
        return None
    notional = found.notional_max_micros if found.notional_max_micros is not None else found.notional_min_micros
    changes: dict[str, object] = {} if notional is None else {"notional_micros": notional, "quantity": None}
    if found.slippage_max_bps is not None:
        changes["slippage_max_bps"] = found.slippage_max_bps
    if found.risk_tolerance_min_ppm is not None:
        changes["risk_tolerance_ppm"] = found.risk_tolerance_min_ppm
    if found.ttl_min_ns is not None:
        changes["ttl_ns"] = found.ttl_min_ns
    if found.timestamp_max_ns is not None:
        changes["at_ns"] = found.timestamp_max_ns
    if not changes and found.not_before_ns is None:
        return None
    return structs.replace(signal, **changes), found.not_before_ns or at_ns


def after(steps: str, at_ns: int, signal: Signal) -> tuple[Refusal, ...]:
    """The refusals of the same desk then. With its prices of then, holds and days that are over have ended.

    By the next day its orders have ended as well: an open one counts in the day on which it ends.
    """
    desk = CoreDesk(steps)
    if at_ns > desk.now_ns:
        marks = [Mark(mint, mark.price_pico, at_ns) for mint, mark in desk.state.marks.items()]
        if at_ns // DAY_NS > desk.now_ns // DAY_NS and desk.state.open_orders:
            desk.play("expire")
        desk.now_ns = at_ns
        desk.do(MarkPrices(tuple(marks)))
    return entry_candidates(desk.state, signal, desk.now_ns)[0].refusals
