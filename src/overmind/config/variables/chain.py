"""Settings of the trading mode, the cluster, and the servers that it is reached by."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.secrecy import shown_urls
from overmind.config.variables.variable import Variable
from overmind.core.model.enums import TradingMode


class Cluster(enum.StrEnum):
    """Where orders go. Paper trades on no chain and prices the tokens of mainnet."""

    PAPER = "paper"
    LOCALNET = "localnet"
    DEVNET = "devnet"
    MAINNET = "mainnet"


_CLUSTERS: Final[Mapping[str, Cluster]] = {
    "localnet": Cluster.LOCALNET,
    "devnet": Cluster.DEVNET,
    "mainnet": Cluster.MAINNET,
    "mainnet-beta": Cluster.MAINNET,
}
OPT_IN_WORDS: Final = "I-accept-real-money"
TRADING_MODE = Variable(
    "SNIPER_TRADING_MODE",
    kinds.choice({"paper": TradingMode.PAPER, "live": TradingMode.LIVE}),
    "paper",
    "paper simulates every trade; live signs and sends real transactions.",
    blank_is_default=False,  # A blank mode stops a deployment that forgot to set it.
)
CLUSTER = Variable(
    "OVERMIND_CLUSTER",
    kinds.optional(kinds.choice(_CLUSTERS)),
    "",
    "Where live trades go. Not set: the RPC address decides, and an unknown address counts as mainnet.",
)
RPC_URL = Variable(
    "SNIPER_SOLANA_RPC_URL",
    kinds.optional(kinds.url()),
    "",
    "Solana JSON-RPC address. Not set: the public address of OVERMIND_CLUSTER. Credentials in it are never shown.",
    shown=shown_urls,
)
RPC_FALLBACK_URLS = Variable(
    "OVERMIND_RPC_FALLBACK_URLS",
    kinds.urls(),
    "",
    "Further providers of the same cluster. With two or more in all, a transaction counts as expired only when "
    "two of them agree. A provider that is silent at the start is used once it has told the same genesis hash.",
    shown=shown_urls,
)
RPC_RATE = Variable(
    "OVERMIND_RPC_REQUESTS_PER_SEC",
    kinds.optional(measured(kinds.whole("requests/s", 1, 1_000_000))),
    "",
    "The most requests to one provider. When requests are scarce, exits go first, then statuses, prices and "
    "entries. Not set: 10 on public clusters, 5000 on a localnet.",
)
SWAP_URL = Variable(
    "OVERMIND_SWAP_URL",
    kinds.optional(kinds.url()),
    "",
    "Swap and price API in Jupiter's shape. Not set: Jupiter for mainnet and for live prices on paper, else "
    "`overmind venue` at http://127.0.0.1:8880.",
    shown=shown_urls,
)
SWAP_API_KEY = Variable(
    "OVERMIND_SWAP_API_KEY", kinds.optional(kinds.secret()), "", "Key of the swap API, if it needs one.", secret=True
)
SWAP_RATE = Variable(
    "OVERMIND_SWAP_REQUESTS_PER_MIN",
    kinds.optional(measured(kinds.whole("requests/min", 10, 1_000_000))),
    "",
    "The swap API's quota. Prices use half of it, and a fifth is kept for exits. Not set: 30 without an API key, 60 "
    "with one, and none for a server on this machine.",
)
WITNESS_URL = Variable(
    "OVERMIND_PRICE_WITNESS_URL",
    kinds.optional(kinds.url()),
    "",
    "A second source of live prices, in the shape of the Price API v3 (GET price/v3?ids=MINT,MINT), of another "
    "operator than OVERMIND_SWAP_URL: one host or domain for both is refused, except on the loopback. With it, a live "
    "price counts only while both agree.",
    shown=shown_urls,
)
WITNESS_KEY = Variable(
    "OVERMIND_PRICE_WITNESS_API_KEY",
    kinds.optional(kinds.secret()),
    "",
    "Key of the second price source, if it needs one.",
    secret=True,
)
PYTH_FEEDS = Variable(
    "OVERMIND_PYTH_FEEDS",
    kinds.pyth_feeds(),
    "",
    "A second source of live prices: accounts of the Pyth oracle, read through SNIPER_SOLANA_RPC_URL, as "
    "SYMBOL:ACCOUNT:FEED_ID. Instead of OVERMIND_PRICE_WITNESS_URL. A token that is not named has one source: it is "
    "not bought.",
)
SECOND_SWAP_URL = Variable(
    "OVERMIND_SECOND_SWAP_URL",
    kinds.optional(kinds.url()),
    "",
    "A swap server of another operator than OVERMIND_SWAP_URL, in the same shape. While a price is doubted it routes a "
    "sale that two nodes of two operators simulate (SNIPER_SOLANA_RPC_URL, OVERMIND_RPC_FALLBACK_URLS) and nobody "
    "signs. If that brings the doubted price, exits sell at once. It also offers the sale of a trial of a mint that no "
    "list has.",
    shown=shown_urls,
)
SECOND_SWAP_KEY = Variable(
    "OVERMIND_SECOND_SWAP_API_KEY",
    kinds.optional(kinds.secret()),
    "",
    "Key of the second swap server, if it needs one.",
    secret=True,
)
MAINNET_OPT_IN = Variable(
    "OVERMIND_MAINNET_OPT_IN",
    kinds.optional(kinds.choice({OPT_IN_WORDS: True})),
    "",
    "The second confirmation that live trading on mainnet needs.",
)
