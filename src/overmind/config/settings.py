"""Reads the variables of the table and records their problems."""

from __future__ import annotations

import re
from typing import Final, TypeVar

from overmind.config.environment import Environment, Origin
from overmind.config.files import InvalidValue
from overmind.config.problems import Findings
from overmind.config.secrecy import MASK, masked
from overmind.config.variables.variable import Variable
from overmind.core.model.value import Value
from overmind.keys.secret_key import SecretKey, read_key
from overmind.text.characters import BOM, named, quote_around, trimmed, unseen

T = TypeVar("T", covariant=True)


PASTED_KEY: Final = InvalidValue(
    "holds a private key", "put the key into a variable of its own and name it as env:NAME"
)


COMMENT: Final = re.compile(r"\s#")
WHO_KEEPS_IT: Final = "Docker's --env-file keeps what a shell and .env take off"
SECRETLESS: Final = ("\x7f", BOM)  # characters besides controls that are in no secret


class Effective(Value, frozen=True):
    """One setting in force, safe to print."""

    name: str
    value: str
    origin: Origin


class Settings:
    def __init__(self, environment: Environment, findings: Findings) -> None:
        self._environment = environment
        self._findings = findings

    def get(self, variable: Variable[T]) -> T:
        """The value. An unreadable one is recorded and replaced by the default, so that reading continues."""
        text, _ = self._typed(variable)
        value = _fault_of_text(variable, text) or variable.kind.read(text)
        if not isinstance(value, InvalidValue):
            return value
        self._findings.refuse(variable.name, value.problem, value.fix)
        default = variable.kind.read(variable.default)
        assert not isinstance(default, InvalidValue), variable.name
        return default

    def effective(self, variable: Variable[object]) -> Effective:
        text, origin = self._typed(variable)
        if variable.shown is not None and text:
            return Effective(variable.name, variable.shown(text), origin)
        return Effective(variable.name, MASK if variable.secret and text else masked(text), origin)

    def _typed(self, variable: Variable[object]) -> tuple[str, Origin]:
        text = self._environment.get(variable.name)
        if text is None or (variable.blank_is_default and not text.strip()):
            return variable.default, Origin.DEFAULT
        return text if variable.secret else trimmed(text), self._environment.origin(variable.name)


def _fault_of_text(variable: Variable[object], text: str) -> InvalidValue | None:
    """What is wrong with it as a text, whatever it should mean."""
    if _is_pasted_key(variable, text):
        return PASTED_KEY
    if variable.secret:  # It may hold any letter but what no keyboard types, and no message shows a part of it.
        control = next((letter for letter in text if letter < " " or letter in SECRETLESS), None)
        quote = quote_around(text) if text[:1] == text[-1:] else None
        found = f"holds {named(control)}" if control else f"begins and ends with {quote}" if quote else ""
        return InvalidValue(found, f"take it out; {WHO_KEEPS_IT}") if found else None
    if (quote := quote_around(text)) is not None:
        return InvalidValue(f"begins or ends with {quote}", f"write it without quotes; {WHO_KEEPS_IT}")
    if (letter := unseen(text)) is not None:
        return InvalidValue(f"holds {letter}", "take it out: type that part again instead of pasting it")
    if COMMENT.search(text):
        return InvalidValue("holds a comment, begun by U+0023 NUMBER SIGN", f"take it out; {WHO_KEEPS_IT}")
    return None


def _is_pasted_key(variable: Variable[object], text: str) -> bool:
    return not variable.secret and isinstance(read_key(text), SecretKey)
