"""The methods about slots, blocks and the cluster itself."""

from __future__ import annotations

from typing import Final

from overmind.sandbox.localnet import transactions
from overmind.sandbox.localnet.blocks import AGE_MAX, START_SLOT, Block
from overmind.sandbox.localnet.chain import FAUCET_LAMPORTS, SLOTS_PER_EPOCH
from overmind.sandbox.localnet.errors import CLEANED_UP, NOT_AVAILABLE, SLOT_SKIPPED, RpcFault, invalid
from overmind.sandbox.localnet.node import API_VERSION, LocalNode
from overmind.sandbox.localnet.params import RpcParams, whole
from overmind.sandbox.localnet.shapes import Json

BLOCKS_RANGE_MAX: Final = 500_000
FEATURE_SET: Final = 0


def get_latest_blockhash(node: LocalNode, params: RpcParams) -> Json:
    config = params.config(0)
    block = node.block(config)
    value = {"blockhash": block.blockhash, "lastValidBlockHeight": block.height + AGE_MAX}
    return node.view(config).with_context(value)


def is_blockhash_valid(node: LocalNode, params: RpcParams) -> Json:
    view = node.view(params.config(1))
    born = node.chain.blocks.born(params.address(0))
    return view.with_context(born is not None and 0 <= view.height - born <= AGE_MAX)


def get_slot(node: LocalNode, params: RpcParams) -> int:
    return node.block(params.config(0)).slot


def get_block_height(node: LocalNode, params: RpcParams) -> int:
    return node.block(params.config(0)).height


def get_epoch_info(node: LocalNode, params: RpcParams) -> Json:
    block = node.block(params.config(0))
    return {
        "absoluteSlot": block.slot,
        "blockHeight": block.height,
        "epoch": block.slot // SLOTS_PER_EPOCH,
        "slotIndex": block.slot % SLOTS_PER_EPOCH,
        "slotsInEpoch": SLOTS_PER_EPOCH,
        "transactionCount": node.chain.history.count,
    }


def get_epoch_schedule(_node: LocalNode, _params: RpcParams) -> Json:
    return {
        "firstNormalEpoch": 0,
        "firstNormalSlot": 0,
        "leaderScheduleSlotOffset": SLOTS_PER_EPOCH,
        "slotsPerEpoch": SLOTS_PER_EPOCH,
        "warmup": False,
    }


def get_block(node: LocalNode, params: RpcParams) -> Json:
    given = params.at(1)
    config = params.config(1) if not isinstance(given, str) else params.config(2)
    block = _block(node, params.number(0), node.landed_by(config))
    details = config.text("transactionDetails", "full")
    shown: Json = {
        "blockHeight": block.height,
        "blockTime": block.at_s,
        "blockhash": block.blockhash,
        "parentSlot": block.parent_slot,
        "previousBlockhash": node.chain.blocks.at(block.height - 1).blockhash,
    }
    if config.get("rewards") is not False:
        shown["rewards"] = []
    if details == "signatures":
        shown["signatures"] = [one.signature for one in block.landed]
    elif details in ("full", "accounts"):
        encoding = given if isinstance(given, str) else config.text("encoding", "json")
        version_max = config.number("maxSupportedTransactionVersion")
        shown["transactions"] = [transactions.in_block(one, encoding, version_max) for one in block.landed]
    elif details != "none":
        raise invalid(f"Invalid params: unknown variant `{details}` of transactionDetails.")
    return shown


def _block(node: LocalNode, slot: int, height_max: int) -> Block:
    blocks = node.chain.blocks
    first = blocks.oldest.slot + 1
    if slot < first:
        words = f"Block {slot} cleaned up, does not exist on node. First available block: {first}"
        raise RpcFault(CLEANED_UP, words)
    block = blocks.by_slot(slot)
    if slot > blocks.at(height_max).slot:
        raise RpcFault(NOT_AVAILABLE, f"Block not available for slot {slot}")
    if block is None:
        raise RpcFault(SLOT_SKIPPED, f"Slot {slot} was skipped, or missing due to ledger jump to recent snapshot")
    return block


def get_blocks(node: LocalNode, params: RpcParams) -> list[int]:
    given = params.at(1)
    config = params.config(1 if isinstance(given, dict) else 2)
    newest = node.chain.blocks.at(node.landed_by(config)).slot
    last = newest if given is None or isinstance(given, dict) else min(whole(given) or 0, newest)
    first = params.number(0)
    if last - first > BLOCKS_RANGE_MAX:
        raise invalid(f"Slot range too large; max {BLOCKS_RANGE_MAX}")
    return [block.slot for block in node.chain.blocks.between(first, last)]


def get_blocks_with_limit(node: LocalNode, params: RpcParams) -> list[int]:
    newest = node.chain.blocks.at(node.landed_by(params.config(2))).slot
    limit = params.number(1)
    if limit > BLOCKS_RANGE_MAX:
        raise invalid(f"Limit too large; max {BLOCKS_RANGE_MAX}")
    return [block.slot for block in node.chain.blocks.between(params.number(0), newest)][:limit]


def get_block_time(node: LocalNode, params: RpcParams) -> int:
    return _block(node, params.number(0), node.chain.blocks.head.height).at_s


def get_first_available_block(node: LocalNode, _params: RpcParams) -> int:
    return node.chain.history.first_slot


def get_version(_node: LocalNode, _params: RpcParams) -> Json:
    return {"feature-set": FEATURE_SET, "solana-core": API_VERSION}


def get_supply(node: LocalNode, params: RpcParams) -> Json:
    faucet = node.chain.accounts.get(str(node.chain.faucet.pubkey()))
    held = 0 if faucet is None else faucet.lamports
    total = FAUCET_LAMPORTS
    value = {"total": total, "circulating": total - held, "nonCirculating": held, "nonCirculatingAccounts": []}
    return node.view(params.config(0)).with_context(value)


def get_cluster_nodes(node: LocalNode, _params: RpcParams) -> list[Json]:
    names = ("gossip", "pubsub", "rpc", "tpu", "tpuForwards", "tpuForwardsQuic", "tpuQuic", "tpuVote", "tvu")
    known: Json = {"pubkey": node.chain.identity, "version": API_VERSION, "featureSet": FEATURE_SET, "shredVersion": 1}
    return [known | dict.fromkeys(names)]


def get_slot_leaders(node: LocalNode, params: RpcParams) -> list[str]:
    return [node.chain.identity] * min(params.number(1), 5_000)


def get_performance_samples(node: LocalNode, _params: RpcParams) -> list[Json]:
    blocks = node.chain.blocks.newest(150)
    count = sum(len(block.landed) for block in blocks)
    sample: Json = {"slot": blocks[-1].slot, "numSlots": len(blocks), "samplePeriodSecs": 60}
    return [sample | {"numTransactions": count, "numNonVoteTransactions": count}]


METHODS: Final = {
    "getLatestBlockhash": get_latest_blockhash,
    "isBlockhashValid": is_blockhash_valid,
    "getSlot": get_slot,
    "getBlockHeight": get_block_height,
    "getEpochInfo": get_epoch_info,
    "getEpochSchedule": get_epoch_schedule,
    "getBlock": get_block,
    "getBlocks": get_blocks,
    "getBlocksWithLimit": get_blocks_with_limit,
    "getBlockTime": get_block_time,
    "getFirstAvailableBlock": get_first_available_block,
    "minimumLedgerSlot": get_first_available_block,
    "getVersion": get_version,
    "getSupply": get_supply,
    "getClusterNodes": get_cluster_nodes,
    "getSlotLeaders": get_slot_leaders,
    "getRecentPerformanceSamples": get_performance_samples,
    "getHealth": lambda _node, _params: "ok",
    "getGenesisHash": lambda node, _params: node.chain.genesis_hash,
    "getIdentity": lambda node, _params: {"identity": node.chain.identity},
    "getSlotLeader": lambda node, _params: node.chain.identity,
    "getVoteAccounts": lambda _node, _params: {"current": [], "delinquent": []},
    "getTransactionCount": lambda node, _params: node.chain.history.count,
    "getMaxRetransmitSlot": lambda node, _params: node.chain.blocks.head.slot,
    "getHighestSnapshotSlot": lambda _node, _params: {"full": START_SLOT, "incremental": None},
    "getStakeMinimumDelegation": lambda node, params: node.view(params.config(0)).with_context(1_000_000_000),
}
