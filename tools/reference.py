"""The reference tables of docs/operations.md, written from the code that they describe.

`python -m tools.reference docs/operations.md` renews them; a test holds file and code equal.
"""

from __future__ import annotations

from typing import Final

from tools.generated import renew_file_named

from overmind.cli.data_files import DATA_FILES
from overmind.config import describe
from overmind.core.model.codes import Code
from overmind.core.model.outcome import Cause

CAUSES: Final[dict[Cause, str]] = {
    Cause.SLIPPAGE: "The price moved beyond the allowed slippage.",
    Cause.LIMIT_PRICE: "The market does not reach the limit price.",
    Cause.NO_LIQUIDITY: "The pool is too small for the order.",
    Cause.PRICE_IMPACT: "The order would move the price too far.",
    Cause.QUOTE_OFF_MARK: "The quote is too far from the journaled price.",
    Cause.PRICE_UNAVAILABLE: "There is no fresh price to check the quote by.",
    Cause.BAD_QUOTE: "The quote is not for this order, or guarantees less than it must.",
    Cause.STOPPED: "A stop came before anything was sent.",
    Cause.SIGNAL_EXPIRED: "The time to live was over before anything was sent.",
    Cause.WALLET_FUNDS: "The wallet could not pay. Another wallet is tried.",
    Cause.ROUTE_DOWN: "The wallet's route did not answer. Another wallet is tried.",
    Cause.NOT_VERIFIED: "The transaction that the swap API offered does not do what was ordered, so it was not signed.",
    Cause.REVERTED: "The transaction failed on the chain or in the simulation. The detail has its error.",
    Cause.NO_KEY: "The wallet is not configured any more, so nothing can be signed with its key.",
    Cause.NOT_CONFIRMED: "A mark made an exit due, but no quote shows that price. One bad mark sells nothing.",
    Cause.NO_PROTECTED_ROUTE: "The entry must be protected from MEV, and the cluster has no protected route.",
    Cause.CANCELLED: "An operator cancelled the move before it was signed.",
    Cause.MINT_NOT_ADMITTED: "The last look at the token's mint found what OVERMIND_ADMISSION does not allow.",
    Cause.ACCOUNT_UNSAFE: "A stranger can use the wallet's token account, or it is frozen. Another wallet is tried.",
    Cause.NOT_ALLOWED: "The withdrawal's address is not listed any more, or the cap of the day is 0.",
}


def variables_table() -> str:
    lines = ["| variable | unit | default | bounds | meaning |", "|---|---|---|---|---|"]
    for row in describe():
        meaning = f"{row.meaning} Secret." if row.secret else row.meaning
        cells = (f"`{row.name}`", row.unit, row.default, row.bounds, meaning)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def codes_table() -> str:
    lines = ["| code | unit of limit and actual | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{code}` | {code.unit} | {code.meaning} |" for code in Code)])


def causes_table() -> str:
    lines = ["| cause | of the wallet | meaning |", "|---|---|---|"]
    rows = (f"| `{cause}` | {'yes' if cause.of_wallet else ''} | {CAUSES[cause]} |" for cause in Cause)
    return "\n".join([*lines, *rows])


def data_files_table() -> str:
    lines = ["| file | what it is | in a backup |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `data/{one.name}` | {one.meaning} | {one.in_backup} |" for one in DATA_FILES)])


TABLES: Final = {
    "data files": data_files_table,
    "variables": variables_table,
    "codes": codes_table,
    "causes": causes_table,
}

if __name__ == "__main__":
    renew_file_named(TABLES)
