"""The methods that read accounts and tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from solders.account import Account

from overmind.sandbox.localnet import shapes, tokens
from overmind.sandbox.localnet.encoding import of_base58, of_base64
from overmind.sandbox.localnet.errors import invalid
from overmind.sandbox.localnet.node import LocalNode, View
from overmind.sandbox.localnet.params import Config, RpcParams, address, whole
from overmind.sandbox.localnet.shapes import Json

ACCOUNTS_MAX: Final = 100
LARGEST: Final = 20
AccountEncoder = Callable[[Account | None], Json | None]
ENCODINGS: Final = ("binary", "base58", "base64", "jsonParsed")
_BINARY: Final = "binary"  # a node's default for accounts: a plain base58 string


def get_balance(node: LocalNode, params: RpcParams) -> Json:
    view = node.view(params.config(1))
    account = view.account(params.address(0))
    return view.with_context(0 if account is None else account.lamports)


def get_account_info(node: LocalNode, params: RpcParams) -> Json:
    config = params.config(1)
    view = node.view(config)
    shown = account_encoder(node, config)
    return view.with_context(shown(view.account(params.address(0))))


def get_multiple_accounts(node: LocalNode, params: RpcParams) -> Json:
    config = params.config(1)
    view = node.view(config)
    shown = account_encoder(node, config, "base64")
    return view.with_context([shown(view.account(name)) for name in params.addresses(0, ACCOUNTS_MAX)])


def get_program_accounts(node: LocalNode, params: RpcParams) -> object:
    config = params.config(1)
    view = node.view(config)
    fits = account_filter(config.get("filters"))
    found = [(name, one) for name, one in view.program_accounts(params.address(0)) if fits(one)]
    listed = _listed(found, account_encoder(node, config))
    return view.with_context(listed) if config.flag("withContext") else listed


def get_token_accounts_by_owner(node: LocalNode, params: RpcParams) -> Json:
    config = params.config(2)
    view = node.view(config)
    mint, program = _wanted(node, params)
    found = [
        (name, one)
        for name, one in view.token_accounts_of(params.address(0))
        if tokens.PROGRAMS[one.owner] == program and (mint is None or tokens.read_token_account(one).mint == mint)
    ]
    return view.with_context(_listed(found, account_encoder(node, config)))


def _wanted(node: LocalNode, params: RpcParams) -> tuple[str | None, str]:
    config = params.config(1)
    if config.get("mint") is not None:
        mint = address(config.get("mint"))
        account = node.chain.accounts.get(mint)
        if account is None or not tokens.is_mint(account):
            raise invalid("Invalid param: could not find mint")
        return mint, tokens.PROGRAMS[account.owner]
    program = address(config.get("programId"))
    if program not in tokens.PROGRAMS.values():
        raise invalid("Invalid param: unrecognized Token program id")
    return None, program


def get_token_account_balance(node: LocalNode, params: RpcParams) -> Json:
    view = node.view(params.config(1))
    account = view.account(params.address(0))
    if account is None:
        raise invalid("Invalid param: could not find account")
    if not tokens.is_token_account(account):
        raise invalid("Invalid param: not a Token account")
    state = tokens.read_token_account(account)
    return view.with_context(tokens.ui_amount(state.amount, node.chain.accounts.decimals(state.mint)))


def get_token_supply(node: LocalNode, params: RpcParams) -> Json:
    view = node.view(params.config(1))
    mint = _mint(view, params.address(0))
    return view.with_context(tokens.ui_amount(mint.supply, mint.decimals))


def get_token_largest_accounts(node: LocalNode, params: RpcParams) -> Json:
    view = node.view(params.config(1))
    mint = params.address(0)
    decimals = _mint(view, mint).decimals
    held = [(tokens.read_token_account(one).amount, name) for name, one in view.token_accounts_for(mint)]
    largest = sorted(held, reverse=True)[:LARGEST]
    return view.with_context([{"address": name} | tokens.ui_amount(amount, decimals) for amount, name in largest])


def _mint(view: View, name: str) -> tokens.MintState:
    account = view.account(name)
    if account is None:
        raise invalid("Invalid param: could not find account")
    if not tokens.is_mint(account):
        raise invalid("Invalid param: not a Token mint")
    return tokens.read_mint(account)


def get_minimum_balance_for_rent_exemption(node: LocalNode, params: RpcParams) -> int:
    return node.chain.svm.rent(params.number(0))


def account_encoder(node: LocalNode, config: Config, otherwise: str = _BINARY) -> AccountEncoder:
    encoding = config.text("encoding", otherwise)
    if encoding == "base64+zstd":
        raise invalid("the encoding base64+zstd is not offered here: use base64")
    if encoding not in ENCODINGS:
        known = ", ".join(f"`{one}`" for one in ENCODINGS)
        raise invalid(f"Invalid params: unknown variant `{encoding}`, expected one of {known}.")
    piece, decimals = config.piece(), node.chain.accounts.decimals
    return lambda found: shapes.account(found, encoding, piece, decimals)


def _listed(found: Iterable[tuple[str, Account]], shown: AccountEncoder) -> list[Json]:
    return [{"account": shown(one), "pubkey": name} for name, one in found]


def account_filter(filters: object) -> Callable[[Account], bool]:
    """A predicate that requires every dataSize and memcmp filter."""
    if filters is None:
        return lambda _: True
    if not isinstance(filters, list):
        raise invalid("Invalid params: filters: expected a sequence.")
    tests = [_one_filter(one) for one in filters]
    return lambda account: all(test(account.data) for test in tests)


def _one_filter(given: object) -> Callable[[bytes], bool]:
    match given:
        case {"dataSize": size}:
            wanted = whole(size)
            return lambda data: len(data) == wanted
        case {"memcmp": {"offset": int(offset), "bytes": str(text), **more}}:
            piece = of_base64(text) if more.get("encoding") == "base64" else of_base58(text)
            if piece is None:
                raise invalid("Invalid param: base58 decode error")
            return lambda data: data[offset : offset + len(piece)] == piece
        case _:
            raise invalid("Invalid params: filters: expected `dataSize` or `memcmp`.")


METHODS: Final = {
    "getBalance": get_balance,
    "getAccountInfo": get_account_info,
    "getMultipleAccounts": get_multiple_accounts,
    "getProgramAccounts": get_program_accounts,
    "getTokenAccountsByOwner": get_token_accounts_by_owner,
    "getTokenAccountBalance": get_token_account_balance,
    "getTokenSupply": get_token_supply,
    "getTokenLargestAccounts": get_token_largest_accounts,
    "getMinimumBalanceForRentExemption": get_minimum_balance_for_rent_exemption,
}
