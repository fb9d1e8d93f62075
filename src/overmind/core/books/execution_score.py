"""How often a wallet's newest attempts failed: a share that fades with time, in integers, for the ranking.

Each attempt moves the share a quarter of the way to 1 if it failed and to 0 if it filled. Between attempts the share
halves in every half-life. A quarter is allowed: one failure tells nothing, and counting it would be noise. So a wallet
whose attempts fail is left after the second one, and it is tried again later.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from overmind.core.books.book import WalletBook
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import PPM

WEIGHT: Final = 4  # an attempt weighs 1 / WEIGHT
HALVINGS_MAX: Final = 30  # more than make a million zero
ALLOWED_PPM: Final = 250_000  # what one failure makes of a share of zero


def score(book: WalletBook, outcome: Outcome, at_ns: int, half_life_ns: int) -> None:
    """Counts one finished attempt."""
    failed = _failed(outcome)
    if failed is None:
        return
    missed = faded_ppm(book.missed_ppm, at_ns - book.missed_ns, half_life_ns)
    book.missed_ppm = moved_ppm(missed, failed)
    book.missed_ns = max(at_ns, book.missed_ns)


def moved_ppm(missed_ppm: int, failed: bool) -> int:
    """The share after one more attempt."""
    return missed_ppm + (PPM - missed_ppm) // WEIGHT if failed else missed_ppm - -(-missed_ppm // WEIGHT)


def _failed(outcome: Outcome) -> bool | None:
    """None: it tells nothing about the wallet, because the market, a stop or a person ended it before it was sent."""
    match outcome:
        case Filled():
            return False
        case Failed() | Expired():
            return True
        case Rejected(cause=cause):
            return True if cause.of_wallet else None


def faded_ppm(missed_ppm: int, age_ns: int, half_life_ns: int) -> int:
    """The share after this time. Straight between two halvings; a clock that stepped back fades nothing."""
    halvings, rest_ns = divmod(max(0, age_ns), half_life_ns)
    halved = missed_ppm >> min(halvings, HALVINGS_MAX)
    return halved - halved * rest_ns // (2 * half_life_ns)


def excess_ppm(missed_ppm: int, age_ns: int, half_life_ns: int) -> int:
    """What counts against the wallet after this time."""
    return max(0, faded_ppm(missed_ppm, age_ns, half_life_ns) - ALLOWED_PPM)


def excess_all_ppm(missed_ppm: NDArray[np.int64], ages_ns: NDArray[np.int64], half_life_ns: int) -> NDArray[np.int64]:
    """`excess_ppm` of many wallets. Its numbers fit, because a share is at most a million and a half-life two hours."""
    halvings, rest_ns = np.divmod(np.maximum(ages_ns, 0), half_life_ns)
    halved = missed_ppm >> np.minimum(halvings, HALVINGS_MAX)
    excess: NDArray[np.int64] = np.maximum(halved - halved * rest_ns // (2 * half_life_ns) - ALLOWED_PPM, 0)
    return excess
