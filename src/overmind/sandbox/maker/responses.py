"""Builds the API's answers from the maker's decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace
from solders.compute_budget import set_compute_unit_price

from overmind.core.model.ids import Mint
from overmind.core.model.units import BPS, MICROS, NS, PICO
from overmind.ports import Tick
from overmind.sandbox.maker import legs, wire
from overmind.sandbox.maker.cluster import RecentBlock
from overmind.sandbox.maker.drafts import SIGNATURES, ComputeBudget
from overmind.sandbox.maker.legs import Swap
from overmind.sandbox.maker.listing import Listed
from overmind.sandbox.maker.quoting import Deal
from overmind.sandbox.maker.requests import SwapRequest
from overmind.solana import tokens

SHORT_OF_FUNDS, SHORT_OF_SOL = 1, 2
_WHY: Final = {SHORT_OF_FUNDS: "Insufficient funds", SHORT_OF_SOL: "Insufficient SOL for gas"}
_LABEL: Final = "Overmind Maker"


def quoted(swap_request: SwapRequest, found: Deal, maker: str, request_id: str, now_ns: int) -> wire.OrderAnswer:
    """The offer without a transaction."""
    taker = None if swap_request.taker is None else str(swap_request.taker)
    out_amount, value = str(found.out_units), found.in_micros / MICROS
    return wire.OrderAnswer(
        mode="manual" if swap_request.manual else "ultra",
        input_mint=swap_request.given.token.mint,
        output_mint=swap_request.wanted.token.mint,
        in_amount=str(found.in_units),
        out_amount=out_amount,
        in_usd_value=value,
        out_usd_value=found.out_micros / MICROS,
        swap_usd_value=value,
        price_impact=-found.impact_bps * 100 / BPS,
        price_impact_pct=f"{-found.impact_bps / BPS:.4f}",
        other_amount_threshold=out_amount,  # The transfer is exact, so there is no slippage.
        slippage_bps=swap_request.slippage_bps or 0,
        route_plan=(_route(swap_request, found, maker),),
        fee_mint=swap_request.wanted.token.mint,
        signature_fee_lamports=SIGNATURES * tokens.SIGNATURE_LAMPORTS,
        signature_fee_payer=taker,
        prioritization_fee_lamports=0,
        prioritization_fee_payer=taker,
        rent_fee_lamports=0,
        rent_fee_payer=taker,
        transaction=None,
        request_id=request_id,
        quote_id=request_id,
        maker=maker,
        expire_at=str(now_ns // NS),
        total_time=0.0,
        taker=taker,
    )


def unbuilt(answer: wire.OrderAnswer, code: int) -> wire.OrderAnswer:
    """The offer to a trader who cannot pay."""
    return replace(answer, transaction="", error_code=code, error_message=_WHY[code], error=_WHY[code])


def built(
    swap_request: SwapRequest,
    found: Deal,
    swap: Swap,
    budget: ComputeBudget,
    block: RecentBlock,
    fetched_at_ns: int,
    request_id: str,
) -> wire.BuildAnswer:
    maker, last, out_amount = str(swap.maker), legs.cleanup(swap), str(found.out_units)
    return wire.BuildAnswer(
        input_mint=swap_request.given.token.mint,
        output_mint=swap_request.wanted.token.mint,
        in_amount=str(found.in_units),
        out_amount=out_amount,
        other_amount_threshold=out_amount,
        slippage_bps=swap_request.slippage_bps or 0,
        price_impact_pct=f"{-found.impact_bps / BPS:.4f}",
        route_plan=(_route(swap_request, found, maker),),
        compute_budget_instructions=(wire.step(set_compute_unit_price(budget.unit_price_micro)),),
        # The payment is part of the set-up, not of the others: a cleanup closes the account that it comes from.
        setup_instructions=tuple(wire.step(one) for one in (*legs.setup(swap), legs.pay_in(swap))),
        swap_instruction=wire.step(legs.pay_out(swap)),
        cleanup_instruction=UNSET if last is None else wire.step(last),
        blockhash_with_metadata=wire.Blockhash(
            tuple(bytes(block.hash)), block.last_valid_height, wire.FetchedAt(*divmod(fetched_at_ns, NS))
        ),
        request_id=request_id,
        maker=maker,
    )


def price(listed: Listed, price_pico: int, liquidity_micros: int, height: int | None) -> wire.PriceAnswer:
    return wire.PriceAnswer(
        usd_price=wire.number_of(price_pico),
        liquidity=wire.number_of(liquidity_micros, MICROS),
        block_id=height,
        decimals=listed.token.decimals,
    )


def prices(
    ids: list[str],
    listed: Mapping[Mint, Listed],
    currency: Mint,
    ticks: Mapping[Mint, Tick],
    height: int | None,
    factor: int = 1,
) -> dict[str, wire.PriceAnswer]:
    """Prices of the known mints. A pool's liquidity counts both of its sides."""
    found = {}
    for mint in map(Mint, dict.fromkeys(ids)):
        tick = ticks.get(mint)
        if mint == currency:
            found[mint] = price(listed[mint], PICO, 0, height)
        elif mint in listed and tick is not None:
            found[mint] = price(listed[mint], tick.price_pico * factor, 2 * tick.depth_micros, height)
    return {str(mint): answer for mint, answer in found.items()}


def _route(swap_request: SwapRequest, found: Deal, maker: str) -> wire.RouteStep:
    given, wanted = swap_request.given.token.mint, swap_request.wanted.token.mint
    swap = wire.SwapInfo(maker, _LABEL, given, wanted, str(found.in_units), str(found.out_units))
    return wire.RouteStep(swap, found.in_micros / MICROS)
