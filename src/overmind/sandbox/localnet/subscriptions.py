"""The subscriptions of all connections; the chain's changes are sent to them as they happen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from solders.account import Account

from overmind.core.model.value import Value
from overmind.sandbox.localnet import shapes
from overmind.sandbox.localnet.blocks import Block, Commitment
from overmind.sandbox.localnet.errors import METHOD_NOT_FOUND, RpcFault, invalid
from overmind.sandbox.localnet.history import Landed
from overmind.sandbox.localnet.methods_accounts import AccountEncoder, account_encoder, account_filter
from overmind.sandbox.localnet.node import API_VERSION, LocalNode
from overmind.sandbox.localnet.params import Config, RpcParams, address
from overmind.sandbox.localnet.shapes import Json
from overmind.sandbox.localnet.wire import SYSTEM

TOPICS: Final = ("signature", "account", "program", "logs", "slot", "root")
EVERYTHING: Final = ""  # the key of a subscription that names no address

Send = Callable[[Json], None]


class Subscription(Value, frozen=True):
    number: int
    topic: str
    key: str
    commitment: Commitment
    send: Send
    show: AccountEncoder
    fits: Callable[[Account], bool]
    received: bool

    def notify(self, slot: int, value: object) -> None:
        self.notify_bare({"context": {"apiVersion": API_VERSION, "slot": slot}, "value": value})

    def notify_bare(self, result: object) -> None:
        params = {"result": result, "subscription": self.number}
        self.send({"jsonrpc": "2.0", "method": f"{self.topic}Notification", "params": params})


class Subscriptions:
    """A `chain.Watcher`. When a block begins, it notifies about the blocks that thereby become confirmed and final."""

    def __init__(self, node: LocalNode) -> None:
        self._node, self._chain = node, node.chain
        self._last = 0
        self._by_number: dict[int, Subscription] = {}
        self._by_key: dict[tuple[str, str], dict[int, Subscription]] = {}
        later = (Commitment.CONFIRMED, Commitment.FINALIZED)
        self._notified = {level: self._chain.blocks.tip(level).height for level in later}

    def add(self, method: str, params: RpcParams, send: Send) -> Subscription:
        """Adds a subscription. Raises RpcFault for an unknown method. Nothing is sent before `greet`."""
        topic = method.removesuffix("Subscribe")
        if topic not in TOPICS:
            raise RpcFault(METHOD_NOT_FOUND, "Method not found")
        config = params.config(1)
        self._last += 1
        made = Subscription(
            number=self._last,
            topic=topic,
            key=_key(topic, params),
            commitment=config.commitment(),
            send=send,
            show=_never_refusing(
                account_encoder(self._node, config), account_encoder(self._node, Config({}), "base64")
            ),
            fits=account_filter(config.get("filters")),
            received=config.flag("enableReceivedNotification"),
        )
        self._by_number[made.number] = made
        self._by_key.setdefault((topic, made.key), {})[made.number] = made
        return made

    def notify_past(self, made: Subscription) -> None:
        """Notifies about a signature that reached its commitment before the subscription."""
        landed = self._chain.history.find(made.key) if made.topic == "signature" else None
        if landed is not None and landed.height <= self._chain.blocks.tip(made.commitment).height:
            self._notify_signature(made, landed)

    def holds(self, number: int) -> bool:
        return number in self._by_number

    def remove(self, number: int) -> bool:
        removed = self._by_number.pop(number, None)
        if removed is None:
            return False
        subscribers = self._by_key[removed.topic, removed.key]
        del subscribers[number]
        if not subscribers:
            del self._by_key[removed.topic, removed.key]
        return True

    # chain.Watcher

    def on_landed(self, landed: Landed) -> None:
        if not self._by_number:
            return
        for one in self._of("signature", landed.signature):
            if one.received:
                one.notify(landed.slot, "receivedSignature")
        self._notify_landed(landed, Commitment.PROCESSED)
        changed = [landed.keys[index] for index in landed.writable]
        self._notify_accounts(changed, Commitment.PROCESSED, self._chain.blocks.head)

    def on_block(self, block: Block) -> None:
        if not self._by_number:
            self._notified = {level: self._chain.blocks.tip(level).height for level in self._notified}
            return
        root = self._chain.blocks.tip(Commitment.FINALIZED)
        for one in self._of("slot", EVERYTHING):
            one.notify_bare({"parent": block.parent_slot, "root": root.slot, "slot": block.slot})
        for level, notified in self._notified.items():
            for height in range(notified + 1, self._chain.blocks.tip(level).height + 1):
                self._notify_block(self._chain.blocks.at(height), level)
            self._notified[level] = self._chain.blocks.tip(level).height

    def on_pinned(self, changed: str) -> None:
        for level in Commitment:
            self._notify_accounts([changed], level, self._chain.blocks.tip(level))

    def _notify_block(self, block: Block, level: Commitment) -> None:
        if level is Commitment.FINALIZED:
            for one in self._of("root", EVERYTHING):
                one.notify_bare(block.slot)
        for landed in block.landed:
            self._notify_landed(landed, level)
        self._notify_accounts(block.before, level, block)

    def _notify_landed(self, landed: Landed, level: Commitment) -> None:
        for one in self._of("signature", landed.signature):
            if one.commitment is level:
                self._notify_signature(one, landed)
        watching = [one for key in (EVERYTHING, *landed.keys) for one in self._of("logs", key)]
        for one in watching:
            if one.commitment is level:
                logs = shapes.record_of(landed.record).logs
                one.notify(landed.slot, {"signature": landed.signature, "err": landed.err, "logs": logs})

    def _notify_signature(self, one: Subscription, landed: Landed) -> None:
        """Notifies once: a signature subscription ends with its notification."""
        self.remove(one.number)
        one.notify(self._chain.blocks.tip(one.commitment).slot, {"err": landed.err})

    def _notify_accounts(self, changed: Iterable[str], level: Commitment, block: Block) -> None:
        if not any(topic in ("account", "program") for topic, _ in self._by_key):
            return
        for name in changed:
            found = self._chain.account_at(name, block.height)
            for one in self._of("account", name):
                if one.commitment is level:
                    one.notify(block.slot, one.show(found or _CLOSED))
            for one in self._of("program", EVERYTHING if found is None else str(found.owner)):
                if one.commitment is level and found is not None and one.fits(found):
                    one.notify(block.slot, {"pubkey": name, "account": one.show(found)})

    def _of(self, topic: str, key: str) -> list[Subscription]:
        subscribers = self._by_key.get((topic, key))
        return list(subscribers.values()) if subscribers else []


def _never_refusing(show: AccountEncoder, otherwise: AccountEncoder) -> AccountEncoder:
    """Shows as base64 what is too large for base58: a notification cannot return an error."""

    def shown(account: Account | None) -> Json | None:
        try:
            return show(account)
        except RpcFault:
            return otherwise(account)

    return shown


_CLOSED: Final = Account(0, b"", SYSTEM, False, 0)


def _key(topic: str, params: RpcParams) -> str:
    match topic:
        case "signature":
            return params.signature(0)
        case "account" | "program":
            return params.address(0)
        case "logs":
            return _mentioned(params.at(0))
        case _:
            return EVERYTHING


def _mentioned(given: object) -> str:
    match given:
        case "all" | "allWithVotes":
            return EVERYTHING
        case {"mentions": [one]}:
            return address(one)
        case _:
            raise invalid("Invalid Request: Only 1 address supported")
