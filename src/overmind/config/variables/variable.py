"""A setting: its name, kind, default and meaning."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeVar

from overmind.config.kinds import Kind
from overmind.core.model.value import Value

T = TypeVar("T", covariant=True)


@dataclasses.dataclass(frozen=True)
class Variable(Generic[T]):
    name: str
    kind: Kind[T]
    default: str  # as it would be typed; blank: not set
    meaning: str
    secret: bool = False
    blank_is_default: bool = True
    shown: Callable[[str], str] | None = None  # how to print it, if a part may be secret


class SettingRow(Value, frozen=True):
    """One line of the documentation."""

    group: str
    name: str
    unit: str
    default: str
    bounds: str
    meaning: str
    secret: bool
