"""Units and conversions, in integers.

Units stand last in a name: `_micros` is micro-USD, `_units` base units of a token, `_lamports` base units of SOL,
`_ppm` parts per million, `_bps` basis points, `_pico` pico-USD per whole token, `_ns` nanoseconds since 1970 (UTC).
"""

from __future__ import annotations

PPM = 1_000_000
BPS = 10_000
MICROS = 1_000_000  # micro-USD per USD
PICO = 10**12  # pico-USD per USD
LAMPORTS = 10**9  # lamports per SOL
NS = 10**9  # nanoseconds per second
DAY_NS = 86_400 * NS
# A higher number is a mistake. Both bounds keep every later product exact in an int64 capacity array.
NOTIONAL_MAX_MICROS = 10**12 * MICROS
PRICE_MAX_PICO = 10**12 * PICO
SCALE: tuple[int, ...] = tuple(int(10**n) for n in range(64))  # base units per whole token, by decimals


def value_micros(units: int, price_pico: int, decimals: int) -> int:
    """The value of `units` in micro-USD, rounded down."""
    return units * price_pico // SCALE[decimals + 6]


def value_micros_up(units: int, price_pico: int, decimals: int) -> int:
    """The value of `units` in micro-USD, rounded up: for costs and limits."""
    return -(-units * price_pico // SCALE[decimals + 6])


def units_of(micros: int, price_pico: int, decimals: int) -> int:
    """The base units that `micros` buy, rounded down."""
    return micros * SCALE[decimals + 6] // price_pico


def ppm_of(amount: int, ppm: int) -> int:
    """A share of an amount, rounded down."""
    return amount * ppm // PPM
