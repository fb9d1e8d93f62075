"""What a new desk is, and the text of its `.env`."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Final

from overmind.config.files import InvalidValue
from overmind.config.problems import Findings
from overmind.config.variables.chain import CLUSTER, RPC_URL, TRADING_MODE, Cluster
from overmind.config.variables.paper import PAPER_CAPITAL
from overmind.config.variables.service import SERVER_PORT
from overmind.config.variables.variable import Variable
from overmind.config.variables.wallets import DEFAULT_WALLET, MANAGED_WALLETS
from overmind.config.wallet_lines import read_lines
from overmind.core.model.ids import WalletId
from overmind.core.model.value import Value

WALLETS_DIR: Final = "wallets"
WALLETS: Final = (
    "primary_wallet:primary:medium:0.4",
    "hft_wallet:hft:high:0.3",
    "conservative_wallet:conservative:low:0.2",
    "experimental_wallet:experimental:experimental:0.1",
)
SHAPE: Final = "write ID:TYPE:PROFILE:SHARE, as in hft_wallet:hft:high:0.3"
CLUSTERS: Final = (Cluster.PAPER, Cluster.LOCALNET, Cluster.DEVNET)
COLUMNS: Final = 110
HEAD: Final = """\
# Made by `overmind init`. The process environment wins over this file; a blank value means the default.
# `overmind show-config` shows every setting in force; docs/operations.md says what each means.
"""


class NewWallet(Value, frozen=True):
    id: WalletId
    line: str  # of OVERMIND_MANAGED_WALLETS
    file: Path  # relative to the folder of the desk


class Plan(Value, frozen=True):
    cluster: Cluster
    wallets: tuple[NewWallet, ...]
    capital: str  # USD, as typed
    rpc_url: str  # blank: the public one of the cluster
    port: str

    def dotenv(self) -> str:
        is_paper = self.cluster is Cluster.PAPER
        settings: list[tuple[Variable[object], str]] = [(TRADING_MODE, "paper" if is_paper else "live")]
        if not is_paper:
            settings.append((CLUSTER, self.cluster.value))
        if self.rpc_url:
            settings.append((RPC_URL, self.rpc_url))
        settings += [
            (MANAGED_WALLETS, ",".join(wallet.line for wallet in self.wallets)),
            (DEFAULT_WALLET, self.wallets[0].id),
            (SERVER_PORT, self.port),
        ]
        if is_paper:
            settings.append((PAPER_CAPITAL, self.capital))
        return HEAD + "".join(f"\n{_comment(one.meaning)}\n{one.name}='{text}'\n" for one, text in settings)


def _comment(meaning: str) -> str:
    return textwrap.fill(meaning, COLUMNS, initial_indent="# ", subsequent_indent="# ")


def wallets_of(typed: tuple[str, ...], findings: Findings) -> tuple[NewWallet, ...]:
    """The wallets as they were typed; what is wrong is recorded."""
    lines = []
    for text in typed:
        wallet_id, *rest = [part.strip() for part in text.split(":")]
        if len(rest) == 3:
            lines.append(":".join([wallet_id, f"./{WALLETS_DIR}/{wallet_id}.json", *rest]))
        else:
            findings.refuse(f"--wallet {text[:64]}", "it has not four parts", SHAPE)
    if findings.problems:
        return ()
    read = read_lines(",".join(lines), findings)
    named = zip(read, lines, strict=False)
    return tuple(NewWallet(one.id, line, Path(WALLETS_DIR) / f"{one.id}.json") for one, line in named if one.id)


def fault_of(variable: Variable[object], text: str) -> InvalidValue | None:
    """Why this cannot be the value of a setting; None: it can."""
    if any(letter in text for letter in "'\\\n"):
        return InvalidValue("holds a quote, a backslash or a line break", "write it without them")
    read = variable.kind.read(text)
    return read if isinstance(read, InvalidValue) else None
