"""Journals written by earlier versions are read for ever: same events, same books, to the last unit.

`python -m tests.golden.test_golden NAME SCRIPT` records a new one, for a new event or field; those that exist never
change. `python -m tests.golden.test_golden NAME` keeps the state of a journal as this version encodes it: before a
release, for the migration of the next one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec import structs
from tests.support.core_desk import CoreDesk

from overmind.core.books.apply import apply
from overmind.core.books.migration import MIGRATIONS, migrate
from overmind.core.books.price_band import Reference
from overmind.core.books.state import STATE_VERSION, State, encode_state, encoded_in_parts
from overmind.core.books.wallet_limits import values_of
from overmind.core.model.desk_settings import Routing
from overmind.core.model.enums import MoveKind
from overmind.core.model.events import (
    Entry,
    Event,
    MoveClosed,
    MovePlaced,
    OrderClosed,
    OrderPlaced,
    SignalRefused,
)
from overmind.core.model.ids import Mint
from overmind.core.model.order import Order
from overmind.core.model.outcome import Failed, Filled, Outcome
from overmind.core.model.signal import Signal
from overmind.views.verify import invariant_problems

HERE = Path(__file__).parent
JOURNALS = sorted(HERE.glob("*.jsonl"))
# The same journals' states, as the code that first wrote this version of a snapshot encoded them.
SNAPSHOTS = sorted(HERE.glob("*.state-*.json"))
FIRST_MIGRATED = 5  # Earlier states do not tell where each lot came from.


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


# What is not written any more while it has its default. Two kinds may have a field of this name.
LEFT_OUT = [
    (field.name, msgspec.json.decode(msgspec.json.encode(_default(field))))
    for kind in (Signal, SignalRefused, OrderPlaced, Order, Filled, Failed, Routing)
    for field in msgspec.structs.fields(kind)
    if not field.required
]

# Every kind of event and outcome, in the words of tests/support/core_desk.py: what all begin with, and what each adds.
OPENING = """
w1; w2; w3 type Emergency; deposit w1 1 eth
buy eth $300 id a; fill fee 13000; buy btc $150 id a2; fill fee 13000 rent 2039280
mark eth 2100; sell eth 0.1 id b; fill fee 5000
buy btc $200 id c slip 50; fail fee 13000; buy sol $100 id d; expire; expire; buy eth $50 id e; reject for SLIPPAGE
buy eth $99999 id f; buy eth $10 id g as Hold; wait 86400000; mark eth 1900; mark sol 140; mark btc 90000
hold portfolio disk_full; lift portfolio disk_full; hold momentum operator; lift momentum operator; stop; reactivate w1
sell eth all id h; fill; buy eth $25 id i
buy eth $300 id j; fill j.0.0 provisional fee 13000; final; buy eth $400 id k; fill k.0.0 provisional fee 13000
sell eth 0.3 id l; fill l.0.0 provisional fee 5000; roll back k.0.0 as expired; roll back l.0.0 as failed fee 5000
chain w1 usd +5 signed x; chain w1 usd -7; accept w1 usd -7 because moved signed y; buy sol $70 id m
fill m.0.0 provisional fee 13000; sell sol all id n; fill n.0.0; roll back m.0.0 as expired
buy btc $80 not w1 id o; reactivate w2; buy btc $80 not w1 id p; fill p.0.0 provisional fee 5000
reactivate w3; w4 stop 5 loss 20 sol 2; desk cooldown 60000 loss 50 drawdown 40 streak 3 threshold 90
buy eth $100 not w1,w2 id q stop 4 trail 10 profit 20 held 3600000; fill q.0.0; mark eth 1600; exits
reject for NOT_CONFIRMED; wait 9000; exits; fill fee 9000; buy eth $5 not w1,w2 id r; hold w4 operator for 1000
wait 1000; hold momentum pause for 500; buy sol $20 not w1,w2 id t by arbitrage; fill t.0.0
liquidate; close w1 eth; fill; wait 1; exits
"""
SCRIPTS = {
    "sizing": """
w5 trail 5 profit 9 held 7000000 trades 2 stop 4; reactivate w5; desk trades 20 budget 5; wave eth 1700 1717 22 60000
buy eth risk$2 not w1,w2,w4 id u; fill u.0.0; buy eth risk0.01% not w1,w2,w4 id v stop 3 size volatility over 3600000
fill v.0.0; mark eth 1600; exits; fill fee 5000; buy eth risk$0.01 not w1,w2,w4 id x
""",
    "limits": """
w5 loss 20 stop 2 share momentum:40:900,arbitrage:30:500; change w5 loss 60 stop 4 arbitrage.share 50 allocation 0.2
ceiling loss 50; change w5 stop files
block eth; block btc; unblock btc; allow sol; allow eth; disallow eth; buy eth $5 id u; buy btc $5 id v
""",
    "learner": """
fill; w5; reactivate w5; w6; reactivate w6; lift portfolio day_loss; lift portfolio drawdown; lift momentum pause
desk threshold 100 loss 100 drawdown 100 streak 0 miss 50 fades 1000 learner shadow; mark sol 100; mark eth 2000
buy sol $10 not w1,w2,w4 id u; expire; buy sol $11 not w1,w2,w4 id v; fail v.0.0 provisional fee 5000
roll back v.0.0 as expired; buy sol $12 not w1,w2,w4 id x; fill x.0.0 provisional; final; desk learner on
buy sol $13 not w1,w2,w4 id y; expire y.0.0; fill y.0.1; buy sol $14 not w1,w2,w4 id z; fill z.0.0; desk learner off
buy sol $15 not w1,w2,w4 id z2
""",
    "splits": """
fill; w5 position 40; w6 position 30; w7 position 40; reactivate w5; reactivate w6; reactivate w7
lift portfolio day_loss; lift portfolio drawdown; lift momentum pause
desk threshold 100 loss 100 drawdown 100 streak 0 split partial parts 2; mark sol 100; mark eth 2000; mark btc 50000
buy eth $60 not w1,w2,w4,w7 id u; fill u.0.0; fill u.1.0 provisional; roll back u.1.0 as expired
buy btc $60 not w1,w2,w4 id v split all parts 3; expire v.0.0; fill v.1.0; buy sol $999 not w1,w2,w4 id x
buy sol $1 not w1,w2,w4 id y split none
""",
    "trusted": """
fill; w5; reactivate w5; w6; reactivate w6; lift portfolio day_loss; lift portfolio drawdown; lift momentum pause
desk threshold 100 loss 100 drawdown 100 streak 0 miss 50 fades 1000 learner shadow explore 100 exploring 100 seed s
desk losing 0.03 worse 5 canary 50; mark sol 100; mark eth 2000; learn on
buy sol $10 not w1,w2,w4 id u; expire u.0.0; fill u.0.1; buy sol $11 not w1,w2,w4 id v; fail v.0.0 provisional fee 5000
roll back v.0.0 as expired; buy sol $12 not w1,w2,w4 id x; fill x.0.0 provisional; final; desk explore 0
wait 86400000; mark sol 100; learn on
buy sol $250 not w1,w2,w4 id y; expire y.0.0; expire y.0.1; buy sol $250 not w1,w2,w4 id z; expire z.0.0; fill z.0.1
learn canary; buy sol $15 not w1,w2,w4 id z2; fill z2.0.0; desk learner off; buy sol $15 not w1,w2,w4 id z3
learn shadow; buy sol $15 not w1,w2,w4 id z4; wait 86400000; mark sol 100
""",
    "routes": """
fill; w5 routes public,relay; reactivate w5; w6 type MEVProtection routes relay stop 5; reactivate w6
lift portfolio day_loss; lift portfolio drawdown; lift momentum pause
desk threshold 100 loss 100 drawdown 100 streak 0 miss 50 fades 3600000 learner on routes public,relay retry 1
mark sol 100; mark eth 2000; buy sol $300 not w1,w2,w4,w6 id u; fill u.0.0 provisional fee 5000 tip 12000
roll back u.0.0 as failed fee 5000 tip 9000; buy sol $200 not w1,w2,w4,w6 id v; expire v.0.0
buy eth $300 not w1,w2,w4,w5 id x protected yes; fill x.0.0 fee 5000 tip 30000; mark eth 1800; mark sol 100
expire; wait 12000; mark sol 100; mark eth 1800; exits; expire; wait 60000; mark sol 100; mark eth 1800; exits
buy sol $100 not w1,w2,w4,w5 id y; buy eth $5 not w1,w2,w4,w6 id z protected yes; desk tips 1
buy sol $7 not w1,w2,w4,w5 id z2
""",
    "misses": """
fill; w5; reactivate w5; lift portfolio day_loss; lift portfolio drawdown; lift momentum pause
desk threshold 100 loss 100 drawdown 100 streak 0 miss 50 fades 3600000 waiting 0.5; mark sol 100; mark eth 2000
buy sol $10 not w1,w2,w4 id u; expire; buy sol $11 not w1,w2,w4 id v; buy sol $12 not w1,w2,w4 id x
fail v.0.0 fee 5000; wait 20000; fill x.0.0; buy sol $13 not w1,w2,w4 id y; reject y.0.0 for SLIPPAGE
""",
    "proceeds": """
fill; lift portfolio day_loss; lift portfolio drawdown; desk threshold 100 loss 100 drawdown 100 streak 0
mark eth 2000; mark sol 100; mark btc 50000; w6 stop 5; reactivate w6; deposit w6 1 eth; desk jump 20 proceeds 200
mark eth 600 sells 2000; reject stop:w6:eth:0.0.0 for LIMIT_PRICE; wait 9000; mark eth 600 sells 595
fill stop:w6:eth:1.0.0 at 598 fee 5000
""",
    "doubts": """
fill; lift portfolio day_loss; lift portfolio drawdown; desk threshold 100 loss 100 drawdown 100 streak 0
mark eth 2000; mark sol 100; mark btc 50000; w6 stop 5; reactivate w6; deposit w6 1 eth; desk jump 20 depeg 1
mark eth 1600; fill stop:w6:eth:0.0.0 at 1590; deposit w6 1 eth; mark eth 16; fill stop:w6:eth:1.0.0 at 1500 fee 5000
buy eth $10 id u; wait 15000; mark eth 16; reject stop:w6:eth:2.0.0 for LIMIT_PRICE; believe eth 1000; wait 60000
mark eth 900; mark sol 100; mark btc 50000; mark usd 0.98; buy btc $10 id v; mark usd 1; buy btc $10 not w1,w2,w4 id x
desk agree 200; mark sol 100 says 101; mark btc 50000 says 60000; buy btc $10 id y; mark btc 50000 says 50100 1000
buy btc $10 not w1,w2,w4 id z; fill z.0.0
""",
    "losses": """
fill; reactivate w1; reactivate w2; reactivate w4; lift portfolio day_loss; lift portfolio drawdown; mark sol 100
mark eth 2000; mark btc 50000; desk loss 100 drawdown 100 streak 0 threshold 100
desk then flatten smallest 5 dearest 300; w7 loss 120 stop 20
buy eth $500 trail 4 not w1,w2,w4 id aa by arbitrage; fill aa.0.0; buy btc $4 not w1,w2,w4 id bb by arbitrage
buy btc $900 not w1,w2,w4 id cc by arbitrage; buy btc $400 not w1,w2,w4 id dd by arbitrage
buy btc $5 not w1,w2,w4 id ee by arbitrage; fill dd.0.0; mark eth 2100; mark eth 2100
sell eth 0.1 id ff by arbitrage; fill ff.0.0 at 2095 fee 13000; wait 42000000; mark eth 2050; mark sol 100
mark btc 25000; mark btc 24900; w7 trades 1; wait 1180000; mark eth 2040; wait 15000; hold w1 x; mark eth 2030
fill fee 5000
""",
    "marks": """
fill; lift portfolio day_loss; lift portfolio drawdown; desk threshold 100 loss 100 drawdown 100 streak 0
desk heartbeat 10000; mark eth 2000; w6 stop 5; reactivate w6; deposit w6 1 eth; mark eth 2000; mark eth 2000
wait 9000; mark eth 2000; wait 1000; mark eth 2000; mark sol 100 says 101; mark sol 100 says 101; mark btc 50000
desk jump 20; mark eth 16; mark eth 16; fill stop:w6:eth:0.0.0 at 1650 fee 5000; mark usd 1; mark eth 1900
desk agree 200; mark btc 50000 says 50100 1000; mark btc 50000 says 60000; mark eth 1900 sells 1890
wait 86400000; mark btc 50000 says 50100; mark eth 1900 says 1901; mark sol 100 says 101
""",
    "refusals": """
fill; stop; buy eth $5 id u; buy eth $6 id v; buy eth $7 id w by arbitrage; sell eth 9 id x; sell eth 8 id y
reactivate w1; reactivate w2; reactivate w4; buy eth $99999 id z; buy eth $99998 id aa; buy eth $99998 id bb
wait 31000; buy eth $5 id cc; wait 1000; buy eth $5 id dd; buy eth risk$0.01 not w1 id ee; buy eth risk$0.01 id ff
""",
    "risk": """
desk strategy 60 places 3; reactivate w2; buy btc $10 not w1,w4 id u by arbitrage; fill u.0.0
buy eth $9 not w1,w4 id v by arbitrage; desk places 2; buy new $8 id x by arbitrage
""",
    "moves": """
fill; reactivate w1; reactivate w2; reactivate w3; reactivate w4; lift portfolio day_loss; lift portfolio drawdown
mark sol 100; desk payees bank cap 9000 delay 0 threshold 100 loss 100 drawdown 100 streak 0 every 0 idle 60000
w1 aim 20; w2 aim 40; w4 aim 10; hold w3 a; lift w3 a; float w2 0.00001; rebalance; fill provisional fee 13000; final
deposit w3 5000 usd; rebalance; fail provisional fee 13000; roll back as expired; withdraw w2 $100 id x
cancel move:withdraw:x
withdraw w2 $200 id y; fill fee 13000 rent 2039280; withdraw w2 0.1 sol id z; sign; fill provisional
roll back as failed fee 5000; accept w4 sol 0.01 because drained; moves; reject; wait 60000; mark sol 100; moves
fill fee 5000; w5 sol 0; moves; expire; desk full 3 low 2; moves; fill fee 13000; desk full 0
mark eth 2000; buy eth $100 not w3 id u; fill u.0.0; sweep; exits; fill; moves; fill fee 5000; reactivate w1
""",
    "closing": """
fill; reactivate w1; reactivate w4; desk depth 10000 cooldown 0; deposit w1 1 eth
deposit w4 0.1 eth; deposit w4 0.5 sol
close w1 eth; reject for NO_LIQUIDITY; close w4 sol; fill provisional fee 5000; roll back as expired
close w4 eth; keep w4 eth; fill provisional fee 5000; wait 9000; exits; fail fee 5000
""",
    "lots": """
fill; wait 1000; reactivate w1; reactivate w2; reactivate w3; reactivate w4; lift portfolio day_loss
lift portfolio drawdown
desk cooldown 0 dust 1 threshold 100 loss 100 drawdown 100 streak 0; mark sol 100; mark eth 2000; mark btc 50000; w5
buy eth $300 not w1,w2,w3,w4 id u; fill u.0.0 provisional; buy eth $200 not w1,w2,w3,w4 id v by arbitrage; fill v.0.0
w5; deposit w5 0.1 eth; sell eth 0.05 id x scope strategy; fill x.0.0 provisional fee 5000; sell eth 0.1 id y scope desk
sell eth all id z scope strategy by arbitrage; fill z.0.0; fill y.0.0 provisional; roll back y.0.0 as expired
sell eth 999 id z2 scope strategy; deposit w5 0.00001 btc; write off w5 btc; deposit w5 0.00001 btc; close w5 btc
reject close:w5:btc:0.0.0 for NO_LIQUIDITY; buy eth $50 not w1,w2,w3,w4 id z3; sell eth 999 id z4 scope strategy
""",
    "admission": """
w5; reactivate w5; lift portfolio day_loss; lift portfolio drawdown; desk threshold 100 loss 100 drawdown 100
mark sol 100; mark btc 50000; admit checked exit; look usd; look eth; look btc mint ann; look sol freeze bob
account w5 eth frozen; account w5 usd mallory may close it; account w5 usd
buy btc $10 not w1,w2,w3,w4 id u by arbitrage; fill u.0.0; look btc freeze mallory; buy btc $10 id v; look eth gone
admit strict; look btc mint ann
""",
    "unlisted": """
fill; w5 share meme:50:5000; reactivate w5; lift portfolio day_loss; lift portfolio drawdown
desk threshold 100 loss 100 drawdown 100; mark sol 100; admit checked exit; desk unlisted 2; look usd
try pup; mark pup 2; buy pup $10 not w1,w2,w3,w4 id u by meme; fill u.0.0 rent 2039280; try pup back 90
buy pup $10 id v by meme; try cat freeze ann; buy cat $10 id w by meme; try dog fails reverted; try cat; mark cat 1
try dog; watch dog freeze ann; watch pup freeze mallory; exits; fill; wait 700000; watch pup; mark sol 100; try pup
""",
    "restored": """
fill; reactivate w1; w5; reactivate w5; buy btc $10 not w1,w2,w3,w4 id u by arbitrage; restored
accept-history w1 because explorer; restored; accept-history w5 usd -1 btc 0 because sold signed z; history w1 w2 w3
accept-history w4; history w1 w2 w3
""",
    "landed": """
fill; reactivate w1; w5; reactivate w5; lift portfolio day_loss; lift portfolio drawdown; w5
desk threshold 100 loss 100 drawdown 100; mark sol 100; mark eth 2000; mark btc 50000
buy btc $10 not w1,w2,w3,w4 id u by arbitrage; sign; landed u.0.0 received-nothing; book u.0.0 usd -10 fee 5000
""",
    "pauses": """
fill; lift portfolio day_loss; lift portfolio drawdown; desk threshold 100 loss 100 drawdown 100 streak 0
mark eth 2000; mark sol 100; mark btc 50000; w6 stop 5; reactivate w6; deposit w6 1 eth; desk jump 20
mark eth 16; fill stop:w6:eth:0.0.0 at 1600 fee 5000; wait 3600000; mark eth 16
reject stop:w6:eth:1.0.0 for NO_LIQUIDITY; wait 3600000; mark eth 16; mark sol 100; wait 1000
mark eth 1030; mark sol 100
""",
    "acted": """
fill; who ann reactivate w1; w5; who token:bot hold w5 operator; who ann lift w5 operator; who ann change w5 loss 60
who cli:root block eth; who ann deposit w5 1 eth; who ann close w5 eth; who ann keep w5 eth; who ann stop; who bob stop
who ann liquidate
""",
    "sources": """
fill; w5; reactivate w5; lift portfolio day_loss; lift portfolio drawdown; lift momentum pause
desk threshold 100 loss 100 drawdown 100 streak 0; mark sol 100; mark eth 2000; mark btc 50000
buy eth $300 not w1,w2,w4 id u from chart counts 3; fill u.0.0 provisional; buy eth $200 not w1,w2,w4 id v from bot
fill v.0.0; buy eth $90 not w1,w2,w4 id x from bot by arbitrage trade 7 counts 5; fill x.0.0
buy btc $20 not w1,w2,w4 id x2 from token:ann
sell eth nothing id y scope source from chart counts 1; fill y.0.0 provisional fee 5000; roll back y.0.0 as expired
sell eth nothing id y2 scope source from chart counts 2 had 4; fill y2.0.0
sell eth nothing id z scope source from bot trade 7 counts 2
sell eth nothing id z2 scope source from cat then flat; buy eth $10 id z3 from chart then short
buy eth $50 not w1,w2,w4 id z4 from chart counts 2; roll back u.0.0 as expired
""",
    "shares": """
fill; w5; reactivate w5; lift portfolio day_loss; lift portfolio drawdown; lift momentum pause
desk threshold 100 loss 100 drawdown 100 streak 0; mark sol 100; mark eth 2000; mark btc 50000
buy eth $300 not w1,w2,w4 id u from chart counts 3; fill u.0.0; buy eth $200 not w1,w2,w4 id v from bot; fill v.0.0
buy eth $40 not w1,w2,w4 id x; fill x.0.0; sell eth 0.16 not w1,w2,w4 id y scope strategy from bot; fill y.0.0
sell eth nothing id z scope source from bot then flat; fill z.0.0; close w5 eth
""",
    "opens": """
fill; w5; reactivate w5; lift portfolio day_loss; lift portfolio drawdown; lift momentum pause
desk threshold 100 loss 100 drawdown 100 streak 0 opens 300000; mark sol 100; mark eth 2000; mark btc 50000
buy eth $300 not w1,w2,w4 id u; wait 299000; fill u.0.0 at 2200; mark eth 2000
mark sol 100; sell eth 0.05 id v; wait 10000; fill v.0.0 at 1500
mark eth 2000; mark sol 100; buy eth $50 not w1,w2,w4 id x; wait 329000; expire x.0.0
""",
    "withdrawals": """
fill; reactivate w1; reactivate w2; reactivate w3; reactivate w4; lift portfolio day_loss; lift portfolio drawdown
mark sol 100; desk payees bank,vault cap 9000 delay 60000 threshold 100 loss 100 drawdown 100 streak 0
withdraw w2 $10 id s; desk payees vault; reject move:withdraw:s for NOT_ALLOWED; desk payees bank,vault
withdraw w2 $11 id t; hold w2 operator; wait 60000; lift w2 operator; mark sol 100; sign; fill provisional fee 13000
withdraw w2 $12 id u; fail move:withdraw:u provisional; final move:withdraw:u; final; withdraw w2 $13 id v
fill provisional; roll back as expired; withdraw w2 $14 id x; cancel move:withdraw:x; withdraw w2 $15 id y
""",
}


def read(path: Path) -> tuple[dict[str, object], list[bytes]]:
    """The first line says what the books must come to after the last entry."""
    head, *entries = path.read_bytes().splitlines()
    return msgspec.json.decode(head, type=dict[str, object]), entries


def books(state: State) -> dict[str, object]:
    """The values that an operator would miss first. Not the whole state: later versions may add to it."""
    return {
        "accounts": {owner: _kept(mints) for owner, mints in sorted(state.ledger.accounts.items())},
        "equity": state.equity_micros,
        "day_pnl": {wallet_id: book.day_pnl_micros for wallet_id, book in state.wallets.items()},
        "holds": {wallet_id: sorted(book.holds) for wallet_id, book in state.wallets.items()},
        "open_orders": sorted(state.open_orders),
        "provisional": sorted(state.provisional),
        "open_moves": sorted(state.open_moves),
        "provisional_moves": sorted(state.provisional_moves),
        "moves": [state.moves_placed, state.rebalanced_ns, state.withdrawn_today_micros],
        "withdrawals": sorted(state.withdrawals),
        "fates": {name: type(asked.outcome).__name__ for name, asked in sorted(state.withdrawals.items())},
        "trying": {
            wallet_id: [structs.asdict(one) for one in (book.sweep, book.top_up)]
            for wallet_id, book in state.wallets.items()
        },
        "idle": {wallet_id: dict(sorted(book.empty_since_ns.items())) for wallet_id, book in state.wallets.items()},
        "realised": {wallet_id: book.realised_micros for wallet_id, book in state.wallets.items()},
        "deposited": state.deposited_micros,
        "portfolio_holds": sorted(state.holds),
        "checked": {wallet_id: book.checked for wallet_id, book in state.wallets.items()},
        "signals": sorted(state.decided),
        "bases": [list(structs.astuple(base)) for base in (state.day_base, state.stop_base)],
        "peak_gain": state.peak_gain_micros,
        "timed": sorted(f"{one.scope.wallet_id} {one.cause} {one.until_ns}" for one in state.timed),
        "strategies": dict(sorted(state.strategies.items())),
        "users": dict(sorted(state.users.items())),
        "exiting": {
            wallet_id: {mint: structs.asdict(one) for mint, one in sorted(book.exiting.items())}
            for wallet_id, book in state.wallets.items()
        },
        "closing": {wallet_id: dict(sorted(book.closing.items())) for wallet_id, book in state.wallets.items()},
        "trades_today": state.trades_today,
        "volatility": {mint: structs.asdict(one) for mint, one in sorted(state.volatility.items())},
        "in_force": {
            wallet_id: dict(sorted(values_of(book.wallet).items()))
            for wallet_id, book in state.wallets.items()
            if wallet_id in state.changes
        },
        "at_risk": {wallet_id: book.at_risk_micros for wallet_id, book in state.wallets.items()},
        "missed": {wallet_id: [book.missed_ppm, book.missed_ns] for wallet_id, book in state.wallets.items()},
        "tips_today": state.tips_today_lamports,
        "relayed": {wallet_id: dict(sorted(book.relayed_ns.items())) for wallet_id, book in state.wallets.items()},
        "route_health": msgspec.json.decode(msgspec.json.encode(state.route_health)),
        "learned": msgspec.json.decode(msgspec.json.encode(state.learned)),
        "shortfalls": {
            wallet_id: [one.shortfall_bps for one in book.quality] for wallet_id, book in state.wallets.items()
        },
        "doubted": {mint: one.price_pico for mint, one in sorted(state.doubted.items())},
        "references": {mint: _told(one) for mint, one in sorted(state.references.items())},
        "blocked": {mint: f"{one.who}: {one.reason}" for mint, one in state.mints.blocked.items()},
        "allowed": sorted(state.mints.allowed or {}),
        "owned": {
            wallet_id: {mint: dict(sorted(one.units_by.items())) for mint, one in sorted(book.positions.items())}
            for wallet_id, book in state.wallets.items()
        },
        "reserved": {wallet_id: book.reserved for wallet_id, book in state.wallets.items()},
        "dust": {wallet_id: sorted(book.dust) for wallet_id, book in state.wallets.items()},
        "unlisted": {mint: [one.token.symbol, one.traded] for mint, one in sorted(state.unlisted.items())},
        "turned_away": {mint: one.admission.reason for mint, one in sorted(state.turned_away.items())},
        "peaks": {
            wallet_id: {mint: position.peak_pico for mint, position in sorted(book.positions.items())}
            for wallet_id, book in state.wallets.items()
        },
    }


def _told(reference: Reference) -> dict[str, object]:
    """Without what only later rules know."""
    told, later = msgspec.json.decode(msgspec.json.encode(reference)), ("seen_ns", "held")
    return {name: value for name, value in told.items() if value or name not in later}


def _kept(mints: dict[Mint, int]) -> dict[Mint, int]:
    return {mint: units for mint, units in mints.items() if units}


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_replays_to_the_same_books(path: Path) -> None:
    expected, lines = read(path)
    state, decode = State(), msgspec.json.Decoder(Entry).decode
    for line in lines:
        apply(state, decode(line))
    told = books(state)
    assert _within(expected.pop("in_force", {}), told["in_force"])  # A limit that was added since has its default.
    assert {name: told[name] for name in expected} == expected


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_the_invariants_that_verify_checks_hold_after_every_entry(path: Path) -> None:
    """A service may be stopped and a snapshot be taken anywhere: with orders, transfers and withdrawals under way."""
    state, decode = State(), msgspec.json.Decoder(Entry).decode
    for line in read(path)[1]:
        apply(state, decode(line))
        assert invariant_problems(state) == [], line


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_the_last_snapshot_is_encoded_in_parts_to_the_same_bytes(path: Path) -> None:
    state, decode = State(), msgspec.json.Decoder(Entry).decode
    for number, line in enumerate(read(path)[1]):
        apply(state, decode(line))
        if number % 20 == 0:
            assert b"".join(encoded_in_parts(state)) == encode_state(state), line


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_nothing_of_it_is_lost(path: Path) -> None:
    """What was written then is still there when it is written again; new fields may have joined with their defaults."""
    for line in read(path)[1]:
        entry = msgspec.json.decode(line, type=Entry)
        now = msgspec.json.encode(entry)
        assert msgspec.json.decode(now, type=Entry) == entry
        assert _within(msgspec.json.decode(line), msgspec.json.decode(now)), line


def _within(then: object, now: object) -> bool:
    if isinstance(then, dict) and isinstance(now, dict):
        return all(_within(value, now[key]) if key in now else (key, value) in LEFT_OUT for key, value in then.items())
    if isinstance(then, list) and isinstance(now, list):
        return len(then) == len(now) and all(map(_within, then, now))
    return then == now


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_a_snapshot_of_before_becomes_what_a_replay_comes_to(path: Path) -> None:
    """A start continues from it. Only a version without a migration is replayed."""
    name, _, version = path.stem.partition(".state-")
    raw = path.read_bytes().strip()
    state, decode = State(), msgspec.json.Decoder(Entry).decode
    for line in read(HERE / f"{name}.jsonl")[1]:
        apply(state, decode(line))
    migrated = migrate(raw, lambda: state.signatures)
    assert (migrated is None) == (int(version) < FIRST_MIGRATED)
    assert migrated is None or encode_state(migrated) == encode_state(state)
    if int(version) == STATE_VERSION:
        assert encode_state(state) == raw


def test_every_version_from_the_first_migrated_one_has_its_migration_and_its_snapshots() -> None:
    assert {*range(FIRST_MIGRATED, STATE_VERSION)} <= {*MIGRATIONS}
    assert {int(path.stem.partition(".state-")[2]) for path in SNAPSHOTS} >= {*range(1, STATE_VERSION)}


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"null", b"\xff", b'{"version": 5}', b'{"version": 5, "wallets": 1}']
)
def test_what_is_no_state_is_not_migrated(raw: bytes) -> None:
    assert migrate(raw, dict) is None


def test_a_snapshot_of_a_newer_version_is_not_read() -> None:
    newer = encode_state(State()).replace(b'"version":%d' % STATE_VERSION, b'"version":%d' % (STATE_VERSION + 1))
    assert migrate(encode_state(State()), dict) is not None
    assert migrate(newer, dict) is None


def test_every_event_and_outcome_is_guarded() -> None:
    entries = [msgspec.json.decode(line, type=Entry) for path in JOURNALS for line in read(path)[1]]
    assert {type(entry.event) for entry in entries} == set(get_args(Event))
    for closed in (OrderClosed, MoveClosed):
        outcomes = {type(entry.event.outcome) for entry in entries if isinstance(entry.event, closed)}
        assert outcomes == set(get_args(Outcome)), closed
    assert {one.event.move.kind for one in entries if isinstance(one.event, MovePlaced)} == set(MoveKind)
    assert any(one.event.order.to_float for one in entries if isinstance(one.event, OrderPlaced))
    assert any(entry.event.provisional for entry in entries if isinstance(entry.event, OrderClosed))


def record(path: Path, script: str) -> None:
    assert not path.exists(), f"{path} exists: a golden journal never changes"
    desk = CoreDesk((OPENING + SCRIPTS[script]).replace("\n", ";"))
    lines = [books(desk.state), *desk.entries]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def keep_state(name: str) -> None:
    path = HERE / f"{name}.state-{STATE_VERSION}.json"
    assert not path.exists(), f"{path} exists: a golden state never changes"
    state, decode = State(), msgspec.json.Decoder(Entry).decode
    for line in read(HERE / f"{name}.jsonl")[1]:
        apply(state, decode(line))
    path.write_bytes(encode_state(state) + b"\n")


if __name__ == "__main__":
    if sys.argv[2:]:
        record(HERE / f"{sys.argv[1]}.jsonl", sys.argv[2])
    else:
        keep_state(sys.argv[1])
