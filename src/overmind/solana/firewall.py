"""Checks a transaction against its order before it is signed. Whatever cannot be decoded is refused.

It reads only the transaction, never the quote: the fee payer, the programs, what leaves the wallet, what must come in,
and the fee at the compute limit. A transaction that passes is simulated next, and signed last.

See specification §7.6.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from struct import Struct, error
from typing import Final

from solders.pubkey import Pubkey

from overmind.core.model.enums import MoveKind
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Move, Order
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.route import RouteName
from overmind.core.model.value import Value
from overmind.solana import tokens as programs
from overmind.solana.transactions import Instruction, Transaction

SYSTEM: Final = str(programs.SYSTEM_PROGRAM)
ATA: Final = str(programs.ATA_PROGRAM)
COMPUTE_BUDGET: Final = str(programs.COMPUTE_BUDGET_PROGRAM)
TOKEN_PROGRAMS: Final = frozenset(str(program) for program in programs.TOKEN_PROGRAMS.values())
_PROGRAM_NAMES: Final = {str(program): name for name, program in programs.TOKEN_PROGRAMS.items()}
# Memo v1 and v3 only log a text.
MEMO: Final = frozenset({"Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo", "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"})

_U32_U64: Final = Struct("<IQ")
_U8_U32: Final = Struct("<BI")
_U8_U64: Final = Struct("<BQ")
_U8_U64_U8: Final = Struct("<BQB")
_SYSTEM_TRANSFER: Final = 2
_UNIT_LIMIT, _UNIT_PRICE = 2, 3
_ATA_CREATE: Final = (b"", b"\x00", b"\x01")


class FirewallRefusal(Exception):
    """The reason why a transaction must not be signed."""


class HeldAccount(Value, frozen=True):
    """The owner's associated account of a token, and its token program."""

    account: str
    mint: Mint
    program: str


class Intent:
    """What one order permits: the most that may leave, and the least that must come in, to our own accounts."""

    def __init__(
        self, order: Order, owner: str, tokens: Mapping[Mint, Token], tip_accounts: Container[str] = frozenset()
    ) -> None:
        self.order = order
        self.owner = owner
        self.tip_accounts = tip_accounts if order.route is RouteName.RELAY else frozenset()
        self.spend = _held(owner, tokens[order.spend.mint])
        self.receive = _held(owner, tokens[order.receive])
        self.ours = frozenset({owner, self.spend.account, self.receive.account})
        # The temporary account for wrapped SOL; None: the order does not involve SOL.
        self.wrapped = next((one for one in (self.spend, self.receive) if one.mint == SOL), None)


def _held(owner: str, token: Token) -> HeldAccount:
    program = programs.TOKEN_PROGRAMS[token.program]
    account = programs.ata(Pubkey.from_string(owner), Pubkey.from_string(token.mint), program)
    return HeldAccount(str(account), token.mint, str(program))


def verify(
    order: Order,
    owner: str,
    tokens: Mapping[Mint, Token],
    transaction: Transaction,
    others: Container[str] = frozenset(),
    tip_accounts: Container[str] = frozenset(),
) -> Rejected | None:
    """Why the transaction is rejected; None if it does exactly what was ordered.

    `others`: the addresses of our other wallets and of their token accounts. An order concerns none of them.
    `tip_accounts`: those of the relay. An order of the relay's route tips one of them once, and no other order does.
    """
    try:
        for key in transaction.keys:
            if key in others:
                raise FirewallRefusal(f"it names {key}, which is another wallet's of ours")
        _SwapCheck(Intent(order, owner, tokens, tip_accounts)).read(transaction)
    except FirewallRefusal as refused:
        return Rejected(Cause.NOT_VERIFIED, str(refused))
    return None


def verify_move(move: Move, owner: str, tokens: Mapping[Mint, Token], transaction: Transaction) -> Rejected | None:
    """None: the transaction makes exactly this transfer, or closes this account, and does nothing else."""
    try:
        if transaction.signers != (owner,):
            raise FirewallRefusal(f"it is signed by {', '.join(transaction.signers)}, not by the wallet {owner} alone")
        _MoveCheck(move, owner, tokens).read(transaction)
    except FirewallRefusal as refused:
        return Rejected(Cause.NOT_VERIFIED, str(refused))
    return None


class _MoveCheck:
    """Requires that exactly one instruction moves something, and that it is the declared one."""

    def __init__(self, move: Move, owner: str, tokens: Mapping[Mint, Token]) -> None:
        self._move = move
        self._owner = owner
        self._tokens = tokens
        self._budget = _Budget()
        self._moved = 0

    def read(self, transaction: Transaction) -> None:
        for instruction in transaction.instructions:
            try:
                self._take(instruction)
            except (error, ValueError, IndexError):
                raise FirewallRefusal(f"an instruction of {instruction.program} cannot be decoded") from None
        if self._moved != 1:
            raise FirewallRefusal(f"it moves {self._moved} times, not once")
        self._budget.judge(len(transaction.signatures), self._move.fee_max_lamports)

    def _take(self, instruction: Instruction) -> None:
        move = self._move
        if instruction.program == COMPUTE_BUDGET:
            self._budget.take(instruction.data)
        elif move.kind is MoveKind.RECLAIM:
            self._close(instruction)
        elif instruction.program == ATA:
            self._associated(instruction)
        elif move.money.mint == SOL:
            self._lamports(instruction)
        else:
            self._units(instruction)

    def _associated(self, instruction: Instruction) -> None:
        """Only the receiver's account of the moved token may be created."""
        theirs = self._held(self._move.to_address)
        wanted = (self._owner, theirs.account, self._move.to_address, theirs.mint, SYSTEM, theirs.program)
        if instruction.data not in _ATA_CREATE or instruction.accounts != wanted:
            raise FirewallRefusal("it makes us pay for an account that this move does not need")

    def _lamports(self, instruction: Instruction) -> None:
        wanted = (self._owner, self._move.to_address)
        index, lamports = _U32_U64.unpack(instruction.data)
        if (instruction.program, index, instruction.accounts) != (SYSTEM, _SYSTEM_TRANSFER, wanted):
            raise FirewallRefusal(
                f"an instruction of {instruction.program} that is no transfer to {self._move.to_address}"
            )
        self._count(lamports)

    def _units(self, instruction: Instruction) -> None:
        ours, theirs = self._held(self._owner), self._held(self._move.to_address)
        code, units, _decimals = _U8_U64_U8.unpack(instruction.data)
        wanted = (ours.program, programs.TRANSFER_CHECKED, (ours.account, ours.mint, theirs.account, self._owner))
        if (instruction.program, code, instruction.accounts) != wanted:
            raise FirewallRefusal(
                f"an instruction of {instruction.program} that is no transfer to {self._move.to_address}"
            )
        self._count(units)

    def _close(self, instruction: Instruction) -> None:
        ours = self._held(self._owner)
        wanted = (ours.program, bytes([programs.CLOSE_ACCOUNT]), (ours.account, self._owner, self._owner))
        if (instruction.program, instruction.data, instruction.accounts) != wanted:
            raise FirewallRefusal(
                f"an instruction of {instruction.program} that does not close {ours.account} in our favour"
            )
        self._count(0)

    def _count(self, units: int) -> None:
        if units != self._move.money.units:
            raise FirewallRefusal(f"it moves {units} base units, and the order is {self._move.money.units}")
        self._moved += 1

    def _held(self, owner: str) -> HeldAccount:
        if self._move.money.mint == SOL:
            raise FirewallRefusal("SOL needs no token account")
        return _held(owner, self._tokens[self._move.money.mint])


class _Budget:
    """Reads the compute budget instructions, and computes the fee from them."""

    def __init__(self) -> None:
        self._unit_limit: int | None = None
        self._unit_price = 0

    def take(self, data: bytes) -> None:
        if data[:1] == bytes([_UNIT_LIMIT]) and self._unit_limit is None:
            self._unit_limit = _U8_U32.unpack(data)[1]
        elif data[:1] == bytes([_UNIT_PRICE]) and not self._unit_price:
            self._unit_price = _U8_U64.unpack(data)[1]
        else:
            raise FirewallRefusal("an unknown or repeated instruction of the compute budget")

    def judge(self, signatures: int, fee_max_lamports: int) -> None:
        if self._unit_limit is None:
            raise FirewallRefusal("no compute limit, so its fee has no bound")
        fee = programs.fee_lamports(signatures, self._unit_limit, self._unit_price)
        if fee > fee_max_lamports:
            raise FirewallRefusal(f"the fee at its compute limit is {fee} lamports, at most {fee_max_lamports}")


class _SwapCheck:
    """Adds up what a transaction's instructions do."""

    def __init__(self, intent: Intent) -> None:
        self._intent = intent
        self._leaves = 0  # base units out of our account of the spent token
        self._wraps = 0  # lamports out of our wallet into our own wrapped account
        self._comes = 0  # base units into our account of the received token
        self._tips: list[int] = []  # lamports to tip accounts of the relay
        self._budget = _Budget()

    def read(self, transaction: Transaction) -> None:
        owner = self._intent.owner
        if transaction.keys[0] != owner:
            raise FirewallRefusal(f"the fee payer is {transaction.keys[0]}, not the wallet {owner}")
        if unsigned := transaction.unsigned():
            raise FirewallRefusal(f"the signature of {', '.join(unsigned)} is missing or wrong")
        for instruction in transaction.instructions:
            self._take(instruction)
        self._judge(len(transaction.signatures))

    def _take(self, instruction: Instruction) -> None:
        program = instruction.program
        try:
            if program == COMPUTE_BUDGET:
                self._budget.take(instruction.data)
            elif program == SYSTEM:
                self._system(instruction)
            elif program == ATA:
                self._associated(instruction)
            elif program in TOKEN_PROGRAMS:
                self._token(instruction)
            elif program not in MEMO:
                raise FirewallRefusal(f"the program {program} is not on the list")
            elif self._touches(instruction):
                raise FirewallRefusal("a memo asks for our accounts")
        except (error, ValueError, IndexError):
            raise FirewallRefusal(f"an instruction of {program} cannot be decoded") from None

    def _touches(self, instruction: Instruction) -> bool:
        return not self._intent.ours.isdisjoint(instruction.accounts)

    def _system(self, instruction: Instruction) -> None:
        """Our SOL may only be wrapped into our own account, or tip the relay that the order takes.

        A nonce instruction is refused: it would never expire.
        """
        index, lamports = _U32_U64.unpack(instruction.data)
        if index != _SYSTEM_TRANSFER:
            raise FirewallRefusal(f"instruction {index} of the system program")
        source, target = instruction.accounts
        if source == self._intent.owner and target in self._intent.tip_accounts:
            self._tips.append(lamports)
        elif source in self._intent.ours:
            wrapped = self._intent.wrapped
            if source != self._intent.owner or wrapped is None or target != wrapped.account:
                raise FirewallRefusal(f"it transfers {lamports} lamports of ours to {target}")
            self._wraps += lamports

    def _associated(self, instruction: Instruction) -> None:
        """We pay only for our own accounts of the two swapped tokens."""
        payer, account, owner, mint, system, program = instruction.accounts[:6]
        if instruction.data not in _ATA_CREATE:
            raise FirewallRefusal("an unknown instruction of the associated token program")
        ours = (self._intent.spend, self._intent.receive)
        made = (owner, system, HeldAccount(account, Mint(mint), program))
        if payer == self._intent.owner and made not in [(self._intent.owner, SYSTEM, one) for one in ours]:
            raise FirewallRefusal(f"it makes us pay for the account {account} of {owner}")

    def _token(self, instruction: Instruction) -> None:
        match instruction.data[0]:
            case programs.TRANSFER_CHECKED:
                self._transfer(instruction)
            case programs.SYNC_NATIVE:
                self._require_wrapped(instruction)
            case programs.CLOSE_ACCOUNT:
                self._close(instruction)
            case other:
                raise FirewallRefusal(f"instruction {other} of a token program")

    def _transfer(self, instruction: Instruction) -> None:
        source, mint, target, authority = instruction.accounts[:4]
        _, units, _decimals = _U8_U64_U8.unpack(instruction.data)
        intent = self._intent
        if len(instruction.accounts) > 4 and self._touches(instruction):
            raise FirewallRefusal("a transfer with further accounts")
        if authority == intent.owner or source in intent.ours:
            if (HeldAccount(source, Mint(mint), instruction.program), authority) != (intent.spend, intent.owner):
                raise FirewallRefusal(f"it moves {units} of {mint} out of {source}")
            self._leaves += units
        elif source != _held(authority, Token("", Mint(mint), 0, _PROGRAM_NAMES[instruction.program])).account:
            # Whose account it is cannot be read here. Only the owner's own associated account needs no delegate.
            raise FirewallRefusal(
                f"it moves {units} of {mint} out of {source}, not an account of its signer {authority}"
            )
        elif HeldAccount(target, Mint(mint), instruction.program) == intent.receive:
            self._comes += units

    def _close(self, instruction: Instruction) -> None:
        """Closing our wrapped account must return the lamports to us."""
        account, target, authority = instruction.accounts
        self._require_wrapped(instruction)
        if (target, authority) != (self._intent.owner, self._intent.owner):
            raise FirewallRefusal(f"it closes our account {account} in favour of {target}")

    def _require_wrapped(self, instruction: Instruction) -> None:
        account, wrapped = instruction.accounts[0], self._intent.wrapped
        if wrapped is None or (account, instruction.program) != (wrapped.account, wrapped.program):
            raise FirewallRefusal(f"it unwraps or closes {account}")

    def _judge(self, signatures: int) -> None:
        order = self._intent.order
        if not 0 < self._leaves <= order.spend.units:
            raise FirewallRefusal(f"{self._leaves} base units leave, the order allows {order.spend.units}")
        if self._wraps > order.spend.units or (self._wraps and order.spend.mint != SOL):
            raise FirewallRefusal(f"it wraps {self._wraps} lamports, the order allows {order.spend.units}")
        if self._comes < order.received_min:
            raise FirewallRefusal(f"{self._comes} base units must come, the order needs {order.received_min}")
        self._judge_tips(order)
        self._budget.judge(signatures, order.fee_max_lamports - sum(self._tips))

    def _judge_tips(self, order: Order) -> None:
        """The relay takes no bundle without a tip, so without one the order would wait until it expires."""
        if len(self._tips) != (order.route is RouteName.RELAY):
            raise FirewallRefusal(f"it tips {len(self._tips)} times, and the order's route is {order.route}")
        if sum(self._tips) > order.tip_max_lamports:
            raise FirewallRefusal(f"it tips {sum(self._tips)} lamports, at most {order.tip_max_lamports}")
