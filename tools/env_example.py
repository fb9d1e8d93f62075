"""Writes `.env.example` from the table of variables: `python -m tools.env_example KEY > .env.example`."""

from __future__ import annotations

import sys
import textwrap
from typing import Final

from overmind.config.variables.table import GROUPS
from overmind.config.variables.variable import Variable
from overmind.config.variables.wallets import DEFAULT_WALLET, MANAGED_WALLETS

KEY_VARIABLE: Final = "WALLET1_KEY"
_WIDTH: Final = 110
_VALUES: Final = {
    DEFAULT_WALLET.name: "primary_wallet",
    MANAGED_WALLETS.name: '"primary_wallet:env:WALLET1_KEY:primary:medium:0.4,'
    "hft_wallet:./wallets/hft.json:hft:high:0.3,"
    "conservative_wallet:./wallets/conservative.json:conservative:low:0.2,"
    'experimental_wallet:./wallets/experimental.json:experimental:experimental:0.1"',
}
_HEAD: Final = """\
# Copy to .env, and wallets/NAME.example.json to wallets/NAME.json for the wallets below. Then run `overmind check`.
# The process environment wins over this file. A blank value means the default. A # before a line leaves the default.
"""
_KEY: Final = """\
# EXAMPLE: this key is published, never send money to it. The private key of primary_wallet: base58 of 64 bytes,
# or a JSON array of 64 bytes. Make one of your own with `overmind keys new FILE`.
"""


def example(key: str) -> str:
    """The file, with `key` as the example's private key."""
    groups = [_group(name, variables) for name, variables in GROUPS.items()]
    return "\n".join([_HEAD, *groups]).replace("\n\n\n", "\n\n") + f"\n{_KEY}{KEY_VARIABLE}={key}\n"


def _group(name: str, variables: tuple[Variable[object], ...]) -> str:
    return f"# --- {name} ---\n\n" + "\n".join(map(_entry, variables))


def _entry(variable: Variable[object]) -> str:
    bounds = f", {variable.kind.bounds}" if variable.kind.bounds else ""
    comment = textwrap.wrap(f"{variable.meaning} [{variable.kind.unit}{bounds}]", _WIDTH, break_on_hyphens=False)
    value = _VALUES.get(variable.name, variable.default)
    setting = f"{variable.name}={value}" if value else f"# {variable.name}="
    return "\n".join([*(f"# {line}" for line in comment), setting, ""])


if __name__ == "__main__":
    sys.stdout.write(example(sys.argv[1]))
