"""Operator's changes at run time: never above the ceilings, kept over a restart, in force at once.

See specification §4.5.
"""

from __future__ import annotations

import pytest
from tests.support.core_desk import NOON_NS, CoreDesk, rows, told

from overmind.core.books.apply import apply
from overmind.core.books.state import State, decode_state, encode_state
from overmind.core.books.wallet_limits import values_of
from overmind.core.model.commands import ChangeLimits, ChangeMints, CommandRefused
from overmind.core.model.controls import Change, MintVerb, Remark
from overmind.core.model.events import LimitsChanged, MintsChanged
from overmind.core.model.ids import LimitName, Mint, WalletId
from overmind.core.model.units import MICROS

# A desk's ceilings are $2,000 a day, $20,000 a position, 90 %, 15 positions, a stop of 5 %, 200 trades. `narrow` is a
# wallet whose files have tighter limits than all of them.
NARROW = (
    "w1 loss 100 position 1000 exposure 20 places 3 stop 2 trades 10 risk 0.2 share momentum:70:1000,arbitrage:30:500"
)

CHANGES = """
given      | change                         | what then holds
# Each ceiling, and one above it.
narrow     | loss 2000                      | max_daily_loss 2000
narrow     | loss 2000.000001               | max_daily_loss: $2,000.000001 is too wide; at most $2,000
narrow     | position 20000                 | max_position_size 20000
narrow     | position 20000.000001          | max_position_size: $20,000.000001 is too wide; at most $20,000
narrow     | exposure 90                    | max_exposure_percentage 90
narrow     | exposure 90.0001               | max_exposure_percentage: 90.0001 % is too wide; at most 90 %
narrow     | places 15                      | max_concurrent_positions 15
narrow     | places 16                      | max_concurrent_positions: 16 is too wide; at most 15
narrow     | stop 5                         | stop_loss_threshold 5
narrow     | stop 5.0001                    | stop_loss_threshold: 5.0001 % is too wide; at most 5 %
narrow     | trades 200                     | daily_trade_limit 200
narrow     | trades 201                     | daily_trade_limit: 201 is too wide; at most 200
narrow     | momentum.position 20000        | MomentumTrading.max_position_size 20000
narrow     | momentum.position 20000.000001 | MomentumTrading.max_position_size: $20,000.000001 is too wide
# No stop loss at all is the widest of all.
narrow     | stop 0                         | stop_loss_threshold: none is too wide; at most 5 %
w1 stop 0  | stop 0                         | stop_loss_threshold 0
w1 stop 0  | stop 50                        | stop_loss_threshold 50
# What the wallet's own file says is always allowed, and nothing between it and the ceiling is more.
w1 loss 3000 | loss 3000                    | max_daily_loss 3000
w1 loss 3000 | loss 3000.000001             | max_daily_loss: $3,000.000001 is too wide; at most $3,000
w1 loss 3000 | loss 2500                    | max_daily_loss 2500
w1 stop 8  | stop 8                         | stop_loss_threshold 8
w1 stop 8  | stop 8.0001                    | stop_loss_threshold: 8.0001 % is too wide; at most 8 %
# A lower ceiling of this desk.
narrow; ceiling loss 500 | loss 500         | max_daily_loss 500
narrow; ceiling loss 500 | loss 501         | max_daily_loss: $501 is too wide; at most $500
narrow; ceiling stop 0 | stop 3             | stop_loss_threshold: 3 % is too wide; at most 2 %
# The risk level only goes up: the higher, the fewer signals tolerate it.
narrow     | risk 0.2                       | risk_level 0.2
narrow     | risk 1                         | risk_level 1
narrow     | risk 0.199999                  | risk_level: 0.199999 is below the files' 0.2
narrow     | risk 1.000001                  | risk_level: 1.000001 is out of bounds
# Nothing is a limit too.
narrow     | loss 0                         | max_daily_loss 0
narrow     | loss -1                        | max_daily_loss: $-1 is out of bounds
# Shares: each at most all, the enabled ones together as well.
narrow     | momentum.share 70 arbitrage.share 30 | MomentumTrading.share 70
narrow     | arbitrage.share 30.0001        | the enabled shares would sum to 100.0001 %
narrow     | momentum.share 40 arbitrage.share 60 | Arbitrage.share 60
narrow     | arbitrage.enabled 0 momentum.share 100 | MomentumTrading.share 100
narrow     | momentum.share 100.0001        | MomentumTrading.share: 100.0001 % is out of bounds
narrow     | momentum.enabled 2             | MomentumTrading.enabled: true is out of bounds
w1 share momentum:70:1000,arbitrage:30:500:off | arbitrage.enabled 1 | Arbitrage.enabled 1
w1 share momentum:70:1000,arbitrage:31:500:off | arbitrage.enabled 1 | the enabled shares would sum to 101 %
# A strategy that the files do not give to the wallet is not given here.
narrow     | meteora.share 1                | MeteoraDAMM.share is no limit of this wallet
narrow     | leverage 5                     | leverage is no limit of this wallet
narrow     | Nonsense.share 5               | Nonsense.share is no limit of this wallet
# Allocations of all wallets together.
w1 aim 40; w2 aim 60 | allocation 0.4      | allocation 0.4
w1 aim 40; w2 aim 60 | allocation 0.400001 | the allocations of all wallets would sum to 1.000001
w1 aim 40; w2 aim 60; remove w2 | allocation 1 | allocation 1
w1 aim 40; w2 aim 60; change w2 allocation 0.5 | allocation 0.5 | allocation 0.5
w1         | allocation 1.000001            | allocation: 1.000001 is out of bounds
"""


@pytest.mark.parametrize(("given", "change", "expected"), rows(CHANGES))
def test_a_change_within_the_ceilings_holds_at_once(given: str, change: str, expected: str) -> None:
    desk = CoreDesk(given.replace("narrow", NARROW))
    before = encode_state(desk.state)
    name, _, value = expected.partition(" ")
    if not name[-1].isalpha() or name == "the" or value.startswith("is no"):
        with pytest.raises(CommandRefused) as refused:
            desk.play(f"change w1 {change}")
        assert expected in str(refused.value)
        assert encode_state(desk.state) == before
    else:
        assert told(desk.play(f"change w1 {change}")) == "LimitsChanged"
        assert holds(desk)[name] == float(value)
        assert told(desk.play(f"change w1 {change}")) == "nothing"


def holds(desk: CoreDesk, name: str = "w1") -> dict[str, float]:
    """Limits in USD, percent and ratios."""
    scales = {"max_daily_loss": 1e6, "max_position_size": 1e6, "risk_level": 1e6, "allocation": 1e6}
    whole = ("max_concurrent_positions", "daily_trade_limit", "enabled")
    return {
        one: value / (1 if one.rpartition(".")[2] in whole else scales.get(one.rpartition(".")[2], 1e4))
        for one, value in values_of(desk.book(name).wallet).items()
    }


def test_all_faults_are_named_at_once_and_nothing_is_changed() -> None:
    desk = CoreDesk(NARROW)
    with pytest.raises(CommandRefused) as refused:
        desk.play("change w1 loss 50 position 99999 stop 6 nonsense 1 momentum.share 90 allocation 2")
    for fault in ("max_position_size", "stop_loss_threshold", "nonsense", "shares would sum to 120 %", "allocation: 2"):
        assert fault in str(refused.value)
    assert "max_daily_loss:" not in str(refused.value)
    assert desk.book("w1").wallet is desk.book("w1").configured


@pytest.mark.parametrize(
    "command",
    [
        ChangeLimits(WalletId("nobody"), {}, "ann", "x"),
        ChangeLimits(WalletId("w1"), {LimitName("max_daily_loss"): 1}, " ", "x"),
        ChangeLimits(WalletId("w1"), {LimitName("max_daily_loss"): 1}, "ann", ""),
        ChangeMints(MintVerb.BLOCK, Mint("eth"), "ann", " "),
        ChangeMints(MintVerb.BLOCK, None, "ann", "x"),
        ChangeMints(MintVerb.DISALLOW, Mint("eth"), "ann", "x"),
    ],
)
def test_who_why_and_what_are_required(command: ChangeLimits | ChangeMints) -> None:
    desk = CoreDesk("w1")
    before = encode_state(desk.state)
    with pytest.raises(CommandRefused):
        desk.do(command)
    assert encode_state(desk.state) == before


# The files or the ceilings change at a restart: the operator's changes are applied again on top of them.
RESTARTS = """
steps                                                                   | what then holds
w1 loss 100; change w1 loss 50; w1 loss 100                             | max_daily_loss 50
w1 loss 100; change w1 loss 50; w1 loss 30                              | max_daily_loss 50
w1 loss 100; change w1 loss 50; w1 loss 30 position 700                 | max_position_size 700
w1 loss 100; change w1 loss 50; remove w1; w1 loss 100                  | max_daily_loss 50
# A ceiling that shrinks takes the change with it, though never below the files; one that grows gives it back.
w1 loss 100; change w1 loss 900; ceiling loss 500                       | max_daily_loss 500
w1 loss 100; change w1 loss 900; ceiling loss 50                        | max_daily_loss 100
w1 loss 100; change w1 loss 900; ceiling loss 500; ceiling loss 2000    | max_daily_loss 900
w1 stop 2; change w1 stop 5; ceiling stop 3                             | stop_loss_threshold 3
w1 stop 2; change w1 stop 5; ceiling stop 1                             | stop_loss_threshold 2
w1 stop 0; change w1 stop 9; w1 stop 2                                  | stop_loss_threshold 5
# The file no longer speaks for what it spoke for.
w1 loss 3000; change w1 loss 2500; w1 loss 100                          | max_daily_loss 2000
w1 risk 0.2; change w1 risk 0.3; w1 risk 0.7                            | risk_level 0.7
# Another field can be changed meanwhile.
w1 loss 100; change w1 loss 900; ceiling loss 500; change w1 places 4   | max_daily_loss 500
# Back to the files: by name, or all by name.
w1 loss 100; change w1 loss 50 places 4; change w1 loss files           | max_daily_loss 100
w1 loss 100; change w1 loss 50 places 4; change w1 loss files           | max_concurrent_positions 4
w1 loss 100; change w1 loss 50 places 4; change w1 loss files places files | max_concurrent_positions 100
# Shares that fit no more: the stricter of both in each strategy.
w1 share momentum:40:900,arbitrage:30:900; change w1 arbitrage.share 60; \
w1 share momentum:50:900,arbitrage:20:900 | Arbitrage.share 20
w1 share momentum:40:900,arbitrage:30:900; change w1 arbitrage.share 60; \
w1 share momentum:40:900,arbitrage:20:900 | Arbitrage.share 60
w1 share momentum:40:900,arbitrage:60:900:off; change w1 arbitrage.enabled 1; \
w1 share momentum:41:900,arbitrage:60:900:off | Arbitrage.enabled 0
# A strategy that the files drop is not kept alive, and what was wanted of it rests.
w1 share momentum:40:900,arbitrage:30:900; change w1 arbitrage.share 60; \
w1 share momentum:90:900 | MomentumTrading.share 90
w1 share momentum:40:900,arbitrage:30:900; change w1 arbitrage.share 60; w1 share momentum:40:900; \
w1 share momentum:40:900,arbitrage:30:900 | Arbitrage.share 60
# Back to the files goes always, share by share only where the rest fits.
w1 share momentum:40:900,arbitrage:60:900; change w1 momentum.share 60 arbitrage.share 40; \
change w1 momentum.share files arbitrage.share files | Arbitrage.share 60
# Allocations that fit no more: the lower of both. A wallet that is gone does not count.
w1 aim 40; w2 aim 40; change w1 allocation 0.6; w2 aim 41 | allocation 0.4
w1 aim 40; w2 aim 40; change w1 allocation 0.6; w2 aim 40  | allocation 0.6
w1 aim 40; w2 aim 40; change w1 allocation 0.6; w2 aim 50; remove w2 | allocation 0.6
w1 aim 40; w2 aim 40; change w1 allocation 0.6; remove w2; w2 aim 50 | allocation 0.4
w1 aim 40; w2 aim 40; remove w2; change w1 allocation 1; w2 | allocation 0.4
w1 aim 40; w2 aim 40; remove w2; change w1 allocation 1; w2; change w2 allocation 0 | allocation 1
"""


@pytest.mark.parametrize(("steps", "expected"), rows(RESTARTS.replace("\\\n", "")))
def test_a_restart_keeps_what_was_changed(steps: str, expected: str) -> None:
    desk = CoreDesk(steps)
    name, _, value = expected.partition(" ")
    assert holds(desk)[name] == float(value)
    again = State()
    for entry in desk.entries:
        apply(again, entry)
    assert encode_state(again) == encode_state(desk.state)
    assert encode_state(decode_state(encode_state(again))) == encode_state(again)


def test_one_share_goes_back_to_the_files_only_where_the_others_leave_room() -> None:
    desk = CoreDesk("w1 share momentum:40:900,arbitrage:60:900; change w1 momentum.share 60 arbitrage.share 40")
    with pytest.raises(CommandRefused, match="would sum to 120 %"):
        desk.play("change w1 arbitrage.share files")
    desk.play("change w1 momentum.share files")
    assert holds(desk)["MomentumTrading.share"] == 40


def test_the_journal_has_who_changed_what_and_why() -> None:
    desk = CoreDesk("w1 loss 100; change w1 loss 50; wait 1000")
    bob = ChangeLimits(
        WalletId("w1"), {LimitName("max_daily_loss"): 50 * MICROS, LimitName("stop_loss_threshold"): 9}, "bob", "calm"
    )
    (event,) = desk.do(bob)
    assert event == LimitsChanged(
        WalletId("w1"),
        {
            LimitName("max_daily_loss"): Change(50 * MICROS, "ann", "because", NOON_NS),
            LimitName("stop_loss_threshold"): Change(9, "bob", "calm", NOON_NS + 10**9),
        },
        "bob",
        "calm",
    )


# w1 has $10,000. A change applies to the next entry; it sells nothing and lifts no hold.
NEXT = """
steps                                                                | next             | answer
w1 loss 100; change w1 position 500                                  | buy eth $500     | w1 $500
w1 loss 100; change w1 position 500                                  | buy eth $500.01  | POSITION_SIZE 500 500.01 @w1
w1; w2; change w1 position 500                                       | buy eth $501     | w2 $501
w1; buy eth $800; fill; change w1 position 500                       | buy eth $1       | POSITION_SIZE 500 801 @w1
w1; buy eth $800; fill; change w1 position 500                       | exits            | nothing
w1; buy eth $800; fill; change w1 exposure 5 places 0 trades 0 loss 0 | sell eth all     | w1 0.4 eth
w1 position 500; change w1 position 900                              | buy eth $900     | w1 $900
w1 position 500; change w1 position 900; change w1 position files    | buy eth $501     | POSITION_SIZE 500 501 @w1
w1 share momentum:50:9000; change w1 momentum.enabled 0 | buy eth $1 | STRATEGY_NOT_ENABLED enabled disabled @w1
w1 share momentum:50:9000; change w1 momentum.share 5                | buy eth $500.01  | STRATEGY_SHARE 500 500.01 @w1
w1; change w1 risk 0.5                                               | buy eth $1 tolerance 0.4 | RISK_LEVEL 0.4 0.5 @w1
# A tighter stop acts on what is held, with the next price; a wider one lets it live.
w1 stop 10; buy eth $1000; fill; mark eth 1930; change w1 stop 3     | mark eth 1929 | PricesMarked + w1 0.5 eth
w1 stop 10; buy eth $1000; fill; change w1 stop 3; mark eth 1941     | exits            | nothing
w1 stop 3; buy eth $1000; fill; change w1 stop 5; mark eth 1930      | exits            | nothing
# A wider limit lifts no hold; a lower one is found reached with the next price.
w1 loss 50; buy eth $1000; fill; mark eth 1900; change w1 loss 500 \
| buy eth $1 | WALLET_STATUS Active Suspended: day_loss @w1
w1 loss 500; buy eth $1000; fill; mark eth 1900; change w1 loss 50   | mark eth 1900.001| PricesMarked
w1 loss 500; buy eth $1000; fill; mark eth 1900; change w1 loss 50   | mark eth 1900    | PricesMarked + HoldAdded
# Failover goes through the same gate.
w1; w2; buy eth $800; change w2 position 700                         | reject           | OrderClosed
w1; w2; buy eth $800; change w2 position 800                         | reject           | OrderClosed + w2 $800
# A wallet that is gone is changed too: its stop still acts.
w1 stop 10; buy eth $1000; fill; remove w1; change w1 stop 3 | mark eth 1930 | PricesMarked + w1 0.5 eth
"""


@pytest.mark.parametrize(("steps", "step", "answer"), rows(NEXT.replace("\\\n", "")))
def test_a_change_binds_the_next_entry(steps: str, step: str, answer: str) -> None:
    assert told(CoreDesk(steps).play(step)) == answer


BLOCKED = "blocked by ann: because"
MINTS = f"""
steps                                  | next          | answer
w1; block eth                          | buy eth $1    | MINT_BLOCKED not blocked {BLOCKED}
w1; block eth                          | buy btc $1    | w1 $1
w1; block eth; unblock eth             | buy eth $1    | w1 $1
w1; allow btc                          | buy btc $1    | w1 $1
w1; allow btc                          | buy eth $1    | MINT_BLOCKED on the allow list not among the 1 that are allowed
w1; allow btc; disallow btc            | buy btc $1    | MINT_BLOCKED on the allow list not among the 0 that are allowed
w1; allow btc; block btc               | buy btc $1    | MINT_BLOCKED not blocked {BLOCKED}
w1; allow btc; allow all               | buy eth $1    | w1 $1
w1; block eth; allow all               | buy eth $1    | MINT_BLOCKED not blocked {BLOCKED}
w1; block btc; desk without btc | buy btc $1 | MINT_NOT_ADMITTED a listed or admitted token btc: no list has \
it, and this desk looks at no mint (OVERMIND_ADMISSION is off, or it is on paper) + MINT_BLOCKED not blocked {BLOCKED}
# What a wallet has nothing against is refused for what all of it has: that is the code, whatever other wallets say.
w1; w2 share none; block eth | buy eth $1 | MINT_BLOCKED not blocked {BLOCKED} + \
STRATEGY_NOT_ENABLED enabled not in the wallet's strategies @w2
# It stops no exit, of whatever kind.
w1 stop 5; buy eth $1000; fill; block eth; allow btc | sell eth all | w1 0.5 eth
w1 stop 5; buy eth $1000; fill; block eth | mark eth 1900           | PricesMarked + w1 0.5 eth
w1; buy eth $1000; fill; block eth     | close w1 eth  | CloseOrdered + w1 0.5 eth
# Failover goes through the same gate.
w1; w2; buy eth $1; block eth          | reject        | OrderClosed
w1; w2; buy eth $1; allow btc          | reject        | OrderClosed
w1; w2; buy eth $1; block btc          | reject        | OrderClosed + w2 $1
# Twice is once.
w1; block eth                          | block eth     | nothing
w1                                     | unblock eth   | nothing
w1; allow eth                          | allow eth     | nothing
w1                                     | allow all     | nothing
w1; allow btc; disallow btc            | disallow btc  | nothing
"""


@pytest.mark.parametrize(("steps", "step", "answer"), rows(MINTS.replace("\\\n", "")))
def test_only_allowed_mints_are_bought(steps: str, step: str, answer: str) -> None:
    assert told(CoreDesk(steps).play(step)) == answer


def test_a_list_keeps_the_first_remark() -> None:
    desk = CoreDesk("w1; block eth; wait 1000")
    assert desk.do(ChangeMints(MintVerb.BLOCK, Mint("eth"), "bob", "me too")) == ()
    (event,) = desk.do(ChangeMints(MintVerb.ALLOW, Mint("btc"), "bob", "only this"))
    assert isinstance(event, MintsChanged)
    assert event.mints.blocked == {Mint("eth"): Remark("ann", "because", NOON_NS)}
    assert event.mints.allowed == {Mint("btc"): Remark("bob", "only this", NOON_NS + 10**9)}
    assert (event.who, event.reason) == ("bob", "only this")


def test_a_list_has_a_maximum() -> None:
    desk = CoreDesk("w1")
    for number in range(1_000):
        desk.do(ChangeMints(MintVerb.BLOCK, Mint(f"m{number}"), "ann", "x"))
    with pytest.raises(CommandRefused, match="1000 mints"):
        desk.do(ChangeMints(MintVerb.BLOCK, Mint("one more"), "ann", "x"))
    assert desk.do(ChangeMints(MintVerb.BLOCK, Mint("m0"), "ann", "x")) == ()
