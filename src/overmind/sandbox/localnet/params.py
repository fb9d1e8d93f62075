"""Checked parameters of a call. A bad parameter raises RpcFault -32602; null counts as absent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from solders.pubkey import Pubkey
from solders.signature import Signature

from overmind.sandbox.localnet.blocks import Commitment
from overmind.sandbox.localnet.encoding import of_base58
from overmind.sandbox.localnet.errors import invalid
from overmind.sandbox.localnet.guard import guarded

TEXT_MAX: Final = 128
U64_MAX: Final = 2**64 - 1


class RpcParams:
    """Positional parameters, as JSON-RPC sends them."""

    __slots__ = ("_given",)

    def __init__(self, given: object) -> None:
        if given is None:
            given = []
        if not isinstance(given, list):
            raise invalid("Invalid params: invalid type: expected a sequence.")
        self._given: list[object] = given

    def at(self, index: int) -> object:
        return self._given[index] if index < len(self._given) else None

    def config(self, index: int) -> Config:
        given = self.at(index)
        if given is None:
            return Config({})
        if not isinstance(given, dict):
            raise invalid("Invalid params: invalid type: expected a configuration object.")
        return Config(given)

    def address(self, index: int) -> str:
        return address(self.at(index))

    def addresses(self, index: int, count_max: int) -> list[str]:
        return [address(one) for one in self._listed(index, count_max)]

    def signatures(self, index: int, count_max: int) -> list[str]:
        return [signature(one) for one in self._listed(index, count_max)]

    def _listed(self, index: int, count_max: int) -> list[object]:
        given = self.at(index)
        if not isinstance(given, list):
            raise invalid("Invalid params: invalid type: expected a sequence.")
        if len(given) > count_max:
            raise invalid(f"Too many inputs provided; max {count_max}")
        return given

    def number(self, index: int) -> int:
        found = whole(self.at(index))
        if found is None:
            raise invalid(f"`params` should have at least {index + 1} argument(s)")
        return found

    def signature(self, index: int) -> str:
        return signature(self.at(index))

    def text(self, index: int) -> str:
        given = self.at(index)
        if not isinstance(given, str):
            raise invalid("Invalid params: invalid type: expected a string.")
        return given


class Config:
    """The configuration object at the end of a call's parameters."""

    __slots__ = ("_given",)

    def __init__(self, given: dict[str, object]) -> None:
        self._given = given

    def get(self, name: str) -> object:
        return self._given.get(name)

    def flag(self, name: str) -> bool:
        given = self._given.get(name)
        if given is None:
            return False
        if not isinstance(given, bool):
            raise invalid(f"Invalid params: invalid type: {name}: expected a boolean.")
        return given

    def number(self, name: str) -> int | None:
        return whole(self._given.get(name))

    def text(self, name: str, otherwise: str) -> str:
        given = self._given.get(name)
        if given is None:
            return otherwise
        if not isinstance(given, str):
            raise invalid(f"Invalid params: invalid type: {name}: expected a string.")
        return given

    def commitment(self, name: str = "commitment") -> Commitment:
        """The requested commitment; finalized by default, as on a real node."""
        given = self._given.get(name)
        if given is None:
            return Commitment.FINALIZED
        try:
            return Commitment(_OLD_NAMES.get(str(given), str(given)))
        except ValueError:
            known = ", ".join(f"`{one}`" for one in Commitment)
            raise invalid(f"Invalid params: unknown variant `{given}`, expected one of {known}.") from None

    def piece(self) -> slice:
        """The dataSlice as a Python slice."""
        given = self._given.get("dataSlice")
        if given is None:
            return slice(None)
        if not isinstance(given, dict):
            raise invalid("Invalid params: dataSlice: expected an object.")
        offset, length = whole(given.get("offset")), whole(given.get("length"))
        if offset is None or length is None:
            raise invalid("Invalid params: dataSlice: missing field `offset` or `length`.")
        return slice(offset, offset + length)


_OLD_NAMES: Final = {
    "recent": "processed",
    "single": "confirmed",
    "singleGossip": "confirmed",
    "root": "finalized",
    "max": "finalized",
}


def whole(given: object) -> int | None:
    if given is None:
        return None
    if type(given) is not int or not 0 <= given <= U64_MAX:
        raise invalid("Invalid params: invalid type: expected u64.")
    return given


def address(given: object) -> str:
    return _checked(given, Pubkey.from_string)


def signature(given: object) -> str:
    return _checked(given, Signature.from_string)


def _checked(given: object, parse: Callable[[str], object]) -> str:
    if not isinstance(given, str):
        raise invalid("Invalid params: invalid type: expected a string.")
    try:
        parsed = guarded(lambda: parse(given))
    except ValueError:
        parsed = None
    if parsed is None:
        legible = of_base58(given[:TEXT_MAX]) is not None
        raise invalid("Invalid param: WrongSize" if legible else "Invalid param: Invalid")
    return given
