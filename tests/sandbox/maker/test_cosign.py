"""/build and the second signature: whatever the trader adds, the maker pays once and only for its payment."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import Message, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from tests.support.maker_on_chain import BONK, NEW, SOL_TOKEN, USDC, MakerOnChain, staged

from overmind.core.model.money import Token
from overmind.core.model.units import LAMPORTS
from overmind.keys.secret_key import SecretKey
from overmind.sandbox.maker.setup import Stock
from overmind.solana import tokens
from overmind.solana.tokens import TOKEN_PROGRAM, ata

MEMO = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")


def _read(step: dict[str, Any]) -> Instruction:
    accounts = [
        AccountMeta(Pubkey.from_string(one["pubkey"]), one["isSigner"], one["isWritable"]) for one in step["accounts"]
    ]
    return Instruction(Pubkey.from_string(step["programId"]), base64.b64decode(step["data"]), accounts)


def _steps(built: dict[str, Any]) -> list[Instruction]:
    """The instructions in the order that Jupiter's clients use."""
    steps = [*built["computeBudgetInstructions"], *built["setupInstructions"], built["swapInstruction"]]
    if "cleanupInstruction" in built:
        steps.append(built["cleanupInstruction"])
    return [_read(step) for step in (*steps, *built["otherInstructions"])]


def _assembled(steps: Sequence[Instruction], payer: Pubkey, blockhash: Hash) -> str:
    """The unsigned transaction in base64."""
    message = MessageV0.try_compile(payer, list(steps), [], blockhash)
    blank = [Signature.default()] * message.header.num_required_signatures
    return base64.b64encode(bytes(VersionedTransaction.populate(message, blank))).decode()


def _hash(built: dict[str, Any]) -> Hash:
    return Hash(bytes(built["blockhashWithMetadata"]["blockhash"]))


async def _built(stage: MakerOnChain, given: Token, wanted: Token, units: int) -> dict[str, Any]:
    status, built = await stage.get("/swap/v2/build", stage.query(given, wanted, units))
    assert status == 200, built
    assert isinstance(built, dict)
    return built


async def _cosigned(stage: MakerOnChain, transaction: str, built: dict[str, Any]) -> tuple[int, Any]:
    return await stage.post("/swap/v2/cosign", {"transaction": transaction, "requestId": built["requestId"]})


@pytest.mark.parametrize(("given", "wanted"), [(USDC, BONK), (USDC, SOL_TOKEN), (SOL_TOKEN, USDC), (SOL_TOKEN, NEW)])
def test_a_build_with_a_memo_of_the_trader_s_own_lands(given: Token, wanted: Token) -> None:
    async def main() -> None:
        async with staged() as stage:
            built = await _built(stage, given, wanted, LAMPORTS)
            steps = [*_steps(built), Instruction(MEMO, b"mine", [])]
            transaction = _assembled(steps, Pubkey.from_string(stage.trader), _hash(built))
            status, answer = await _cosigned(stage, transaction, built)
            assert status == 200, answer
            before = await stage.lamports() if wanted == SOL_TOKEN else await stage.units(wanted)
            assert (await stage.land(stage.signed(answer["transaction"])))["err"] is None
            after = await stage.lamports() if wanted == SOL_TOKEN else await stage.units(wanted)
            # No limit was set, so the price counts for 200,000 units per instruction.
            fee = 20_000 if wanted == SOL_TOKEN else 0
            assert 0 <= int(built["outAmount"]) - (after - before) <= 5 * fee

    asyncio.run(main())


def test_signing_the_same_again_changes_nothing_and_another_is_refused() -> None:
    async def main() -> None:
        async with staged(stock=Stock(units=10**17, sol=10)) as stage:
            built = await _built(stage, USDC, SOL_TOKEN, 1_000_000_000)
            trader, steps = Pubkey.from_string(stage.trader), _steps(built)
            whole = stage.maker.inventory[SOL_TOKEN.mint]
            assert whole == 10 * LAMPORTS  # A build alone reserves nothing.
            transaction = _assembled(steps, trader, _hash(built))
            first, again = [await _cosigned(stage, transaction, built) for _ in range(2)]
            assert first == again
            assert first[0] == 200
            assert whole - stage.maker.inventory[SOL_TOKEN.mint] == int(built["outAmount"])
            other = _assembled([*steps, Instruction(MEMO, b"again", [])], trader, _hash(built))
            status, answer = await _cosigned(stage, other, built)
            assert (status, answer["error"][:19]) == (400, "another transaction")
            second = await _built_or_refused(stage)
            assert second == 400  # The rest of the inventory is too small for another one.

    asyncio.run(main())


async def _built_or_refused(stage: MakerOnChain) -> int:
    return (await stage.get("/swap/v2/build", stage.query(USDC, SOL_TOKEN, 1_000_000_000)))[0]


Tampering = Callable[[MakerOnChain, list[Instruction]], list[Instruction]]


def _maker(stage: MakerOnChain) -> Pubkey:
    return stage.maker.market.maker


def _vault(stage: MakerOnChain, token: Token) -> Pubkey:
    return stage.maker.market.listed[token.mint].vault


def _mine(stage: MakerOnChain, token: Token) -> Pubkey:
    return ata(Pubkey.from_string(stage.trader), Pubkey.from_string(token.mint), TOKEN_PROGRAM)


def _again(stage: MakerOnChain, steps: list[Instruction]) -> list[Instruction]:
    return [*steps, next(step for step in steps if _maker(stage) in [one.pubkey for one in step.accounts])]


def _more(stage: MakerOnChain, steps: list[Instruction]) -> list[Instruction]:
    mint = Pubkey.from_string(BONK.mint)
    paid = tokens.transfer_checked(
        _vault(stage, BONK), mint, _mine(stage, BONK), _maker(stage), 10**12, 5, TOKEN_PROGRAM
    )
    return [paid if _maker(stage) in [one.pubkey for one in step.accounts] else step for step in steps]


def _other_vault(stage: MakerOnChain, steps: list[Instruction]) -> list[Instruction]:
    mint = Pubkey.from_string(USDC.mint)
    theft = tokens.transfer_checked(_vault(stage, USDC), mint, _mine(stage, USDC), _maker(stage), 1, 6, TOKEN_PROGRAM)
    return [*steps, theft]


def _its_sol(stage: MakerOnChain, steps: list[Instruction]) -> list[Instruction]:
    return [*steps, tokens.system_transfer(_maker(stage), Pubkey.from_string(stage.trader), 1)]


def _its_account(stage: MakerOnChain, steps: list[Instruction]) -> list[Instruction]:
    trader = Pubkey.from_string(stage.trader)
    return [*steps, tokens.close_account(_vault(stage, SOL_TOKEN), trader, _maker(stage), TOKEN_PROGRAM)]


def _its_key_in_a_memo(stage: MakerOnChain, steps: list[Instruction]) -> list[Instruction]:
    return [*steps, Instruction(MEMO, b"", [AccountMeta(_maker(stage), True, False)])]


def _its_key_unsigned_elsewhere(stage: MakerOnChain, steps: list[Instruction]) -> list[Instruction]:
    """A key that signs once is a signer for every instruction that names it."""
    return [*steps, Instruction(MEMO, b"", [AccountMeta(_maker(stage), False, False)])]


def _unpaid(stage: MakerOnChain, steps: list[Instruction]) -> list[Instruction]:
    paid = _vault(stage, USDC)
    return [step for step in steps if paid not in [one.pubkey for one in step.accounts]]


def _paid_less(stage: MakerOnChain, steps: list[Instruction]) -> list[Instruction]:
    mint, trader = Pubkey.from_string(USDC.mint), Pubkey.from_string(stage.trader)
    less = tokens.transfer_checked(_mine(stage, USDC), mint, _vault(stage, USDC), trader, 1, 6, TOKEN_PROGRAM)
    return [*_unpaid(stage, steps), less]


def _no_swap(stage: MakerOnChain, steps: list[Instruction]) -> list[Instruction]:
    return [step for step in steps if _maker(stage) not in [one.pubkey for one in step.accounts]]


TAMPERINGS: list[Tampering] = [
    _again,
    _more,
    _other_vault,
    _its_sol,
    _its_account,
    _its_key_in_a_memo,
    _its_key_unsigned_elsewhere,
    _unpaid,
    _paid_less,
    _no_swap,
]


def test_the_maker_signs_nothing_that_costs_it_more() -> None:
    async def main() -> None:
        async with staged() as stage:
            before = dict(stage.maker.inventory)
            for tampering in TAMPERINGS:
                built = await _built(stage, USDC, BONK, 1_000_000)
                steps = tampering(stage, _steps(built))
                transaction = _assembled(steps, Pubkey.from_string(stage.trader), _hash(built))
                status, answer = await _cosigned(stage, transaction, built)
                assert status == 400, (tampering.__name__, answer)
            assert dict(stage.maker.inventory) == before

    asyncio.run(main())


def test_the_maker_signs_no_other_payer_blockhash_lookup_table_or_build() -> None:
    async def main() -> None:
        async with staged() as stage:
            built = await _built(stage, USDC, BONK, 1_000_000)
            trader, steps = Pubkey.from_string(stage.trader), _steps(built)
            good = _assembled(steps, trader, _hash(built))
            refused = {
                "fee payer": _assembled(steps, _maker(stage), _hash(built)),
                "blockhash": _assembled(steps, trader, Hash.new_unique()),
                "not a transaction": base64.b64encode(b"\x01" * 100).decode(),
                "not base64": "!!",
                "too long": base64.b64encode(bytes(2_000)).decode(),
            }
            for name, transaction in refused.items():
                status, _ = await _cosigned(stage, transaction, built)
                assert status == 400, name
            body = {"transaction": good, "requestId": "of no build"}
            assert (await stage.post("/swap/v2/cosign", body))[0] == 400
            assert (await _cosigned(stage, good, built))[0] == 200

    asyncio.run(main())


def test_a_legacy_message_will_do_and_others_may_sign_as_well() -> None:
    async def main() -> None:
        async with staged() as stage:
            built = await _built(stage, USDC, BONK, 1_000_000)
            friend = SecretKey.generate().reveal()
            step = Instruction(MEMO, b"me too", [AccountMeta(friend.pubkey(), True, False)])
            message = Message.new_with_blockhash([*_steps(built), step], Pubkey.from_string(stage.trader), _hash(built))
            blank = [Signature.default()] * message.header.num_required_signatures
            raw = bytes(VersionedTransaction.populate(message, blank))
            status, answer = await _cosigned(stage, base64.b64encode(raw).decode(), built)
            assert status == 200, answer
            signed = VersionedTransaction.from_bytes(base64.b64decode(stage.signed(answer["transaction"])))
            place = list(message.account_keys).index(friend.pubkey())
            signatures = list(signed.signatures)
            signatures[place] = friend.sign_message(to_bytes_versioned(message))
            whole = bytes(VersionedTransaction.populate(message, signatures))
            assert (await stage.land(base64.b64encode(whole).decode()))["err"] is None

    asyncio.run(main())
