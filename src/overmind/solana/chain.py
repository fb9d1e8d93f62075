"""`ports.Chain` over JSON-RPC: a cluster through its nodes. No answer is trusted unread."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from overmind.core.model.units import NS
from overmind.ports import (
    AccountsRead,
    Allowed,
    ChainSilent,
    ChainTip,
    Clock,
    Effects,
    MachineClock,
    Node,
    Priority,
    Simulation,
    Status,
    always,
)
from overmind.solana import responses, transactions
from overmind.solana.batching import Batcher
from overmind.solana.notifications import Notifications
from overmind.solana.responses import OwnerBalances, SignatureInfo
from overmind.solana.routes.public import PublicRoute
from overmind.solana.rpc import Endpoint, Params, Rpc, RpcError
from overmind.solana.tokens import TOKEN_PROGRAMS

STATUSES_MAX: Final = 256  # per request, as nodes allow
ACCOUNTS_MAX: Final = 100  # per request, as nodes allow
ACCOUNT_WITNESSES: Final = 2  # providers that must show an account, if so many are configured
TRANSACTIONS_MAX: Final = 50  # per batch
SIGNATURES_MAX: Final = 1_000  # per page, as nodes allow
WINDOW_S: Final = 0.003
SLOTS_APART_MAX: Final = 1_000  # The slots of two answers in one batch never differ by more.
BLOCKS_PER_S_MAX: Final = 1_000  # Faster than any cluster; the localnet of tests comes close.
BLOCKS_MAX: Final = 1_000  # beyond the rate, at any moment
BLOCK_TIME_SLOTS: Final = (0, 1, 8)  # behind the newest one: those whose time is asked
CONFIRMED: Final = {"commitment": "confirmed"}
_TOKEN_PROGRAMS: Final = tuple(map(str, TOKEN_PROGRAMS.values()))
_SIMULATION: Final = {
    **CONFIRMED,
    "encoding": "base64",
    "sigVerify": False,
    "replaceRecentBlockhash": False,
    "innerInstructions": False,
}
_READING: Final = {**CONFIRMED, "encoding": "base64", "maxSupportedTransactionVersion": 0}

T = TypeVar("T")


class RpcNode:
    """`ports.Node`: one endpoint, asked for independent confirmation."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint

    async def finalized(self) -> ChainTip:
        return responses.tip(await self._call("getEpochInfo", [{"commitment": "finalized"}]))

    async def block_time_ns(self) -> int:
        """When a newest confirmed block was made, by the chain. A slot may be skipped, or not yet be told."""
        tip = responses.tip(await self._call("getEpochInfo", [CONFIRMED]))
        silent = ChainSilent(f"{self.name} tells no block time")
        for back in BLOCK_TIME_SLOTS:
            try:
                return responses.count(await self._call("getBlockTime", [tip.slot - back]), "block time") * NS
            except ChainSilent as why:
                silent = why
        raise silent

    async def first_slot(self) -> int:
        return responses.count(await self._call("getFirstAvailableBlock", []), "first available block")

    async def status_in_history(self, signature: str, slot_min: int) -> Status | None:
        answer = await self._call("getSignatureStatuses", [[signature], {"searchTransactionHistory": True}])
        slot, value = responses.in_context(answer, "signature statuses")
        statuses = responses.listed(value, "signature statuses")
        if slot < slot_min or len(statuses) != 1:
            raise ChainSilent(f"{self.name} answers as of slot {slot}, and slot {slot_min} is needed")
        return responses.status(statuses[0]) or await self._record(signature)

    async def simulate(self, transaction: bytes) -> Effects:
        slot, value = responses.in_context(
            await self._call("simulateTransaction", [_base64(transaction), _SIMULATION]), "simulation"
        )
        return responses.simulated(value, transactions.account_keys(transaction), slot)

    async def signatures(self, address: str, most: int) -> list[SignatureInfo]:
        """The newest signatures of an address, the newest first. If there are `most`, there may be more."""
        call = partial(self._endpoint.call, priority=Priority.STATUS)
        return await _signatures(call, address, None, most)

    async def _record(self, signature: str) -> Status | None:
        """Asks the node's ledger too, because its status cache may lose entries for a while.

        Absence leads to spending the money again, so it counts only if both sources agree."""
        found = await self._call("getTransaction", [signature, {**_READING, "commitment": "finalized"}])
        if found is None:
            return None
        landed = responses.table(found, "transaction")
        meta = responses.table(landed.get("meta"), "meta of a transaction")
        return Status(
            responses.count(landed.get("slot"), "slot of a transaction"), meta.get("err") is not None, True, True
        )

    async def _call(self, method: str, params: Params) -> object:
        return await _answer_or_silence(self._endpoint.call(method, params, Priority.STATUS))


class RpcChain:
    """Use as `async with RpcChain(...)`. The exit ends its tasks; the caller closes `rpc` and `notifications`."""

    def __init__(
        self,
        rpc: Rpc,
        clock: Clock,
        *,
        notifications: Notifications | None = None,
        window_s: float = WINDOW_S,
        account_keys: Callable[[bytes], tuple[str, ...]] = transactions.account_keys,
    ) -> None:
        self.histories = tuple(map(RpcNode, rpc.endpoints))
        self.nodes: Sequence[Node] = self.histories
        self._rpc = rpc
        self._clock = clock
        self._notifications = notifications
        self._account_keys = account_keys
        self._height = 0
        self._passing_ns = clock.boot_ns if isinstance(clock, MachineClock) else clock.now_ns
        self._height_ns = self._passing_ns()
        self._statuses: Batcher[Status | None] = Batcher(clock, window_s, STATUSES_MAX, self._ask_statuses)
        self._effects: Batcher[Effects | None] = Batcher(clock, window_s, TRANSACTIONS_MAX, self._ask_effects)
        self.public = PublicRoute(rpc.endpoints)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return self._rpc.endpoints

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.public.close()
        await self._statuses.close()
        await self._effects.close()

    async def simulate(self, transaction: bytes, priority: Priority) -> Simulation:
        requests = (("simulateTransaction", [_base64(transaction), _SIMULATION]), ("getEpochInfo", [CONFIRMED]))
        simulation, epoch = await self._batch(requests, priority)
        slot, value = responses.in_context(simulation, "simulation")
        effects = responses.simulated(value, self._keys(transaction), slot)
        return Simulation(effects, self._height_at(slot, responses.tip(epoch)))

    async def send(self, transaction: bytes, priority: Priority, allowed: Allowed = always) -> None:
        await self.public.send(transaction, priority, allowed)

    async def status(self, signature: str) -> Status | None:
        return await self._statuses.get(signature)

    async def effects(self, signature: str) -> Effects | None:
        return await self._effects.get(signature)

    async def wait(self, signature: str, seconds: float) -> None:
        if self._notifications is None:
            await self._clock.sleep(seconds)
        else:
            await self._notifications.wait(signature, seconds)

    async def latest_blockhash(self, priority: Priority = Priority.ENTRY) -> tuple[str, int]:
        """A blockhash at `confirmed` (a newer one may be on a fork), and the last block height at which it is valid."""
        answer = await _answer_or_silence(self._rpc.call("getLatestBlockhash", [CONFIRMED], priority))
        _, value = responses.in_context(answer, "latest blockhash")
        found = responses.table(value, "latest blockhash")
        height = responses.count(found.get("lastValidBlockHeight"), "last valid block height")
        return responses.text(found.get("blockhash"), "blockhash"), height

    async def priority_fees(self, accounts: Sequence[str]) -> list[int]:
        """What transactions that wrote these accounts paid at least, block by block, in micro-lamports per compute
        unit. Raises ChainSilent.
        """
        asked = self._rpc.call("getRecentPrioritizationFees", [list(accounts)], Priority.ENTRY)
        samples = responses.listed(await _answer_or_silence(asked), "priority fees")
        return [
            responses.count(responses.table(one, "priority fee").get("prioritizationFee"), "priority fee")
            for one in samples
        ]

    async def block_time_ns(self) -> int:
        """When the newest confirmed block was made. Where several providers answer, one alone cannot set it forward.
        Raises ChainSilent.
        """
        asked = (_or_silence(node.block_time_ns()) for node in self.histories)
        answers = await asyncio.gather(*asked)
        times = sorted((one for one in answers if isinstance(one, int)), reverse=True)
        if not times:
            raise next(one for one in answers if isinstance(one, ChainSilent))
        return times[min(1, len(times) - 1)]

    async def balances(self, owner: str, slot_min: int = 0, priority: Priority = Priority.STATUS) -> OwnerBalances:
        """All balances of a wallet, of both token programs, as of `slot_min` or later. Raises ChainSilent."""
        config = {**CONFIRMED, "encoding": "base64", "minContextSlot": slot_min}
        held = [("getTokenAccountsByOwner", [owner, {"programId": one}, config]) for one in _TOKEN_PROGRAMS]
        lamports, *answer = await self._batch(
            [("getBalance", [owner, {**CONFIRMED, "minContextSlot": slot_min}]), *held], priority
        )
        slot, units = responses.in_context(lamports, "balance")
        slots = [slot]
        accounts: list[responses.TokenAccount] = []
        for program, one in zip(_TOKEN_PROGRAMS, answer, strict=True):
            slot, value = responses.in_context(one, "token accounts")
            slots.append(slot)
            accounts += responses.token_accounts(responses.listed(value, "token accounts"), owner, program)
        if min(slots) < slot_min:
            raise ChainSilent(f"a node answers as of slot {min(slots)}, and slot {slot_min} is needed")
        return OwnerBalances(owner, min(slots), max(slots), responses.count(units, "balance"), tuple(accounts))

    async def accounts(self, addresses: Sequence[str], slot_min: int, priority: Priority) -> Sequence[AccountsRead]:
        """As each provider shows them that answers; one may be silent only where there are three."""
        endpoints = self._rpc.endpoints
        asked = (_accounts_of(endpoint, addresses, slot_min, priority) for endpoint in endpoints)
        answers = await asyncio.gather(*asked)
        reads = [answer for answer in answers if isinstance(answer, AccountsRead)]
        if len(reads) < min(ACCOUNT_WITNESSES, len(endpoints)):
            raise next(answer for answer in answers if isinstance(answer, ChainSilent))
        return reads

    async def signatures(
        self, address: str, until: str | None = None, most: int = 10 * SIGNATURES_MAX
    ) -> list[SignatureInfo]:
        """Signatures, the newest first, back to `until` (excluded). If there are `most`, there may be more."""
        return await _signatures(partial(self._rpc.call, priority=Priority.STATUS), address, until, most)

    async def _batch(self, requests: Sequence[tuple[str, Params]], priority: Priority) -> list[object]:
        """All answers. Raises ChainSilent if one is missing."""
        answer = await self._rpc.batch(requests, priority)
        for (method, _), one in zip(requests, answer, strict=True):
            if isinstance(one, RpcError | ChainSilent):
                raise ChainSilent(f"no answer to {method}: {one}")
        return answer

    def _keys(self, transaction: bytes) -> tuple[str, ...]:
        try:
            return self._account_keys(transaction)
        except transactions.BadTransaction as bad:
            raise ChainSilent(f"cannot read whose balances a node reports: {bad}") from None

    def _height_at(self, slot: int, tip: ChainTip) -> int:
        """The highest block height known, with that at `slot`: the two answers may be of different slots, and each slot
        has at most one block. Raises ChainSilent for a height that cannot be reached yet."""
        if abs(slot - tip.slot) > SLOTS_APART_MAX:
            raise ChainSilent(f"a node reports slots {slot} and {tip.slot} in one batch")
        height, now_ns = tip.height + max(0, slot - tip.slot), self._passing_ns()
        # One false height, once believed, would make every transaction look expired for ever.
        self._height_ns = min(self._height_ns, now_ns)  # Only the clock of a machine is sure not to be set back.
        blocks_max = BLOCKS_MAX + (now_ns - self._height_ns) * BLOCKS_PER_S_MAX // NS
        if self._height and height > self._height + blocks_max:
            raise ChainSilent(f"a node reports height {height}, and at most {self._height + blocks_max} is possible")
        if height > self._height:
            self._height, self._height_ns = height, now_ns
        return self._height

    async def _ask_statuses(self, signatures: Sequence[str]) -> list[Status | ChainSilent | None]:
        params = [list(signatures), {"searchTransactionHistory": False}]
        answer = await _answer_or_silence(self._rpc.call("getSignatureStatuses", params, Priority.STATUS, hedge=True))
        _, value = responses.in_context(answer, "signature statuses")
        statuses = responses.listed(value, "signature statuses")
        if len(statuses) != len(signatures):
            raise ChainSilent(f"a node reports {len(statuses)} statuses of {len(signatures)} signatures")
        return [_each(partial(responses.status, one)) for one in statuses]

    async def _ask_effects(self, signatures: Sequence[str]) -> list[Effects | ChainSilent | None]:
        requests = [("getTransaction", [signature, _READING]) for signature in signatures]
        answer = await self._rpc.batch(requests, Priority.STATUS, hedge=True)
        pairs = zip(signatures, answer, strict=True)
        return [_each(partial(self._landed, of, one)) for of, one in pairs]

    def _landed(self, signature: str, answer: object) -> Effects | None:
        if answer is None:
            return None
        if isinstance(answer, RpcError | ChainSilent):
            raise ChainSilent(f"no answer to getTransaction: {answer}")
        found = responses.table(answer, "transaction")
        raw = responses.decoded(found.get("transaction"), "transaction")
        keys = self._keys(raw)
        if raw[0] >= 128 or transactions.signature_text(raw[1:65]) != signature:
            raise ChainSilent(f"a node returns another transaction than {signature}")
        meta = responses.table(found.get("meta"), "meta of a transaction")
        effects = responses.effects(meta, keys, responses.count(found.get("slot"), "slot of a transaction"))
        return msgspec.structs.replace(effects, signers=raw[0])


async def _accounts_of(
    endpoint: Endpoint, addresses: Sequence[str], slot_min: int, priority: Priority
) -> AccountsRead | ChainSilent:
    """One provider's answer, with at most 100 accounts in a request."""
    pages = [addresses[at : at + ACCOUNTS_MAX] for at in range(0, len(addresses), ACCOUNTS_MAX)]
    config = {**CONFIRMED, "encoding": "base64", "minContextSlot": slot_min}
    requests: list[tuple[str, Params]] = [("getMultipleAccounts", [list(page), config]) for page in pages]
    try:
        answers = await endpoint.batch(requests, priority)
        reads = [responses.accounts(_told(one), len(page)) for one, page in zip(answers, pages, strict=True)]
    except (ChainSilent, RpcError) as silent:
        return ChainSilent(f"{endpoint.name} shows no accounts: {silent}")
    slot = min(read.slot for read in reads)
    if slot < slot_min:
        return ChainSilent(f"{endpoint.name} answers as of slot {slot}, and slot {slot_min} is needed")
    return AccountsRead(slot, tuple(account for read in reads for account in read.accounts))


def _told(answer: object) -> object:
    if isinstance(answer, RpcError | ChainSilent):
        raise answer
    return answer


async def _signatures(
    call: Callable[[str, Params], Coroutine[object, object, object]], address: str, until: str | None, most: int
) -> list[SignatureInfo]:
    found: list[SignatureInfo] = []
    while len(found) < most:
        page = min(SIGNATURES_MAX, most - len(found))
        config = {**CONFIRMED, "limit": page}
        config |= {"until": until} if until else {}
        config |= {"before": found[-1].signature} if found else {}
        answer = await _answer_or_silence(call("getSignaturesForAddress", [address, config]))
        more = [responses.signature_info(one) for one in responses.listed(answer, "list of signatures")]
        found += more
        if len(more) < page:
            break
    return found[:most]


async def _or_silence(answer: Coroutine[object, object, T]) -> T | ChainSilent:
    """The silence of one provider is for its caller to weigh."""
    try:
        return await answer
    except ChainSilent as silent:
        return silent


async def _answer_or_silence(requests: Coroutine[object, object, object]) -> object:
    """Turns a node's error into ChainSilent: it says nothing about the transaction."""
    try:
        return await requests
    except RpcError as error:
        refusal = str(error)
    raise ChainSilent(f"a node refuses to answer: {refusal}")


def _each(read: Callable[[], T]) -> T | ChainSilent:
    """An unreadable entry becomes a ChainSilent for itself alone."""
    try:
        return read()
    except ChainSilent as silent:
        return silent


def _base64(transaction: bytes) -> str:
    return base64.b64encode(transaction).decode()
