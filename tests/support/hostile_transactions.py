"""A wallet with assets, the maker that it trades with, and a thief: their instructions, executed on a LiteSVM."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import Any

import msgspec
from solders.account import Account
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import SimulatedTransactionInfo

from overmind.core.model.enums import Side, StrategyType
from overmind.core.model.ids import SOL, Mint, OrderId, SignalId, WalletId
from overmind.core.model.money import Money, Token
from overmind.core.model.order import Order
from overmind.core.model.units import LAMPORTS
from overmind.ports import Effects, TokenBalance
from overmind.sandbox.localnet.tokens import mint_account
from overmind.sandbox.maker import legs
from overmind.sandbox.maker.listing import listing
from overmind.solana import tokens
from overmind.solana.tokens import TOKEN_2022_PROGRAM, TOKEN_PROGRAM, TOKEN_PROGRAMS, ata
from overmind.solana.transactions import Transaction, parse


def key(name: str) -> Keypair:
    return Keypair.from_seed(name.encode().ljust(32, b"."))


SOL_TOKEN = Token("SOL", SOL, 9)
USDC = Token("USDC", Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6)
BONK = Token("BONK", Mint("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"), 5)
NEW = Token("NEW", Mint("2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo"), 6, "token-2022")
LISTED = {token.mint: token for token in (SOL_TOKEN, USDC, BONK, NEW)}

OWNER, MAKER, THIEF = key("owner"), key("maker"), key("thief")
HELD_UNITS = 1_000 * 10**6  # of every token, in the owner's associated account
SIDE_UNITS = 500 * 10**6  # in the owner's second account of each token
SPEND, RECEIVE = 100 * 10**6, 40 * 10**6
FEE_MAX, RENT_MAX = 100_000, 2_157_600
BLOCKHASH = Hash(bytes(range(32)))
PAIRS = (
    (USDC, BONK),
    (BONK, USDC),
    (USDC, SOL_TOKEN),
    (SOL_TOKEN, USDC),
    (USDC, NEW),
    (NEW, USDC),
)
ACCOUNT = Struct("<32s32sQI32sBIQQI32s")
# Token-2022: fee authority, withdraw authority, withheld amount, old fee, new fee
_FEE_CONFIG = Struct("<32s32sQQQHQQH")


def address(token: Token, keypair: Keypair = OWNER) -> Pubkey:
    """The associated token account."""
    return ata(keypair.pubkey(), Pubkey.from_string(token.mint), program(token))


def side_address(token: Token) -> Pubkey:
    """The owner's second account of a token."""
    return key(f"owner's other {token.symbol}").pubkey()


def program(token: Token) -> Pubkey:
    return TOKEN_PROGRAMS[token.program]


def order(spend: Token, receive: Token, units: int = SPEND, least: int = RECEIVE, **changes: Any) -> Order:
    side = Side.BUY if spend == USDC else Side.SELL
    made = Order(
        id=OrderId("s1.0.0"),
        signal_id=SignalId("s1"),
        wallet_id=WalletId("w1"),
        strategy=StrategyType.ARBITRAGE,
        side=side,
        spend=Money(units, spend.mint),
        receive=receive.mint,
        received_min=least,
        notional_micros=1,
        loss_max_micros=0,
        fee_max_lamports=FEE_MAX,
        rent_max_lamports=RENT_MAX,
        slippage_max_bps=100,
        mark_pico=1,
        expires_at_ns=0,
        part=0,
        attempt=0,
    )
    return msgspec.structs.replace(made, **changes)


def budget(limit: int = 200_000, price: int = 50_000) -> list[Instruction]:
    return [set_compute_unit_limit(limit), set_compute_unit_price(price)]


def swap(spend: Token, receive: Token, units: int = SPEND, out: int = RECEIVE) -> list[Instruction]:
    """A swap as the maker builds it."""
    known = listing(LISTED.values(), MAKER.pubkey())
    made = legs.Swap(OWNER.pubkey(), MAKER.pubkey(), known[spend.mint], known[receive.mint], units, out, True)
    return [*budget(), *legs.legs(made)]


def pay(
    sender: Keypair, receiver: Keypair | Pubkey, token: Token, units: int, source: Pubkey | None = None
) -> Instruction:
    """TransferChecked with the sender's authority. `receiver`: an owner's associated account, or the account itself."""
    target = address(token, receiver) if isinstance(receiver, Keypair) else receiver
    mint = Pubkey.from_string(token.mint)
    given = source if source is not None else address(token, sender)
    return tokens.transfer_checked(given, mint, target, sender.pubkey(), units, token.decimals, program(token))


def raw(instructed: Pubkey, data: bytes, *accounts: Pubkey, signers: Sequence[Keypair] = (OWNER,)) -> Instruction:
    """Any instruction with all accounts writable, so that only the program itself can reject it."""
    signing = {keypair.pubkey() for keypair in signers}
    return Instruction(instructed, data, [AccountMeta(one, one in signing, True) for one in accounts])


def message_bytes(instructions: Sequence[Instruction], payer: Keypair = OWNER, *, legacy: bool = False) -> bytes:
    """Raises ValueError when it does not fit the format."""
    if legacy:
        return bytes(Message.new_with_blockhash(list(instructions), payer.pubkey(), BLOCKHASH))
    return b"\x80" + bytes(MessageV0.try_compile(payer.pubkey(), list(instructions), [], BLOCKHASH))


def cosigned(message: bytes, *others: Keypair) -> bytes:
    """With the signatures of the maker, the thief and the others. Raises BadTransaction."""
    signing = {str(one.pubkey()): one for one in (MAKER, THIEF, *others)}
    signers = message[1] if message[0] & 128 else message[0]
    read = parse(bytes([signers]) + bytes(64 * signers) + message)
    signatures = [bytes(signing[one].sign_message(message)) if one in signing else bytes(64) for one in read.signers]
    return bytes([signers]) + b"".join(signatures) + message


def offered(instructions: Sequence[Instruction], payer: Keypair = OWNER, *, legacy: bool = False) -> Transaction:
    """The transaction as the firewall reads it."""
    return parse(cosigned(message_bytes(instructions, payer, legacy=legacy)))


class AccountHoldings(msgspec.Struct, frozen=True):
    """What one account holds for the owner, and who else could take it."""

    lamports: int = 0
    mint: str = ""
    units: int = 0
    strangers: tuple[str, ...] = ()


class OwnedAssets:
    """All assets of the owner: lamports in all accounts, tokens by mint, and who else may spend them."""

    def __init__(self, shares: Iterable[AccountHoldings]) -> None:
        self.lamports = 0
        self.units: dict[str, int] = {}
        self.strangers: set[str] = set()
        for share in shares:
            self.lamports += share.lamports
            self.strangers.update(share.strangers)
            if share.mint and share.mint != SOL:  # Wrapped SOL is counted by its lamports.
                self.units[share.mint] = self.units.get(share.mint, 0) + share.units


class TrialChain:
    """An embedded chain that tries transactions without keeping their changes.

    `bare`: the owner has no account for the token that it will receive. `wrapped`: its wrapped SOL account already
    holds SOL. `emptied`: all its token accounts but that of the quote currency are empty.
    """

    def __init__(self, kind: str = "stocked") -> None:
        self.svm = LiteSVM().with_blockhash_check(False).with_sigverify(False)
        for keypair in (OWNER, MAKER, THIEF):
            self.svm.set_account(keypair.pubkey(), Account(100 * LAMPORTS, b"", tokens.SYSTEM_PROGRAM, False, 0))
        for token in LISTED.values():
            self._put_mint(token)
            self.give(address(token, MAKER), MAKER, token, LAMPORTS)
            self.give(address(token, THIEF), THIEF, token, LAMPORTS)
            if token != SOL_TOKEN:
                self.give(side_address(token), OWNER, token, SIDE_UNITS)
            if token == USDC or (token != SOL_TOKEN and kind != "bare"):
                self.give(address(token), OWNER, token, HELD_UNITS * (token == USDC or kind != "emptied"))
        if kind == "wrapped":
            self.give(address(SOL_TOKEN), OWNER, SOL_TOKEN, 7)
        self._shares = {place: share for place in self._places() if (share := self._share(place)) is not None}
        self.before = OwnedAssets(self._shares.values())

    def give(self, place: Pubkey, owner: Keypair, token: Token, units: int, extension: bytes = b"") -> None:
        """Creates a token account."""
        rent = self.svm.minimum_balance_for_rent_exemption(165 + len(extension))
        native = token == SOL_TOKEN
        mint, holder = bytes(Pubkey.from_string(token.mint)), bytes(owner.pubkey())
        data = ACCOUNT.pack(mint, holder, units, 0, bytes(32), 1, native, rent * native, 0, 0, bytes(32))
        self.svm.set_account(place, Account(rent + units * native, data + extension, program(token), False, 0))

    def take_fees(self, token: Token, bps: int) -> None:
        """Makes it a Token-2022 mint that withholds a share of every transfer."""
        place = Pubkey.from_string(token.mint)
        mint = self.svm.get_account(place)
        assert mint is not None
        config = _FEE_CONFIG.pack(bytes(32), bytes(32), 0, 0, 2**64 - 1, bps, 0, 2**64 - 1, bps)
        data = bytes(mint.data) + bytes(165 - 82) + b"\x01" + _extension(1, config)
        rent = self.svm.minimum_balance_for_rent_exemption(len(data))
        self.svm.set_account(place, Account(rent, data, program(token), False, 0))
        for keypair in (OWNER, MAKER, THIEF):
            self.give(address(token, keypair), keypair, token, HELD_UNITS, b"\x02" + _extension(2, bytes(8)))

    def attempt(self, transaction: bytes) -> tuple[int, OwnedAssets | None]:
        """The fee, and the owner's assets afterwards. None: the transaction fails and costs only its fee."""
        done = self.svm.simulate_transaction(VersionedTransaction.from_bytes(transaction))
        if not isinstance(done, SimulatedTransactionInfo):
            return done.meta().fee(), None
        shares = dict(self._shares)
        for place, account in done.post_accounts():
            share = _share(place, account)
            shares.pop(place, None)
            if share is not None:
                shares[place] = share
        return done.meta().fee(), OwnedAssets(shares.values())

    def effects(self, transaction: bytes) -> Effects:
        """The transaction's effects in the form in which a node reports them."""
        parsed = VersionedTransaction.from_bytes(transaction)
        keys = parsed.message.account_keys
        done = self.svm.simulate_transaction(parsed)
        before = [self.svm.get_account(key) for key in keys]
        after, error = before, None
        if isinstance(done, SimulatedTransactionInfo):
            later = dict(done.post_accounts())
            after = [later.get(key, old) for key, old in zip(keys, before, strict=True)]
        else:
            error = json.dumps(str(done.err()))
        units, fee = tuple(_token_balances(before, after)), done.meta().fee()
        return Effects(error, fee, tuple(map(str, keys)), _lamports(before), _lamports(after), units, 1)

    def _put_mint(self, token: Token) -> None:
        rent = self.svm.minimum_balance_for_rent_exemption(82)
        authority = None if token == SOL_TOKEN else str(THIEF.pubkey())
        account = mint_account(token.decimals, str(program(token)), authority, 10**12, rent)
        self.svm.set_account(Pubkey.from_string(token.mint), account)

    def _places(self) -> set[Pubkey]:
        both = (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
        return {place for one in both for place, _ in self.svm.get_program_accounts(one)} | OURS

    def _share(self, place: Pubkey) -> AccountHoldings | None:
        account = self.svm.get_account(place)
        return None if account is None else _share(place, account)


OURS = frozenset({OWNER.pubkey(), *(address(token) for token in LISTED.values())})
"""Where lamports are the owner's, whether there is a token account or not."""


def _share(place: Pubkey, account: Account) -> AccountHoldings | None:
    """None: the account is not the owner's."""
    if account.owner not in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
        return AccountHoldings(account.lamports) if place in OURS else None
    if len(account.data) < ACCOUNT.size:
        return None
    mint, owner, units, has, delegate, _, _, _, _, closes, closer = ACCOUNT.unpack_from(account.data)
    if Pubkey(owner) != OWNER.pubkey():
        return None
    strangers = tuple(str(Pubkey(one)) for one, there in ((delegate, has), (closer, closes)) if there)
    return AccountHoldings(account.lamports, str(Pubkey(mint)), units, strangers)


def _lamports(accounts: Sequence[Account | None]) -> tuple[int, ...]:
    return tuple(one.lamports if one is not None else 0 for one in accounts)


def _token_balances(before: Sequence[Account | None], after: Sequence[Account | None]) -> Iterator[TokenBalance]:
    for index, pair in enumerate(zip(before, after, strict=True)):
        told = [_told(account) for account in pair]
        known = next((one for one in told if one is not None), None)
        if known is not None:
            mint, owner, _ = known
            units = [one[2] if one is not None else 0 for one in told]
            yield TokenBalance(index, Mint(str(Pubkey(mint))), str(Pubkey(owner)), *units)


def _told(account: Account | None) -> tuple[bytes, bytes, int] | None:
    if account is None or account.owner not in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM) or len(account.data) < ACCOUNT.size:
        return None
    mint, owner, units, *_ = ACCOUNT.unpack_from(account.data)
    return mint, owner, units


def _extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "little") + len(content).to_bytes(2, "little") + content


def harm(wanted: Order, before: OwnedAssets, after: OwnedAssets) -> str | None:
    """How a transaction goes beyond its order, including the fee; None: it does not."""
    if after.strangers:
        return f"{after.strangers} may dispose of what is ours"
    allowed = dict.fromkeys((*before.units, *after.units), 0) | {SOL: -wanted.fee_max_lamports}
    allowed[wanted.spend.mint] = allowed.get(wanted.spend.mint, 0) - wanted.spend.units
    allowed[wanted.receive] = allowed.get(wanted.receive, 0) + wanted.received_min
    for mint, least in allowed.items():
        gained = after.units.get(mint, 0) - before.units.get(mint, 0)
        gained = after.lamports - before.lamports if mint == SOL else gained
        if gained < least:
            return f"{gained} of {mint}, allowed are {least}"
    return None
