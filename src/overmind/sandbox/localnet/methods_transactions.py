"""The methods that send and simulate transactions and report their outcome."""

from __future__ import annotations

from typing import Final

from overmind.sandbox.localnet import shapes, transactions, wire
from overmind.sandbox.localnet.blocks import AGE_MAX
from overmind.sandbox.localnet.encoding import of_base64
from overmind.sandbox.localnet.errors import SIGNATURE_FAILURE, RpcFault, invalid
from overmind.sandbox.localnet.landing import LocalSimulation
from overmind.sandbox.localnet.methods_accounts import account_encoder
from overmind.sandbox.localnet.node import LocalNode
from overmind.sandbox.localnet.params import Config, RpcParams, address
from overmind.sandbox.localnet.shapes import Json

STATUSES_MAX: Final = 256
HISTORY_MAX: Final = 1_000
FEE_ACCOUNTS_MAX: Final = 128
FEE_BLOCKS: Final = 150


def send_transaction(node: LocalNode, params: RpcParams) -> str:
    config = params.config(1)
    parts = wire.decode(params.text(0), config.text("encoding", "base58"))
    commitment = config.commitment("preflightCommitment")
    node.block(config, "preflightCommitment")  # Rejected below minContextSlot.
    return node.chain.send(parts, commitment, preflight=not config.flag("skipPreflight"))


def simulate_transaction(node: LocalNode, params: RpcParams) -> Json:
    config = params.config(1)
    parts = wire.decode(params.text(0), config.text("encoding", "base58"))
    verifies, replaces = config.flag("sigVerify"), config.flag("replaceRecentBlockhash")
    if verifies and replaces:
        raise invalid("sigVerify may not be used with replaceRecentBlockhash")
    view = node.view(config)
    simulation = node.chain.simulate(parts, config.commitment(), verify=verifies, any_blockhash=replaces)
    if verifies and simulation.ran.err == "SignatureFailure":
        raise RpcFault(SIGNATURE_FAILURE, "Transaction signature verification failure")
    value = shapes.simulated(simulation, node.chain.accounts.decimals)
    value["accounts"] = _accounts_after(node, config, simulation)
    if config.flag("innerInstructions"):
        record = shapes.record_of(simulation.ran.record)
        value["innerInstructions"] = shapes.inner_instructions(record.inner_instructions)
    if replaces:
        block = node.block(config)
        value["replacementBlockhash"] = {
            "blockhash": block.blockhash,
            "lastValidBlockHeight": block.height + AGE_MAX,
        }
    return view.with_context(value)


def _accounts_after(node: LocalNode, config: Config, simulation: LocalSimulation) -> object:
    """The requested accounts as they would be after the transaction; null for each if it fails."""
    asked = config.get("accounts")
    if asked is None:
        return None
    if not isinstance(asked, dict) or not isinstance(asked.get("addresses"), list):
        raise invalid("Invalid params: accounts: missing field `addresses`.")
    names = [address(one) for one in asked["addresses"]]
    if len(names) > len(simulation.involved.keys):
        raise invalid(f"Too many accounts provided; max {len(simulation.involved.keys)}")
    if simulation.ran.err is not None:
        return [None] * len(names)
    shown = account_encoder(node, Config(asked), "base64")
    after = dict(zip(simulation.involved.keys, simulation.after, strict=True))
    return [shown(after[name] if name in after else node.chain.accounts.get(name)) for name in names]


def get_signature_statuses(node: LocalNode, params: RpcParams) -> Json:
    chain = node.chain
    searches = params.config(1).flag("searchTransactionHistory")
    newest, faults = node.statuses_height(), chain.draws.faults
    found: list[Json | None] = []
    for signature in params.signatures(0, STATUSES_MAX):
        landed = chain.history.find(signature)
        known = landed is not None and landed.height <= newest and (searches or node.is_recent(landed))
        if landed is None or not known or chain.draws.occurs("status_flap", faults.status_flap_ppm):
            found.append(None)
        else:
            found.append(shapes.status(landed, newest, chain.blocks.root_height))
    return node.view(Config({"commitment": "processed"})).with_context(found)


def get_transaction(node: LocalNode, params: RpcParams) -> Json | None:
    given = params.at(1)
    config = Config({"encoding": given}) if isinstance(given, str) else params.config(1)
    landed = node.find_landed(params.signature(0), config)
    if landed is None:
        return None
    return transactions.transaction(
        landed, config.text("encoding", "json"), config.number("maxSupportedTransactionVersion")
    )


def get_signatures_for_address(node: LocalNode, params: RpcParams) -> list[Json]:
    config = params.config(1)
    limit = config.number("limit")
    if limit is not None and not 1 <= limit <= HISTORY_MAX:
        raise invalid(f"Invalid limit; max {HISTORY_MAX}")
    newest, blocks = node.landed_by(config), node.chain.blocks
    before, until = config.get("before"), config.get("until")
    found: list[Json] = []
    waiting = before is not None
    for landed in node.chain.history.of_address(params.address(0)):
        if landed.signature == until or len(found) == (limit or HISTORY_MAX):
            break
        if not waiting and landed.height <= newest:
            found.append(shapes.in_address_list(landed, blocks.head.height, blocks.root_height))
        waiting = waiting and landed.signature != before
    return found


def get_fee_for_message(node: LocalNode, params: RpcParams) -> Json:
    """Null when the message's blockhash is no longer valid."""
    config = params.config(1)
    view = node.view(config)
    raw = of_base64(params.text(0))
    if raw is None:
        raise invalid("invalid base64 encoding: InvalidByte(0, 0)")
    return view.with_context(node.chain.fee_of(wire.of_message(raw), config.commitment()))


def get_recent_prioritization_fees(node: LocalNode, params: RpcParams) -> list[Json]:
    """For each recent block, the lowest price per compute unit among the transactions that wrote these accounts."""
    names = set(params.addresses(0, FEE_ACCOUNTS_MAX) if params.at(0) is not None else ())
    found: list[Json] = []
    for block in node.chain.blocks.newest(FEE_BLOCKS):
        prices = [
            one.price_micro
            for one in block.landed
            if not names or any(one.keys[index] in names for index in one.writable)
        ]
        found.append({"slot": block.slot, "prioritizationFee": min(prices, default=0)})
    return found


def request_airdrop(node: LocalNode, params: RpcParams) -> str:
    return node.chain.airdrop(params.address(0), params.number(1))


METHODS: Final = {
    "sendTransaction": send_transaction,
    "simulateTransaction": simulate_transaction,
    "getSignatureStatuses": get_signature_statuses,
    "getTransaction": get_transaction,
    "getSignaturesForAddress": get_signatures_for_address,
    "getFeeForMessage": get_fee_for_message,
    "getRecentPrioritizationFees": get_recent_prioritization_fees,
    "requestAirdrop": request_airdrop,
}
