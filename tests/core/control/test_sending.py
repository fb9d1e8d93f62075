"""Whether an order or a move may be signed or sent now, waits, or is over: each kind against each thing that may come.

`file` in a case is the STOP file; the case is what happened after the work was placed, before it was sent.
"""

import pytest
from tests.support.core_desk import CoreDesk, rows

from overmind.core.control.sending import Over, Send, Wait, may_send
from overmind.core.model.units import NS

SOLD = "desk low 0; w1; buy eth $1000; fill; sell eth all; fill"
PLACED = {
    "buy": "w1; w2; buy eth $300 not w2",
    "sale": "w1; w2; deposit w1 1 eth; sell eth all",
    "exit": "w1; w2; deposit w1 1 eth; close w1 eth",
    "rebalance": "desk band 1; w1 aim 50 usd 14900; w2 aim 50 usd 4900; rebalance",
    "reclaim": f"{SOLD}; w2; wait 86400000; mark sol 100; mark eth 2000; moves",
    "top_up": "w1; w2 sol 0.1; moves",
    "sweep": "w1; w2 type Emergency usd 0; sweep; moves",
    "withdraw": "desk payees bank cap 1000 delay 60000; w1; w2; withdraw w1 $100",
}
FREELY = ("sale", "exit")
PROTECTS = ("top_up", "sweep")

TABLE = """
work                       | case                              | verdict
# Nothing came: it is sent. A withdrawal waits for its time, to the nanosecond.
*                          |                                   | send
withdraw                   | wait -1                           | wait its time has not come
withdraw                   | wait 0                            | send
# Exits always may, whatever stops all else and however late it is.
exits                      | stop                              | send
exits                      | hold portfolio operator           | send
exits                      | hold w1 emergency                 | send
exits                      | hold w1 quarantine                | send
exits                      | hold portfolio deficit:w1         | send
exits                      | file                              | send
exits                      | remove w1                         | send
exits                      | wait 30000                        | send
exits                      | stop; file; wait 99999999         | send
# One case only: the journal is an older copy, which may not know that it was sold.
exits                      | hold portfolio restored           | wait the journal is an older copy
exits                      | restored; history w1 w2           | send
exits                      | restored; history w1              | wait the journal is an older copy
exits                      | hold portfolio edited_journal     | wait the journal is an older copy
protects                   | hold portfolio restored           | wait the journal is an older copy
protects                   | hold portfolio restored; wait 30000 | over SIGNAL_EXPIRED the signal's time to live is over
buy rebalance reclaim      | hold portfolio restored           | over STOPPED portfolio stopped: restored
withdraw                   | hold portfolio restored           | wait held by portfolio: restored
# What protects passes every stop, within its time.
protects                   | stop                              | send
protects                   | hold portfolio operator           | send
protects                   | hold w1 quarantine                | send
protects                   | file                              | send
protects                   | remove w1                         | send
protects                   | wait 29999                        | send
protects                   | wait 30000                        | over SIGNAL_EXPIRED the signal's time to live is over
protects                   | stop; file; wait 30000            | over SIGNAL_EXPIRED the signal's time to live is over
# An entry and any other move end with a stop, of the payer or of the receiver, and with their time.
buy rebalance reclaim      | hold portfolio operator           | over STOPPED portfolio stopped: operator
buy rebalance reclaim      | hold portfolio b; hold portfolio a | over STOPPED portfolio stopped: a, b
buy rebalance reclaim      | hold portfolio deficit:w2         | over STOPPED portfolio stopped: deficit:w2
buy rebalance reclaim      | stop                              | over STOPPED emergency stop
buy rebalance reclaim      | hold w1 emergency                 | over STOPPED emergency stop
buy reclaim                | hold w2 emergency                 | send
rebalance                  | hold w2 emergency                 | over STOPPED emergency stop
buy rebalance reclaim      | hold w1 operator                  | send
buy rebalance reclaim      | hold w1 quarantine                | send
buy rebalance reclaim      | hold momentum operator            | send
buy rebalance reclaim      | remove w1                         | send
buy rebalance reclaim      | stop; reactivate w1; reactivate w2 | send
buy rebalance reclaim      | hold portfolio a; lift portfolio a | send
buy rebalance reclaim      | file                              | over STOPPED STOP file
buy rebalance reclaim      | wait 29999                        | send
buy rebalance reclaim      | wait 30000                        | over SIGNAL_EXPIRED the signal's time to live is over
buy rebalance reclaim      | hold portfolio a; file; wait 30000 | over STOPPED portfolio stopped: a
buy rebalance reclaim      | file; wait 30000                  | over STOPPED STOP file
# Used-up trades of the day stop entries, and no move of capital.
buy                        | hold portfolio day_trades         | over STOPPED portfolio stopped: day_trades
rebalance reclaim          | hold portfolio day_trades; hold w1 day_trades | send
withdraw                   | hold portfolio day_trades; hold w1 day_trades; wait 0 | send
# A withdrawal that nobody has the bytes of ends with what forbids it,
withdraw                   | stop                              | over CANCELLED
withdraw                   | desk payees vault                 | over CANCELLED
withdraw                   | remove w1                         | over CANCELLED
withdraw                   | cancel move:withdraw:x            | over CANCELLED
withdraw                   | file                              | over STOPPED STOP file
withdraw                   | hold w1 operator; file            | over STOPPED STOP file
# and one that was signed is sent no more, while its outcome is asked for.
withdraw                   | sign; stop                        | over STOPPED w1 is held by emergency: ask again
withdraw                   | sign; hold portfolio deficit:w2   | over STOPPED portfolio is held by deficit:w2
withdraw                   | sign; hold w1 quarantine          | over STOPPED w1 is held by quarantine
withdraw                   | sign; remove w1                   | over NO_KEY w1 is not configured any more
withdraw                   | sign; desk cap 0                  | over NOT_ALLOWED OVERMIND_WITHDRAW_DAY_MAX_USD is 0 now
withdraw                   | sign; desk payees vault           | over NOT_ALLOWED bank is not in OVERMIND
# Any other hold on it makes it wait, within its life of an hour.
withdraw                   | hold w1 operator                  | wait held by w1: operator
withdraw                   | hold portfolio c; hold w1 b; hold w1 a | wait held by portfolio: c, w1: a, w1: b
withdraw                   | sign; hold w1 operator            | wait held by w1: operator
withdraw                   | hold w1 operator; lift w1 operator | send
withdraw                   | hold w2 operator                  | send
withdraw                   | wait 3599999                      | send
withdraw                   | wait 3600000                      | over SIGNAL_EXPIRED the signal's time to live is over
withdraw                   | hold w1 operator; wait 3600000    | over SIGNAL_EXPIRED expired while held by w1
# What has its outcome is sent by nobody.
buy sale exit              | reject                            | over CANCELLED it was cancelled before it was begun
*                          | fill                              | over CANCELLED it was cancelled before it was begun
"""
GROUPS = {"*": tuple(PLACED), "exits": FREELY, "protects": PROTECTS}
CASES = [
    (work, case, verdict)
    for works, case, verdict in rows(TABLE)
    for work in (GROUPS[works] if works in GROUPS else works.split())
]


@pytest.mark.parametrize(("work", "case", "verdict"), CASES)
def test_what_may_be_sent(work: str, case: str, verdict: str) -> None:
    desk = CoreDesk(PLACED[work])
    (known,) = [*desk.state.open_orders.values(), *desk.state.open_moves.values()]
    steps = [step.strip() for step in case.split(";") if step.strip()]
    if work == "withdraw":
        desk.play("wait 60000")
    desk.play(";".join(step for step in steps if step != "file"))
    given = may_send(desk.state, known.work, desk.now_ns, stop_file="file" in steps)
    assert told(given).startswith(verdict)


def told(verdict: Send | Wait | Over) -> str:
    match verdict:
        case Send():
            return "send"
        case Wait(reason=reason):
            return f"wait {reason}"
        case Over(outcome=outcome):
            return f"over {outcome.cause} {outcome.detail}"


def test_it_waits_until_its_time_and_no_longer() -> None:
    desk = CoreDesk(PLACED["withdraw"])
    (known,) = desk.state.open_moves.values()
    early = may_send(desk.state, known.move, known.move.not_before_ns - 1, stop_file=False)
    assert early == Wait("its time has not come", known.move.not_before_ns)
    assert known.move.not_before_ns == desk.now_ns + 60 * NS
    held = may_send(desk.state, known.move, known.move.not_before_ns, stop_file=False)
    assert held == Send()
