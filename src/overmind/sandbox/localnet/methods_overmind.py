"""Methods that only a localnet has: prepare the chain, inject faults, roll it back."""

from __future__ import annotations

from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from overmind.sandbox.localnet import tokens
from overmind.sandbox.localnet.encoding import of_base64
from overmind.sandbox.localnet.errors import invalid
from overmind.sandbox.localnet.faults import Faults, changed
from overmind.sandbox.localnet.node import LocalNode
from overmind.sandbox.localnet.params import Config, RpcParams, address, whole
from overmind.sandbox.localnet.relay.terms import RelayTerms, changed_terms


def create_mint(node: LocalNode, params: RpcParams) -> str:
    """`{mint, decimals, program?, authority?}`. The faucet is the mint authority if none is named."""
    config = params.config(0)
    mint, authority = address(config.get("mint")), config.get("authority")
    program = config.text("program", tokens.TOKEN)
    if program not in tokens.PROGRAMS.values():
        raise invalid(f"program: {program} is no token program")
    keeper = None if authority is None else address(authority)
    node.chain.create_mint(mint, _number(config, "decimals", 255), program, keeper)
    return mint


def mint_to(node: LocalNode, params: RpcParams) -> str:
    """`{mint, owner, amount}` in base units. Credits the owner's associated account by a real transaction."""
    config = params.config(0)
    return node.chain.mint_to(address(config.get("mint")), address(config.get("owner")), _number(config, "amount"))


def set_account(node: LocalNode, params: RpcParams) -> str:
    """`{address, lamports, data?, owner?, executable?}`. Sets it as if since genesis; zero lamports remove it."""
    config = params.config(0)
    name, lamports = address(config.get("address")), _number(config, "lamports")
    data = of_base64(config.text("data", ""))
    if data is None:
        raise invalid("data: no base64")
    owner = Pubkey.from_string(address(config.text("owner", str(Pubkey.default()))))
    account = Account(lamports, data, owner, config.flag("executable"), tokens.RENT_EPOCH)
    node.chain.set_account(name, account if lamports else None)
    return name


def set_faults(node: LocalNode, params: RpcParams) -> Faults:
    """Changes the named switches and keeps all others; `{"reset": true}` starts from no faults."""
    switches = params.at(0)
    if not isinstance(switches, dict):
        raise invalid('faults: give an object such as {"drop_ppm": 100000}')
    switches = dict(switches)
    base = Faults() if switches.pop("reset", False) else node.chain.draws.faults
    try:
        node.chain.set_faults(changed(base, switches))
    except ValueError as error:
        raise invalid(str(error)) from None
    return node.chain.draws.faults


def set_relay(node: LocalNode, params: RpcParams) -> RelayTerms:
    """Changes the named terms of the relay and keeps all others; `{"reset": true}` starts from the usual ones."""
    named = params.at(0)
    if node.relay is None:
        raise invalid("this chain has no relay")
    if not isinstance(named, dict):
        raise invalid('relay: give an object such as {"landing_ppm": 800000}')
    named = dict(named)
    base = RelayTerms() if named.pop("reset", False) else node.relay.terms
    try:
        node.relay.change(changed_terms(base, named))
    except ValueError as error:
        raise invalid(str(error)) from None
    return node.relay.terms


def rollback(node: LocalNode, params: RpcParams) -> int:
    """`{slots, reland_ppm?}`. Returns the number of dropped blocks; final blocks stay."""
    config = params.config(0)
    return node.chain.rollback(_number(config, "slots"), reland_ppm=config.number("reland_ppm"))


def advance(node: LocalNode, params: RpcParams) -> int:
    """`{slots}`. Advances at once, without waiting for the ticker. Returns the new slot."""
    for _ in range(_number(params.config(0), "slots", ADVANCE_MAX)):
        node.chain.advance_slot()
    return node.chain.blocks.head.slot


def jump_clock(node: LocalNode, params: RpcParams) -> int:
    """`{seconds}`, which may be negative. Returns the chain's time after the jump."""
    seconds = params.config(0).get("seconds")
    if type(seconds) is not int or abs(seconds) > JUMP_MAX_S:
        raise invalid(f"seconds: give a whole number up to {JUMP_MAX_S}")
    node.chain.jump_clock(seconds)
    return node.chain.now_s()


def _number(config: Config, name: str, most: int = 2**64 - 1) -> int:
    found = whole(config.get(name))
    if found is None or found > most:
        raise invalid(f"{name}: give a whole number from 0 to {most}")
    return found


ADVANCE_MAX: Final = 10_000
JUMP_MAX_S: Final = 10**9
METHODS: Final = {
    "overmind_createMint": create_mint,
    "overmind_mintTo": mint_to,
    "overmind_setAccount": set_account,
    "overmind_setFaults": set_faults,
    "overmind_setRelay": set_relay,
    "overmind_rollback": rollback,
    "overmind_advance": advance,
    "overmind_jumpClock": jump_clock,
}
