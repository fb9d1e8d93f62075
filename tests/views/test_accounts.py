"""Accounts: every rule in a row; and of any journal the rows come to what the books say, to the last unit.

See specification §11.4.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sim.books import Books
from tests.sim.simulate import Kind, simulate
from tests.support.core_desk import NOON_NS, CoreDesk, rows
from tests.support.effort import examples
from tests.support.random_commands import RandomCommands

from overmind.clock.instants import INSTANT_MAX_NS
from overmind.core.books.apply import apply
from overmind.core.books.state import State, decode_state, encode_state, forget_changes
from overmind.core.model.commands import Command, CommandRefused
from overmind.core.model.events import DayRolled, Entry
from overmind.core.model.ids import WalletId
from overmind.core.model.units import DAY_NS
from overmind.views.account_proof import differences
from overmind.views.account_rows import PROVISIONAL, Cost, Gain, Period, Transfer
from overmind.views.accounts import AccountingReport, may_begin_from, shares
from overmind.views.statement import exact, usd

ALWAYS = Period(0, INSTANT_MAX_NS)
TODAY, TOMORROW = Period(0, NOON_NS + DAY_NS // 2), Period(NOON_NS + DAY_NS // 2, INSTANT_MAX_NS)
GOLDEN = Path(__file__).parents[1] / "golden"
NEXT_DAY = "wait 86400000; mark sol 100; mark eth 2000"


class Kept:
    """A sink that keeps every row."""

    def __init__(self) -> None:
        self.gains: list[Gain] = []
        self.costs: list[Cost] = []
        self.transfers: list[Transfer] = []
        self.gain = self.gains.append
        self.cost = self.costs.append
        self.transfer = self.transfers.append


def accounts_of(
    entries: list[Entry], period: Period = ALWAYS, wallet: str | None = None
) -> tuple[Kept, AccountingReport]:
    kept = Kept()
    accounts = AccountingReport(period, kept, None if wallet is None else WalletId(wallet))
    for entry in entries:
        accounts.fold(entry)
    accounts.close()
    return kept, accounts


def told(gain: Gain) -> str:
    """`sale 0.5 eth 1000>1100 momentum a>b`: how, what, cost and proceeds, whose lot, by which orders, how sure."""
    quantity = exact(gain.lot.units, gain.token.decimals).rstrip("0").rstrip(".")
    money = ">".join(usd(micros).rstrip("0").rstrip(".") for micros in (gain.lot.cost_micros, gain.proceeds_micros))
    whose = gain.strategy.removesuffix("Trading").lower()
    orders = f"{gain.lot.origin.removesuffix('.0.0') or '?'}>{gain.origin.id.removesuffix('.0.0')}"
    return f"{gain.how} {quantity} {gain.token.symbol.lower()} {money} {whose} {orders} {gain.status}"


BUY, SELL = "buy eth $1000 id a; fill", "sell eth 0.5 id b; fill"
PROVISIONAL_SALE = f"w1; {BUY}; sell eth 0.5 id b; fill at 2200 provisional"
TABLE = f"""
steps | gains
w1; {BUY}; mark eth 2200 |
w1; {BUY}; mark eth 2200; {SELL} | sale 0.5 eth 1000>1100 momentum a>b final
w1; {BUY}; mark eth 2200; sell eth 0.2 id b; fill; sell eth all id c; fill | sale 0.2 eth 400>440 momentum a>b final, \
sale 0.3 eth 600>660 momentum a>c final
# Each lot in turn, whose ever it is; what rounding leaves of the proceeds is the last one's.
w1; {BUY}; buy eth $1000 by arbitrage id c; fill; sell eth 0.75 id b; fill | sale 0.5 eth 1000>1000 momentum a>b final,\
 sale 0.25 eth 500>500 arbitrage c>b final
w1; buy eth $0.00006 id a; fill; buy eth $0.00006 id b; fill; sell eth 0.00000005 id c; fill at 2010 | \
sale 0.00000003 eth 0.00006>0.00006 momentum a>c final, sale 0.00000002 eth 0.00004>0.00004 momentum b>c final
w1; deposit w1 0.5 eth; mark eth 2200; sell eth all id b; fill | sale 0.5 eth 1000>1100 deposit d3>b final
w1 usd 9900; accept w1 eth 0.5; mark eth 2200; sell eth all id b; fill | sale 0.5 eth 1000>1100 deposit ?>b final
w1; {BUY}; mark eth 2200; accept w1 eth 0.2 | withdrawal 0.3 eth 600>660 momentum a>entry 12 final
# What a fork may still undo, what it did not, what it undid.
{PROVISIONAL_SALE} | sale 0.5 eth 1000>1100 momentum a>b provisional
{PROVISIONAL_SALE}; final | sale 0.5 eth 1000>1100 momentum a>b final
{PROVISIONAL_SALE}; roll back b.0.0 as expired | sale 0.5 eth 1000>1100 momentum a>b undone, \
sale undone -0.5 eth -1000>-1100 momentum a>b reversal
{PROVISIONAL_SALE}; roll back b.0.0 as filled at 2100 | sale 0.5 eth 1000>1100 momentum a>b undone, \
sale undone -0.5 eth -1000>-1100 momentum a>b reversal, sale 0.5 eth 1000>1050 momentum a>b final
{PROVISIONAL_SALE}; roll back b.0.0 as expired; sell eth all id c; fill at 2300 | \
sale 0.5 eth 1000>1100 momentum a>b undone, sale undone -0.5 eth -1000>-1100 momentum a>b reversal, \
sale 0.5 eth 1000>1150 momentum a>c final
w1; {BUY}; buy eth $1000 by arbitrage id c; fill; sell eth all id b; fill provisional; roll back b.0.0 as expired | \
sale 0.5 eth 1000>1000 momentum a>b undone, sale 0.5 eth 1000>1000 arbitrage c>b undone, \
sale undone -0.5 eth -1000>-1000 momentum a>b reversal, sale undone -0.5 eth -1000>-1000 arbitrage c>b reversal
w1; {BUY} provisional; roll back a.0.0 as expired | buy undone 0.5 eth 1000>1000 momentum a>a reversal
# Half of it was sold before the fork took all of it: the half that is gone brought its price back, and had no cost.
w1; {BUY} provisional; sell eth 0.25 id b; fill at 2200; roll back a.0.0 as expired | \
sale 0.25 eth 500>550 momentum a>b final, buy undone 0.25 eth 500>500 momentum a>a reversal, \
buy undone 0.25 eth 0>500 momentum ?>a reversal
# The fork took the lot before the sale that held it was filled. What comes later pays the debt, for nothing.
w1; {BUY} provisional; sell eth all id b; roll back a.0.0 as expired; fill b.0.0 at 2200 | \
buy undone 0.5 eth 1000>1000 momentum a>a reversal, sale 0.5 eth 0>1100 momentum ?>b final
w1; {BUY} provisional; sell eth all id b; roll back a.0.0 as expired; fill b.0.0 at 2200; deposit w1 1 eth | \
buy undone 0.5 eth 1000>1000 momentum a>a reversal, sale 0.5 eth 0>1100 momentum ?>b final, \
debt 0.5 eth 1000>0 deposit d3>d3 final
# A debt that was paid stays paid, whatever becomes of the fill that paid it.
w1; {BUY} provisional; buy eth $2000 id c; sell eth 0.5 id b; roll back a.0.0 as expired; fill b.0.0 at 2200; \
fill c.0.0 provisional; roll back c.0.0 as expired | buy undone 0.5 eth 1000>1000 momentum a>a reversal, \
sale 0.5 eth 0>1100 momentum ?>b final, debt 0.5 eth 1000>0 momentum c>c final, \
buy undone 0.5 eth 1000>1000 momentum c>c reversal, buy undone 0.5 eth 0>1000 momentum ?>c reversal
"""


@pytest.mark.parametrize(("steps", "then"), rows(TABLE))
def test_gains(steps: str, then: str) -> None:
    kept, accounts = accounts_of(CoreDesk(steps).entries)
    assert ", ".join(map(told, kept.gains)) == then
    assert accounts.differences == []


def test_costs_and_what_a_fork_gave_back_of_them() -> None:
    desk = CoreDesk(
        "w1; buy eth $1000 id a; fill provisional fee 5000 rent 2039280; buy btc $10 id b; fail fee 7 provisional"
    )
    desk.play("roll back a.0.0 as failed fee 6000; final b.0.0; buy eth $10 id c; expire; buy eth $10 id d; reject")
    kept, accounts = accounts_of(desk.entries)
    assert [(row.origin.id, row.fee_lamports, row.rent_lamports, row.micros, row.status) for row in kept.costs] == [
        ("a.0.0", 5_000, 2_039_280, 204_428, "undone"),
        ("b.0.0", 7, 0, 1, "final"),
        ("a.0.0", -5_000, -2_039_280, -204_428, "reversal"),
        ("a.0.0", 6_000, 0, 600, "final"),
    ]
    assert accounts.total.costs_micros == 601
    assert accounts.differences == []


def test_costs_that_were_worth_nothing_are_reversed_as_well() -> None:
    desk = CoreDesk("w1; buy eth $1000 id a; fill provisional; roll back a.0.0 as failed")
    kept, _ = accounts_of(desk.entries)
    assert [(row.fee_lamports, row.status) for row in kept.costs] == [(0, "undone"), (0, "reversal"), (0, "final")]


def test_transfers() -> None:
    desk = CoreDesk("w1 usd 100 sol 2; deposit w1 1 eth; accept w1 usd -7 sol +0.5 because moved")
    kept, accounts = accounts_of(desk.entries)
    assert [(row.kind, row.token.symbol, row.units, row.micros, row.reason) for row in kept.transfers] == [
        ("deposit", "USDC", 100_000_000, 100_000_000, ""),
        ("deposit", "SOL", 2_000_000_000, 200_000_000, ""),
        ("deposit", "ETH", 100_000_000, 2_000_000_000, ""),
        ("adjustment", "SOL", 500_000_000, 50_000_000, "moved"),
        ("adjustment", "USDC", -7_000_000, -7_000_000, "moved"),
    ]
    assert accounts.total.transfers_micros == desk.state.deposited_micros
    assert accounts.differences == []


def test_a_rollback_stands_on_its_own_day() -> None:
    desk = CoreDesk(f"{PROVISIONAL_SALE}; {NEXT_DAY}; roll back b.0.0 as expired")
    today, tomorrow = (accounts_of(desk.entries, period) for period in (TODAY, TOMORROW))
    assert [told(row) for row in today[0].gains] == ["sale 0.5 eth 1000>1100 momentum a>b undone"]
    assert [told(row) for row in tomorrow[0].gains] == ["sale undone -0.5 eth -1000>-1100 momentum a>b reversal"]
    assert (today[1].total.gain_micros, tomorrow[1].total.gain_micros) == (100_000_000, -100_000_000)


def test_from_is_inclusive_and_to_exclusive() -> None:
    desk = CoreDesk(f"w1; {BUY}; {SELL}")
    at_ns = desk.entries[-1].at_ns
    for period, expected in (
        (Period(at_ns, at_ns + 1), 1),
        (Period(at_ns - 1, at_ns), 0),
        (Period(at_ns + 1, at_ns + 2), 0),
        (Period(at_ns, at_ns), 0),
    ):
        kept, accounts = accounts_of(desk.entries, period)
        assert len(kept.gains) == accounts.total.gains == expected, period
        assert accounts.differences == []


def test_one_wallet_alone() -> None:
    desk = CoreDesk("w1; w2; buy eth $1000 not w2 id a; fill; buy eth $1000 not w1 id b; fill; sell eth all id c; fill")
    kept, accounts = accounts_of(desk.entries, wallet="w2")
    assert {row.wallet_id for row in kept.gains} == {row.wallet_id for row in kept.transfers} == {"w2"}
    assert {key.wallet_id for key in accounts.sums} == {"w2"}
    assert accounts.differences == []  # The comparison covers all of them.


def test_rows_wait_for_the_one_before_them_that_a_fork_may_undo() -> None:
    desk = CoreDesk(f"{PROVISIONAL_SALE}; buy btc $10 id c; fill; sell btc all id d; fill; final")
    kept, _ = accounts_of(desk.entries)
    assert [told(row) for row in kept.gains] == [
        "sale 0.5 eth 1000>1100 momentum a>b final",
        "sale 0.0002 btc 10>10 momentum c>d final",
    ]


@pytest.mark.parametrize(
    ("amount", "weights", "expected"),
    [
        (10, [1, 1, 1], [3, 3, 4]),
        (-10, [1, 1, 1], [-4, -4, -2]),
        (0, [5, 7], [0, 0]),
        (7, [3], [7]),
        (2, [1, 10**30], [0, 2]),
    ],
)
def test_shares_lose_nothing(amount: int, weights: list[int], expected: list[int]) -> None:
    assert shares(amount, weights) == expected
    assert sum(expected) == amount


def test_a_difference_is_named() -> None:
    assert differences({"a": 1, "b": 0}, {"a": 1}) == []
    assert differences({"a": 1}, {"a": 2, "b": 3}) == [
        "a: the rows come to 1, the books say 2",
        "b: the rows come to 0, the books say 3",
    ]


# For all journals


def check(entries: list[Entry], cut_ns: int) -> None:
    """The rows equal our books, the second bookkeeper's, and those of the same journal cut in two."""
    kept, accounts = accounts_of(entries)
    assert accounts.differences == []
    books = Books()
    for entry in entries:
        if isinstance(entry.event, DayRolled):
            books.decisions.clear()  # The core leaves old ids to the journal's index, which is absent here.
        books.fold(entry)
    for wallet_id, book in books.wallets.items():
        gains = sum(row.gain_micros for row in kept.gains if row.wallet_id == wallet_id)
        costs = sum(row.micros for row in kept.costs if row.wallet_id == wallet_id)
        assert gains - costs == book.realised_micros, wallet_id
        of_summary = sum(sums.realised_micros for key, sums in accounts.sums.items() if key.wallet_id == wallet_id)
        assert of_summary == book.realised_micros, wallet_id
    unsettled = {row.origin.id for row in kept.gains if row.status == PROVISIONAL}
    unsettled |= {row.origin.id for row in kept.costs if row.status == PROVISIONAL}
    assert unsettled <= {*books.provisional, *books.provisional_moves}
    halves = [accounts_of(entries, period) for period in (Period(0, cut_ns), Period(cut_ns, INSTANT_MAX_NS))]
    assert [row for half, _ in halves for row in half.gains] == kept.gains
    assert [row for half, _ in halves for row in half.costs] == kept.costs
    assert [row for half, _ in halves for row in half.transfers] == kept.transfers
    assert not any(half.differences for _, half in halves)


def attempt(desk: CoreDesk, command: Command) -> None:
    try:
        desk.do(command)
    except CommandRefused:
        return


def play(rng: Random, wallets: int, commands: int, forks: bool) -> list[Entry]:
    desk, chance = CoreDesk(prices={}), RandomCommands(rng, wallets, forks)
    for command in chance.opening():
        attempt(desk, command)
    for _ in range(commands):
        desk.now_ns += chance.later_ns()
        attempt(desk, chance.command(desk))
    return desk.entries


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("forks", [False, True])
def test_long_scripts_add_up(seed: int, forks: bool) -> None:
    entries = play(Random(seed), 1 + seed, 400, forks)
    check(entries, entries[len(entries) // 2].at_ns)


@settings(derandomize=True, max_examples=examples(60))
@given(st.randoms(use_true_random=False), st.integers(1, 3), st.integers(5, 60), st.integers(0, 100))
def test_every_small_script_of_forks_adds_up(rng: Random, wallets: int, commands: int, percent: int) -> None:
    entries = play(rng, wallets, commands, forks=True)
    check(entries, entries[(len(entries) - 1) * percent // 100].at_ns)


@pytest.mark.parametrize("kind", ["plain", "chain"])
@pytest.mark.parametrize("seed", range(30_000, 30_006))
def test_the_journals_of_the_simulator_add_up(kind: Kind, seed: int) -> None:
    entries = simulate(seed, kind).journal.entries
    check(entries, entries[len(entries) // 2].at_ns)


@pytest.mark.parametrize("name", ["version-4-moves", "version-6-lots", "version-6-losses"])
def test_a_report_from_a_kept_state_tells_the_same_of_its_period(name: str) -> None:
    """Every state that a report may begin from, and every end that it may stop at."""
    lines = (GOLDEN / f"{name}.jsonl").read_bytes().splitlines()[1:]
    entries = [msgspec.json.decode(line, type=Entry) for line in lines]
    begun, stopped, state, ends = 0, 0, State(), sorted({entry.at_ns for entry in entries})
    for entry, follower in pairwise(entries):
        apply(state, entry)
        forget_changes(state)
        if entry.at_ns == follower.at_ns or not may_begin_from(state):
            continue
        period = Period(follower.at_ns, max(follower.at_ns, ends[-2]))
        whole, expected = accounts_of(entries, period)
        kept = Kept()
        accounts = AccountingReport(period, kept, begin=decode_state(encode_state(state)))
        for later in entries[entry.seq :]:
            accounts.fold(later)
            if accounts.is_complete:
                stopped += 1
                break
        accounts.close()
        begun += 1
        assert accounts.differences == []
        assert (accounts.sums, accounts.total) == (expected.sums, expected.total)
        for one, other in zip(
            (kept.gains, kept.costs, kept.transfers), (whole.gains, whole.costs, whole.transfers), strict=True
        ):
            assert one == other
    assert begun > 1
    assert stopped > 0 or name != "version-4-moves", "the others end with rows that a fork may undo"
