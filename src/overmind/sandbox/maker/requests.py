"""Reads and checks swap requests from the query string. All checks of a request are here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from solders.pubkey import Pubkey

from overmind.core.model.ids import Mint
from overmind.core.model.numbers import digits
from overmind.core.model.units import BPS
from overmind.core.model.value import Value
from overmind.keys.secret_key import is_address
from overmind.sandbox.maker.listing import Listed
from overmind.sandbox.maker.quoting import UNITS_MAX

ROUTER: Final = "metis"
SLIPPAGE_BPS: Final = 50  # the documented default of /build
PRIORITY_FEE_MAX_LAMPORTS: Final = 100_000_000  # a higher fee is taken for a mistake
_READ_MAX: Final = 10**20  # beyond what a token account can hold
_NOT_OFFERED: Final = (
    "receiver",
    "payer",
    "referralAccount",
    "referralFee",
    "tipAmount",
    "platformFeeBps",
    "feeAccount",
    "destinationTokenAccount",
    "nativeDestinationAccount",
)


class SwapRequest(Value, frozen=True):
    given: Listed
    wanted: Listed
    in_units: int
    taker: Pubkey | None
    slippage_bps: int | None
    priority_fee_lamports: int | None
    tip_lamports: int = 0

    @property
    def manual(self) -> bool:
        return self.slippage_bps is not None or self.priority_fee_lamports is not None or self.tip_lamports > 0


class Unreadable(Exception):
    """What is wrong with the request, worded for its sender."""


def read_request(query: Mapping[str, str], listed: Mapping[Mint, Listed], maker: Pubkey) -> SwapRequest:
    """Reads the query of /order and /build. Raises Unreadable."""
    for name in _NOT_OFFERED:
        if name in query and not (name == "payer" and query[name] == query.get("taker")):
            raise Unreadable(f"{name}: not offered by this venue; leave it out")
    if query.get("wrapAndUnwrapSol", "true") != "true":
        raise Unreadable("wrapAndUnwrapSol: only true is offered")
    if query.get("swapMode", "ExactIn") != "ExactIn":
        raise Unreadable("swapMode: only ExactIn is offered")
    given, wanted = _token(query, "inputMint", listed), _token(query, "outputMint", listed)
    if given.mint == wanted.mint:
        raise Unreadable("CIRCULAR_ARBITRAGE_IS_DISABLED: inputMint and outputMint are the same")
    taker = _taker(query["taker"], maker) if "taker" in query else None
    if ROUTER in query.get("excludeRouters", "").split(","):
        raise Unreadable(f"NO_ROUTES_FOUND: {ROUTER} is the only router here, and it is excluded")
    return SwapRequest(
        given=given,
        wanted=wanted,
        in_units=_units(query),
        taker=taker,
        slippage_bps=_bounded(query, "slippageBps", BPS),
        priority_fee_lamports=_bounded(query, "priorityFeeLamports", PRIORITY_FEE_MAX_LAMPORTS),
        tip_lamports=_bounded(query, "jitoTipLamports", PRIORITY_FEE_MAX_LAMPORTS) or 0,
    )


def _token(query: Mapping[str, str], name: str, listed: Mapping[Mint, Listed]) -> Listed:
    mint = query.get(name)
    if not mint:
        raise Unreadable(f"{name}: missing; give a mint's address")
    token = listed.get(Mint(mint))
    if token is not None:
        return token
    if is_address(mint):
        raise Unreadable(f"TOKEN_NOT_TRADABLE: {name} {mint} is not traded here")
    raise Unreadable(f"{name}: not an address; give base58 of 32 bytes")


def _units(query: Mapping[str, str]) -> int:
    text = query.get("amount")
    if not text:
        raise Unreadable("amount: missing; give base units of inputMint")
    units = digits(text, _READ_MAX)
    if units is None:
        raise Unreadable("amount: not a whole number of base units; give digits only")
    if not 0 < units <= UNITS_MAX:
        raise Unreadable(f"amount: outside 1 to {UNITS_MAX}")
    return units


def _bounded(query: Mapping[str, str], name: str, most: int) -> int | None:
    text = query.get(name)
    if text is None or text == "rtse":
        return None
    read = digits(text, most)
    if read is None:
        raise Unreadable(f"{name}: not a whole number from 0 to {most}")
    return read


def _taker(text: str, maker: Pubkey) -> Pubkey:
    taker = read_wallet(text)
    if taker is None:
        raise Unreadable("taker: not a wallet's address; give base58 of an Ed25519 public key")
    if taker == maker:
        raise Unreadable("taker: the maker does not trade with itself")
    return taker


@lru_cache(maxsize=4096)  # The same few wallets are read again and again.
def read_wallet(text: str) -> Pubkey | None:
    if not is_address(text):
        return None
    key = Pubkey.from_string(text)
    return key if key.is_on_curve() else None
