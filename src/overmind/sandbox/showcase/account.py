"""The account of a run: what became of every signal, and where every order came from. Both add up.

signals = refused + recorded + placed
orders  = placed + further wallets of a sale + further attempts + exits of the desk's own + SOL bought for fees
orders  = filled + failed + expired + rejected + open
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from overmind.core.model.events import Entry, OrderClosed, OrderPlaced, OrderRolledBack, SignalRecorded, SignalRefused
from overmind.core.model.ids import OrderId, is_own
from overmind.core.model.order import Order
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.value import Value


class StrategyRow(Value, frozen=True):
    """A strategy's signals, and what its orders came to. Exits of the desk's own are no strategy's signals."""

    strategy: str
    signals: int
    refused: int
    recorded: int
    filled: int


class Account(Value, frozen=True):
    signals: int
    refused: int
    recorded: int  # Hold: nothing was to be done
    placed: int
    further_wallets: int  # a sale takes an order for each wallet that holds
    further_attempts: int  # an order that did not fill was tried again
    own_exits: dict[str, int]  # by cause, such as `stop`
    fee_purchases: int  # SOL for fees and rent
    orders: int
    filled: int
    failed: int
    expired: int
    rejected: int
    open: int
    strategies: tuple[StrategyRow, ...]  # in the order of their names


class _Tally:
    def __init__(self) -> None:
        self.signals: Counter[str] = Counter()  # placed, by strategy; so are the next two
        self.refused: Counter[str] = Counter()
        self.recorded: Counter[str] = Counter()
        self.orders: dict[OrderId, Order] = {}
        self.outcomes: dict[OrderId, Outcome] = {}
        self.wallets = self.attempts = self.fees = 0
        self.exits: Counter[str] = Counter()

    def place(self, order: Order) -> None:
        self.orders[order.id] = order
        if order.to_float:
            self.fees += 1
        elif is_own(order.signal_id):
            self.exits[order.signal_id.partition(":")[0]] += 1
        elif order.attempt:
            self.attempts += 1
        elif order.part:
            self.wallets += 1
        else:
            self.signals[order.strategy] += 1

    def ended(self, kind: type[Outcome]) -> int:
        return sum(isinstance(outcome, kind) for outcome in self.outcomes.values())


def account_of(entries: Iterable[Entry]) -> Account:
    """Of a whole journal."""
    tally = _Tally()
    for entry in entries:
        match entry.event:
            case OrderPlaced(order=order):
                tally.place(order)
            case OrderClosed(order_id=order_id, outcome=outcome) | OrderRolledBack(order_id=order_id, outcome=outcome):
                tally.outcomes[order_id] = outcome
            case SignalRefused(signal=signal) if not is_own(signal.id):
                tally.refused[signal.strategy] += 1
            case SignalRecorded(signal=signal):
                tally.recorded[signal.strategy] += 1
            case _:
                pass  # It is about no signal and no order.
    return _account(tally)


def _account(tally: _Tally) -> Account:
    placed, refused, recorded = (sum(one.values()) for one in (tally.signals, tally.refused, tally.recorded))
    filled = Counter(
        str(order.strategy)
        for order_id, order in tally.orders.items()
        if not is_own(order.signal_id) and isinstance(tally.outcomes.get(order_id), Filled)
    )
    names = sorted({*tally.signals, *tally.refused, *tally.recorded})
    return Account(
        signals=placed + refused + recorded,
        refused=refused,
        recorded=recorded,
        placed=placed,
        further_wallets=tally.wallets,
        further_attempts=tally.attempts,
        own_exits=dict(sorted(tally.exits.items())),
        fee_purchases=tally.fees,
        orders=len(tally.orders),
        filled=tally.ended(Filled),
        failed=tally.ended(Failed),
        expired=tally.ended(Expired),
        rejected=tally.ended(Rejected),
        open=len(tally.orders) - len(tally.outcomes),
        strategies=tuple(
            StrategyRow(
                name,
                tally.signals[name] + tally.refused[name] + tally.recorded[name],
                tally.refused[name],
                tally.recorded[name],
                filled[name],
            )
            for name in names
        ),
    )
