"""Each injected fault takes effect, and our client detects those that an offer can show."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from tests.support.maker_on_chain import BONK, NEW, SOL_TOKEN, TOKENS, USDC, MakerOnChain, staged
from tests.support.swap_orders import order

from overmind.clock.clocks import SystemClock
from overmind.core.model.money import Token
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import PPM
from overmind.ports import SwapOffer, VenueUnavailable
from overmind.sandbox.maker.faults import DEAD_HASH, STOLEN_LAMPORTS, Fault, MakerFaults
from overmind.solana import tokens
from overmind.solana.firewall import verify
from overmind.solana.jupiter_api import JupiterApi
from overmind.solana.transactions import Transaction, parse

SILENT = [
    Fault.NEVER_ANSWERS,
    Fault.SLOW,
    Fault.HTML,
    Fault.TRUNCATED,
    Fault.NOT_AN_OBJECT,
    Fault.ENDLESS,
    Fault.SERVER_ERROR,
    Fault.RATE_LIMITED,
    Fault.UNAUTHORIZED,
    Fault.ABSURD_NUMBER,
]
REFUSED = [
    Fault.NULLS,
    Fault.SWAPPED_MINTS,
    Fault.OTHER_AMOUNT,
    Fault.ZERO_AMOUNT,
    Fault.ABSURD_AMOUNT,
    Fault.NEGATIVE_AMOUNT,
    Fault.NO_TRANSACTION,
    Fault.TELLS_OTHER_FEE_PAYER,
]
UNITS = 1_000_000


async def _asked(stage: MakerOnChain, *kinds: Fault) -> SwapOffer | Rejected:
    stage.maker.faults = MakerFaults(kinds, slow_s=30.0)
    async with JupiterApi(stage.maker.url, SystemClock(), timeout_s=1.0 if kinds[:1] in _SLOW else 30.0) as api:
        return await api.order(order(USDC.mint, BONK.mint, UNITS), stage.trader)


_SLOW = [(Fault.NEVER_ANSWERS,), (Fault.SLOW,)]


async def _offered(stage: MakerOnChain, *kinds: Fault) -> SwapOffer:
    offer = await _asked(stage, *kinds)
    assert isinstance(offer, SwapOffer), offer
    return offer


async def _transaction(stage: MakerOnChain, *kinds: Fault) -> Transaction:
    return parse((await _offered(stage, *kinds)).transaction)


def test_every_fault_is_in_a_group() -> None:
    of_the_transaction = set(Fault) - {*SILENT, *REFUSED, Fault.PRICE_X100}
    assert of_the_transaction == {
        Fault.EXPIRED_BLOCKHASH,
        Fault.LESS_OUTPUT,
        Fault.MORE_INPUT,
        Fault.OTHER_RECIPIENT,
        Fault.DRAIN_SOL,
        Fault.DELEGATE,
        Fault.OTHER_FEE_PAYER,
        Fault.ABSURD_FEE,
        Fault.NOT_COSIGNED,
    }


@pytest.mark.parametrize("fault", SILENT)
def test_a_broken_server_gives_no_offer(fault: Fault) -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            with pytest.raises(VenueUnavailable):
                await _asked(stage, fault)
            assert isinstance(await _asked(stage), SwapOffer)  # The client recovers.

    asyncio.run(main())


def test_an_offer_that_is_not_what_we_asked_for_is_refused() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            for fault in REFUSED:
                refused = await _asked(stage, fault)
                assert isinstance(refused, Rejected), fault
                assert refused.cause is Cause.BAD_QUOTE, (fault, refused)

    asyncio.run(main())


def test_a_hundredfold_price_is_passed_on() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            honest = await _offered(stage)
            assert (await _offered(stage, Fault.PRICE_X100)).out_units == honest.out_units // 100
            stage.maker.faults = MakerFaults((Fault.PRICE_X100,))
            _, prices = await stage.get("/price/v3", {"ids": BONK.mint})
            assert prices[BONK.mint]["usdPrice"] == 0.002

    asyncio.run(main())


def test_the_transaction_is_what_the_fault_says_and_not_what_the_offer_says() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            honest, maker = await _transaction(stage), stage.maker.public_key
            assert honest.keys[0] == stage.trader
            assert honest.unsigned() == ()
            count = len(honest.instructions)
            assert (await _transaction(stage, Fault.EXPIRED_BLOCKHASH)).blockhash == str(DEAD_HASH)
            assert (await _transaction(stage, Fault.OTHER_FEE_PAYER)).keys[0] == maker
            assert (await _transaction(stage, Fault.NOT_COSIGNED)).unsigned() == (maker,)
            offer = await _offered(stage, Fault.LESS_OUTPUT)
            assert _moved(parse(offer.transaction), maker) == offer.out_units // 2
            assert _moved(await _transaction(stage, Fault.MORE_INPUT), stage.trader) == 2 * UNITS
            drain = (await _transaction(stage, Fault.DRAIN_SOL)).instructions[-1]
            assert (drain.accounts, int.from_bytes(drain.data[4:], "little")) == (
                (stage.trader, maker),
                STOLEN_LAMPORTS,
            )
            assert (await _transaction(stage, Fault.DELEGATE)).instructions[-1].data[0] == tokens.APPROVE_CHECKED
            elsewhere = await _transaction(stage, Fault.OTHER_RECIPIENT)
            assert len(elsewhere.instructions) == count
            assert elsewhere.instructions[-1].accounts[2] == str(stage.maker.market.listed[BONK.mint].vault)
            price = (await _transaction(stage, Fault.ABSURD_FEE)).instructions[1]
            assert int.from_bytes(price.data[1:], "little") == 1_000_000_000

    asyncio.run(main())


LIES = [
    Fault.LESS_OUTPUT,
    Fault.MORE_INPUT,
    Fault.OTHER_RECIPIENT,
    Fault.DRAIN_SOL,
    Fault.DELEGATE,
    Fault.OTHER_FEE_PAYER,
    Fault.ABSURD_FEE,
    Fault.NOT_COSIGNED,
]


@pytest.mark.parametrize(("given", "wanted"), [(USDC, BONK), (USDC, SOL_TOKEN), (SOL_TOKEN, NEW)])
def test_the_firewall_lets_the_honest_transaction_through_and_no_other(given: Token, wanted: Token) -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            listed = {token.mint: token for token in TOKENS}
            for fault in (None, *LIES):
                stage.maker.faults = MakerFaults(() if fault is None else (fault,))
                asked = order(given.mint, wanted.mint, 10_000_000)
                async with JupiterApi(stage.maker.url, SystemClock(), timeout_s=30.0) as api:
                    offer = await api.order(asked, stage.trader)
                assert isinstance(offer, SwapOffer), (fault, offer)
                bound = replace(asked, received_min=offer.out_min_units)
                verdict = verify(bound, stage.trader, listed, parse(offer.transaction))
                assert (verdict is None) == (fault is None), (fault, verdict)

    asyncio.run(main())


def _moved(transaction: Transaction, owner: str) -> int:
    transfers = (one for one in transaction.instructions if one.data[:1] == bytes([tokens.TRANSFER_CHECKED]))
    return int.from_bytes(next(one for one in transfers if one.accounts[3] == owner).data[1:9], "little")


def test_which_answers_are_spoilt_follows_from_the_seed() -> None:
    faults = MakerFaults((Fault.HTML, Fault.NULLS), share_ppm=PPM // 4, seed=7)
    drawn = [faults.draw(number) for number in range(2_000)]
    assert drawn == [faults.draw(number) for number in range(2_000)]
    assert set(drawn) == {None, Fault.HTML, Fault.NULLS}
    assert 400 < sum(one is not None for one in drawn) < 600
    assert {MakerFaults().draw(number) for number in range(10)} == {None}
