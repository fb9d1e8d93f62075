"""Reads the variables of the table and records their problems."""

from __future__ import annotations

from typing import Final, TypeVar

from overmind.config.environment import Environment, Origin
from overmind.config.files import InvalidValue
from overmind.config.problems import Findings
from overmind.config.secrecy import MASK, masked
from overmind.config.variables.variable import Variable
from overmind.core.model.value import Value
from overmind.keys.secret_key import SecretKey, read_key

T = TypeVar("T", covariant=True)


PASTED_KEY: Final = InvalidValue(
    "holds a private key", "put the key into a variable of its own and name it as env:NAME"
)


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
        value = PASTED_KEY if _is_pasted_key(variable, text) else variable.kind.read(text)
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
        return text, self._environment.origin(variable.name)


def _is_pasted_key(variable: Variable[object], text: str) -> bool:
    return not variable.secret and isinstance(read_key(text), SecretKey)
