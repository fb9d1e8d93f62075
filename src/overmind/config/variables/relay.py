"""Settings of the protected relay: where it is, what it is tipped, and how often it is asked."""

from __future__ import annotations

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.secrecy import shown_urls
from overmind.config.variables.variable import Variable
from overmind.core.model.units import LAMPORTS

LATENCY_MAX_MS = 60_000
RETRIES_MAX = 100
RELAY_URLS = Variable(
    "OVERMIND_RELAY_URLS",
    kinds.urls(),
    "",
    "A protected relay in the shape of Jito's block engine, one address per region, the preferred one first. Orders of "
    "the route `relay` leave by it alone. Credentials in an address are never shown. Not set: there is no relay.",
    shown=shown_urls,
)
RELAY_AUTH = Variable(
    "OVERMIND_RELAY_AUTH",
    kinds.optional(kinds.secret()),
    "",
    "The key of the relay, sent as x-jito-auth, if it needs one.",
    secret=True,
)
RELAY_TIP_FLOOR_URL = Variable(
    "OVERMIND_RELAY_TIP_FLOOR_URL",
    kinds.optional(kinds.url()),
    "",
    "Where the tips that landed lately are told. Entries tip their 50th percentile and exits their 75th, within the "
    "caps. Not set: Jito's address for Jito's block engine, and the relay's own for a relay on this machine.",
    shown=shown_urls,
)
RELAY_TIP = Variable(
    "OVERMIND_RELAY_TIP_LAMPORTS",
    kinds.optional(measured(kinds.whole("lamports", 0, LAMPORTS))),
    "",
    "A fixed tip of each transaction, within the caps and at least the relay's minimum of 1000. Not set: what landed "
    "lately.",
)
RELAY_LATENCY = Variable(
    "OVERMIND_RELAY_MAX_LATENCY_MS",
    kinds.optional(measured(kinds.whole("ms", 1, LATENCY_MAX_MS))),
    "",
    "How long a region may take to answer before the next one gets the same transaction too; after the last one, the "
    "first one again. Not set: 400.",
)
RELAY_RETRIES = Variable(
    "OVERMIND_RELAY_RETRIES",
    kinds.optional(measured(kinds.whole("times", 0, RETRIES_MAX))),
    "",
    "How many requests a transaction gets beyond the first: a region did not answer in time or refused it, or the "
    "chain does not show it three seconds after it was accepted. Not set: 10.",
)
RELAY_RATE = Variable(
    "OVERMIND_RELAY_REQUESTS_PER_SEC",
    kinds.optional(measured(kinds.whole("requests/s", 1, 10_000))),
    "",
    "The most requests to one region, of all wallets together. Exits go first, then first sends, then repetitions. Not "
    "set: 1.",
)
