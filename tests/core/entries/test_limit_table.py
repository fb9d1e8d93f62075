"""What is written out for speed says what the limit table says, and a new row is followed everywhere at once."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.core_desk import CoreDesk
from tests.support.random_commands import RandomCommands, attempt
from tests.support.sniper_commands import SniperCommands

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.entries import broken_limits, capacity, gate
from overmind.core.entries.limit_row import Limit, Scope, WalletPlace
from overmind.core.entries.limit_table import NOTIONAL, ONE, PORTFOLIO_LIMITS, WALLET_LIMITS
from overmind.core.entries.request import EntryRequest, entry_request, stale_at_ns
from overmind.core.entries.rules import signal_refusals, wallet_refusals
from overmind.core.entries.sizing import SizedRequest
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.enums import WalletType
from overmind.core.model.units import MICROS
from overmind.views.utilisation import LimitUse, wallet_uses


def is_blocked_by_rule(state: State, book: WalletBook) -> bool:
    desk, wallet = state.settings, book.wallet
    elsewhere = not desk.multi_wallet_enabled and wallet.id != desk.default_wallet
    return bool(book.holds) or wallet.type is WalletType.EMERGENCY or elsewhere


def compare(
    rng: Random, wallets: int, commands: int, asks: int, commands_of: type[RandomCommands] = RandomCommands
) -> tuple[int, int]:
    """Play a script, ask after each command. Returns how often the gate said yes, and how often no."""
    desk, chance, answers = CoreDesk(), commands_of(rng, wallets), [0, 0]
    for command in chance.opening():
        attempt(desk, command)
    for _ in range(commands):
        desk.now_ns += chance.later_ns()
        attempt(desk, chance.command(desk))
        state, now_ns = desk.state, desk.now_ns
        for book in state.wallets.values():
            known = capacity.wallet_capacity_micros(state, book)
            by_table = -1 if is_blocked_by_rule(state, book) else capacity.limits_capacity_micros(state, book)
            assert max(-1, known) == max(-1, by_table), book
        for _ in range(asks):
            signal = chance.submit(desk).signal
            if signal.notional_micros is None and signal.quantity is None:
                continue
            received_ns = now_ns - rng.choice([0, 0, 10**9, 6 * 10**9])
            request = entry_request(state, signal, stale_at_ns(state.settings, signal, received_ns))
            no = list(signal_refusals(state, request, now_ns, received_ns))
            assert gate.signal_may_enter(state, request, now_ns, received_ns) == (not no), no
            for book in state.wallets.values():
                no = list(wallet_refusals(state, book, request, now_ns, WALLET_LIMITS))
                assert list(wallet_refusals(state, book, request, now_ns)) == no
                assert gate.wallet_may_enter(state, book, request, now_ns) == (not no), no
                answers[bool(no)] += 1
    return answers[0], answers[1]


@pytest.mark.parametrize("first_seed", range(0, 24, 4))
def test_the_gate_and_the_capacity_equal_the_table(first_seed: int) -> None:
    """A desk by chance may be stopped for good; not four of them."""
    played = [compare(Random(seed), 1 + seed % 7, commands=60, asks=2) for seed in range(first_seed, first_seed + 4)]
    assert sum(yes for yes, _ in played) > 0
    assert sum(no for _, no in played) > 0


def test_the_gate_equals_the_rules_for_mints_that_no_list_has() -> None:
    played = [compare(Random(seed), 1 + seed % 3, commands=50, asks=3, commands_of=SniperCommands) for seed in range(8)]
    assert sum(yes for yes, _ in played) > 0
    assert sum(no for _, no in played) > 0


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 4), st.integers(1, 12))
def test_no_small_script_makes_them_differ(rng: Random, wallets: int, commands: int) -> None:
    compare(rng, wallets, commands, asks=2)


def test_each_code_has_at_most_one_row() -> None:
    codes = [limit.code for limit in (*PORTFOLIO_LIMITS, *WALLET_LIMITS)]
    assert len(codes) == len(set(codes))
    assert set(codes) >= gate.WRITTEN_OUT | broken_limits.WRITTEN_OUT
    assert capacity.WRITTEN_OUT <= broken_limits.WRITTEN_OUT


# A limit that no desk has: what a wallet may hold and be buying of all tokens, in USD. It borrows a code that no wallet
# row has.
HOLDINGS = Limit[WalletPlace](
    code=Code.PORTFOLIO_EXPOSURE,
    scope=Scope.ALL,
    limit_of=lambda at: 1_000 * MICROS,
    used_of=lambda at: at.book.positions_micros + at.book.entries_micros,
    adds=NOTIONAL,
    name="holdings",
)
# Another: entries that are open at once.
OPEN = Limit[WalletPlace](
    code=Code.PORTFOLIO_TRADES,
    scope=Scope.ALL,
    limit_of=lambda at: 1,
    used_of=lambda at: at.book.entries_open,
    adds=ONE,
    name="open",
)


def asked(desk: CoreDesk, words: str) -> EntryRequest:
    """What a signal asks for, as `buy sol $600`."""
    verb, name, amount = words.split()
    signal, state = desk.signal(verb, name, amount, []).signal, desk.state
    return entry_request(state, signal, stale_at_ns(state.settings, signal, desk.now_ns))


@pytest.mark.parametrize(("wanted", "refused"), [("$600", False), ("$600.000001", True)])
def test_a_new_row_refuses_with_its_numbers(wanted: str, refused: bool) -> None:
    desk = CoreDesk("w1; buy eth $300; fill; buy btc $100")
    request, book = asked(desk, f"buy sol {wanted}"), desk.book("w1")
    found = list(wallet_refusals(desk.state, book, request, desk.now_ns, (*WALLET_LIMITS, HOLDINGS)))
    after = 400 * MICROS + request.notional_micros
    assert found == ([Refusal(Code.PORTFOLIO_EXPOSURE, 1_000 * MICROS, after, book.wallet.id)] if refused else [])
    assert gate.wallet_may_enter(desk.state, book, request, desk.now_ns, (HOLDINGS,)) == (not refused)
    assert gate.wallet_may_enter(desk.state, book, request, desk.now_ns)


def test_a_new_row_bounds_capacity_and_sizes_and_is_shown() -> None:
    desk = CoreDesk("w1; buy eth $300; fill; buy btc $100")
    state, book = desk.state, desk.book("w1")
    assert capacity.wallet_capacity_micros(state, book) > 600 * MICROS
    assert capacity.wallet_capacity_micros(state, book, (HOLDINGS,)) == 600 * MICROS
    signal = desk.signal("buy", "sol", "risk$500", ["stop", "5"]).signal
    sized = SizedRequest(state, signal, desk.now_ns + 10**9)
    sizing = sized.size(book, (*WALLET_LIMITS, HOLDINGS))
    assert (Code.PORTFOLIO_EXPOSURE, 600 * MICROS) in sizing.caps
    assert sizing.notional_micros == 600 * MICROS
    (use,) = wallet_uses(state, book, (HOLDINGS,))
    assert use == LimitUse(Code.PORTFOLIO_EXPOSURE, "holdings", 400 * MICROS, 1_000 * MICROS, is_count=False)
    assert use.percent == 40.0


def test_a_new_row_of_a_count_blocks_what_is_full() -> None:
    desk = CoreDesk("w1; buy btc $100")
    state, book, request = desk.state, desk.book("w1"), asked(desk, "buy sol $1")
    assert capacity.wallet_capacity_micros(state, book, (OPEN,)) == -1
    assert [no.actual for no in wallet_refusals(state, book, request, desk.now_ns, (OPEN,))] == [2]
    assert not gate.wallet_may_enter(state, book, request, desk.now_ns, (OPEN,))
    desk.play("fill")
    assert capacity.wallet_capacity_micros(state, book, (OPEN,)) > 0
    assert gate.wallet_may_enter(state, book, asked(desk, "buy sol $1"), desk.now_ns, (OPEN,))
