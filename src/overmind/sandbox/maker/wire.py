"""The JSON answers, in the shapes of Jupiter's Swap API v2 and Price API v3.

A field without a value is left out where the API's schema does not allow null.
"""

from __future__ import annotations

from base64 import b64encode

import msgspec
from msgspec import UNSET, UnsetType
from solders.instruction import Instruction

from overmind.core.model.units import PICO
from overmind.core.model.value import Value

ENCODER = msgspec.json.Encoder()


class SwapInfo(Value, frozen=True, rename="camel"):
    amm_key: str
    label: str
    input_mint: str
    output_mint: str
    in_amount: str
    out_amount: str


class RouteStep(Value, frozen=True, rename="camel"):
    swap_info: SwapInfo
    usd_value: float
    percent: int = 100
    bps: int = 10_000


class OrderAnswer(Value, frozen=True, rename="camel"):
    """200 of /order. Optional fields that nobody here needs are left out."""

    mode: str
    input_mint: str
    output_mint: str
    in_amount: str
    out_amount: str
    in_usd_value: float
    out_usd_value: float
    swap_usd_value: float
    price_impact: float
    price_impact_pct: str
    other_amount_threshold: str
    slippage_bps: int
    route_plan: tuple[RouteStep, ...]
    fee_mint: str
    signature_fee_lamports: int
    signature_fee_payer: str | None
    prioritization_fee_lamports: int
    prioritization_fee_payer: str | None
    rent_fee_lamports: int
    rent_fee_payer: str | None
    transaction: str | None
    request_id: str
    quote_id: str
    maker: str
    expire_at: str
    total_time: float
    taker: str | None
    last_valid_block_height: str | UnsetType = UNSET
    error_code: int | UnsetType = UNSET
    error_message: str | UnsetType = UNSET
    error: str | UnsetType = UNSET
    fee_bps: int = 0
    gasless: bool = False
    router: str = "metis"  # of the schema's four routers, the one where the trader pays the fee
    swap_mode: str = "ExactIn"
    swap_type: str = "aggregator"


class Account(Value, frozen=True, rename="camel"):
    pubkey: str
    is_writable: bool
    is_signer: bool


class Step(Value, frozen=True, rename="camel"):
    """An instruction."""

    program_id: str
    accounts: tuple[Account, ...]
    data: str


class FetchedAt(Value, frozen=True):
    secs_since_epoch: int
    nanos_since_epoch: int


class Blockhash(Value, frozen=True, rename="camel"):
    blockhash: tuple[int, ...]
    last_valid_block_height: int
    fetched_at: FetchedAt


class BuildAnswer(Value, frozen=True, rename="camel"):
    """200 of /build. `request_id` and `maker` are additions of ours: /cosign needs the request id and the maker's key.

    The API's schema says "nullable" beside a `$ref`, where OpenAPI 3.0 ignores it. So an absent instruction is left out
    rather than null, which is valid in either reading.
    """

    input_mint: str
    output_mint: str
    in_amount: str
    out_amount: str
    other_amount_threshold: str
    slippage_bps: int
    price_impact_pct: str
    route_plan: tuple[RouteStep, ...]
    compute_budget_instructions: tuple[Step, ...]
    setup_instructions: tuple[Step, ...]
    swap_instruction: Step
    cleanup_instruction: Step | UnsetType
    blockhash_with_metadata: Blockhash
    request_id: str
    maker: str
    other_instructions: tuple[Step, ...] = ()
    addresses_by_lookup_table_address: None = None
    swap_mode: str = "ExactIn"


class SwapEvent(Value, frozen=True, rename="camel"):
    input_mint: str
    input_amount: str
    output_mint: str
    output_amount: str


class ExecuteAnswer(Value, frozen=True, rename="camel"):
    """200 of /execute."""

    status: str  # Success or Failed
    signature: str
    code: int
    slot: str | UnsetType = UNSET
    error: str | UnsetType = UNSET
    total_input_amount: str | UnsetType = UNSET
    total_output_amount: str | UnsetType = UNSET
    input_amount_result: str | UnsetType = UNSET
    output_amount_result: str | UnsetType = UNSET
    swap_events: tuple[SwapEvent, ...] = ()


class CosignAnswer(Value, frozen=True, rename="camel"):
    """200 of /cosign, an addition of ours."""

    transaction: str
    request_id: str


class MakerRefusal(Value, frozen=True, rename="camel", omit_defaults=True):
    """400."""

    error: str
    code: int | UnsetType = UNSET
    request_id: str | UnsetType = UNSET


class PriceAnswer(Value, frozen=True, rename="camel"):
    """One token's entry in the answer of /price/v3."""

    usd_price: msgspec.Raw
    liquidity: msgspec.Raw
    block_id: int | None
    decimals: int
    price_change_24h: None = msgspec.field(default=None, name="priceChange24h")
    created_at: str = "2024-06-05T08:55:25.527Z"  # a fixed date, as the real API gives for old tokens


def step(instruction: Instruction) -> Step:
    return Step(
        program_id=str(instruction.program_id),
        accounts=tuple(Account(str(one.pubkey), one.is_writable, one.is_signer) for one in instruction.accounts),
        data=b64encode(bytes(instruction.data)).decode(),
    )


def number_of(units: int, scale: int = PICO) -> msgspec.Raw:
    """An exact JSON number, without a float between the feed's integer and the reader."""
    whole, rest = divmod(units, scale)
    fraction = f"{rest:0{len(str(scale)) - 1}d}".rstrip("0")
    return msgspec.Raw(f"{whole}.{fraction}".encode() if fraction else str(whole).encode())
