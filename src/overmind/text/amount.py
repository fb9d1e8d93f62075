"""Amounts of money that are told exactly: to Python a float, in JSON a decimal string that can be sent back."""

from __future__ import annotations

from typing import Self


class Amount(float):
    """A float that keeps its exact decimal. `str` and JSON tell the decimal; arithmetic gives plain floats."""

    exact: str

    def __new__(cls, exact: str) -> Self:
        """`exact` is a decimal without an exponent."""
        amount = super().__new__(cls, exact)
        amount.exact = exact
        return amount

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.exact,)

    def __str__(self) -> str:
        return self.exact

    @classmethod
    def of(cls, units: int, decimals: int) -> Self:
        """Base units as a whole number of tokens: every digit, without zeros at the end."""
        whole, part = divmod(abs(units), 10**decimals)
        fraction = f".{part:0{decimals}}".rstrip("0") if part else ""
        return cls(f"{'-' if units < 0 else ''}{whole}{fraction}")
