"""A simulation predicts what lands, because the same code reads both."""

from __future__ import annotations

import math
from random import Random

from msgspec.structs import replace
from tests.support.chain_desk import KEYS, LISTED, OWNERS, QUOTE, W1, ChainDesk, on_stage
from tests.support.maker_on_chain import NEW

from overmind.core.model.enums import Side, StrategyType
from overmind.core.model.ids import SOL, OrderId, SignalId
from overmind.core.model.money import Money, Token
from overmind.core.model.order import Order
from overmind.core.model.outcome import Filled
from overmind.core.model.units import LAMPORTS, MICROS
from overmind.keys.secret_key import SecretKey
from overmind.ports import Priority, SwapOffer
from overmind.solana.chain import RpcChain
from overmind.solana.jupiter_api import JupiterApi
from overmind.solana.rpc import Rpc
from overmind.solana.settlement import outside_costs, outside_order, settle
from overmind.solana.signer import LocalSigner
from overmind.solana.transactions import parse, signature_text

SEED = 4
SWAPS = 16
BY_SYMBOL = {token.symbol: token for token in (QUOTE, NEW, *LISTED.values())}
TRADED = [BY_SYMBOL[symbol] for symbol in ("SOL", "BONK", "NEW")]


def order(number: int, given: Token, wanted: Token, units: int) -> Order:
    return Order(
        id=OrderId(f"s{number}.0.0"),
        signal_id=SignalId(f"s{number}"),
        wallet_id=W1,
        strategy=StrategyType.ARBITRAGE,
        side=Side.BUY if given == QUOTE else Side.SELL,
        spend=Money(units, given.mint),
        receive=wanted.mint,
        received_min=1,
        notional_micros=0,
        loss_max_micros=0,
        fee_max_lamports=100_000,
        rent_max_lamports=2_157_600,
        slippage_max_bps=10_000,
        mark_pico=1,
        expires_at_ns=0,
        part=0,
        attempt=0,
    )


@on_stage
async def test_simulated_equals_landed(stage: ChainDesk) -> None:
    """Random swaps of SOL, of a token and of a Token-2022 token, with and without new accounts."""
    random, owner = Random(SEED), OWNERS[W1]
    signer = LocalSigner([SecretKey(KEYS[W1])])
    held = {SOL: LAMPORTS}
    async with (
        Rpc([stage.net.url], stage.clock, requests_per_s=math.inf) as rpc,
        RpcChain(rpc, stage.clock) as chain,
        JupiterApi(stage.honest.url, stage.clock) as api,
    ):
        for number in range(SWAPS):
            token = TRADED[number % len(TRADED)]
            sells = token.mint in held and random.random() < 0.5
            units = random.randint(1, held[token.mint]) if sells else random.randint(MICROS, 500 * MICROS)
            wanted = order(number, *((token, QUOTE) if sells else (QUOTE, token)), units)
            offer = await api.order(wanted, owner)
            assert isinstance(offer, SwapOffer), offer
            simulated = settle((await chain.simulate(offer.transaction, Priority.ENTRY)).effects, wanted)
            transaction = parse(offer.transaction)
            signature = await signer.sign(owner, transaction.message)
            await chain.send(transaction.signed_by_payer(signature), Priority.ENTRY)

            async def landed(name: str = signature_text(signature)) -> bool:
                return await chain.effects(name) is not None

            await stage.until(landed)
            effects = await chain.effects(signature_text(signature))
            assert effects is not None
            assert isinstance(simulated, Filled), simulated
            assert settle(effects, wanted) == replace(simulated, slot=effects.slot)
            assert simulated.spent_units == units
            assert simulated.received_units == offer.out_units
            assert outside_order(wanted, simulated) is None
            assert outside_costs(wanted, simulated) is None
            held[token.mint] = held.get(token.mint, 0) + (-units if sells else simulated.received_units)
            held = {mint: left for mint, left in held.items() if left > 0}
