"""Every family of `/metrics`, in the order in which a scrape tells them. `docs/metrics.md` is written from it.

USD amounts are floats, for graphs and alerts. The exact amounts are in the other routes. A label has a bound that the
configuration or the code sets: an order, a signal or a mint is no label.
"""

from __future__ import annotations

from typing import Final

from overmind.http.metrics.family import Family, Group, Kind, Unit

USD, SOL, SECONDS, BYTES, RATIO, COUNT, FLAG = (
    *(Unit.USD, Unit.SOL, Unit.SECONDS, Unit.BYTES),
    *(Unit.RATIO, Unit.COUNT, Unit.FLAG),
)
WALLET: Final = ("wallet",)
LIMIT: Final = ("scope", "wallet", "limit")
TOKEN: Final = ("token",)
NODE: Final = ("node",)
SERVER: Final = ("server",)
ROUTE: Final = ("route",)
ORDER: Final = ("kind",)


def _gauge(group: Group, name: str, unit: Unit, meaning: str, labels: tuple[str, ...] = ()) -> Family:
    return Family(group, name, Kind.GAUGE, unit, meaning, labels)


def _known(group: Group, name: str, unit: Unit, meaning: str, labels: tuple[str, ...] = ()) -> Family:
    """A gauge that is told while the desk knows it."""
    return Family(group, name, Kind.GAUGE, unit, meaning, labels, always=False)


def _counter(
    group: Group, name: str, meaning: str, labels: tuple[str, ...] = (), always: bool = True, unit: Unit = COUNT
) -> Family:
    return Family(group, name, Kind.COUNTER, unit, meaning, labels, always)


def _times(name: str, meaning: str, labels: tuple[str, ...] = ()) -> Family:
    return Family(Group.LATENCY, name, Kind.HISTOGRAM, SECONDS, meaning, labels)


INFO: Final = Family(
    Group.DESK, "desk", Kind.INFO, Unit.TEXT, "What runs here; its value is 1.", ("version", "mode", "cluster")
)
READY: Final = _gauge(Group.DESK, "ready", FLAG, "1 while the desk can trade; /readyz says why not.")
FAULTS: Final = _gauge(
    Group.DESK,
    "ready_faults",
    COUNT,
    "Reasons of /readyz why the desk cannot trade, by what they are about.",
    ("about",),
)
ALARMS: Final = _known(
    Group.DESK, "alarms", COUNT, "Alarms of /v1/risk that a person has to look at, by what they are about.", ("about",)
)
HOLDS: Final = _known(
    Group.DESK,
    "holds",
    COUNT,
    "Holds that keep entries back. `name` is the wallet or the strategy; blank for the portfolio.",
    ("scope", "name", "cause"),
)
EQUITY: Final = _known(Group.DESK, "equity_usd", USD, "Quote currency, positions and SOL for fees of all wallets.")
DEPOSITED: Final = _known(Group.DESK, "deposited_usd", USD, "Deposits less withdrawals since the beginning.")
DAY_PNL: Final = _known(Group.DESK, "day_pnl_usd", USD, "Gain since 00:00 UTC, net of all costs.")
REALISED: Final = _known(Group.DESK, "realised_pnl_usd", USD, "Gain of what was sold, net of all costs.")
UNREALISED: Final = _known(Group.DESK, "unrealised_pnl_usd", USD, "Gain of what is held, at the newest marks.")
EXPOSURE: Final = _known(Group.DESK, "exposure_usd", USD, "Positions, and capital that is held for buys.")
DRAWDOWN: Final = _known(Group.DESK, "drawdown_ratio", RATIO, "Loss from the highest equity, deposits apart.")

WALLET_ACTIVE: Final = _known(
    Group.WALLETS, "wallet_active", FLAG, "1 while the wallet takes entries.", ("wallet", "type")
)
WALLET_EQUITY: Final = _known(
    Group.WALLETS, "wallet_equity_usd", USD, "Quote currency, positions and SOL for fees of the wallet.", WALLET
)
WALLET_FREE: Final = _known(Group.WALLETS, "wallet_free_usd", USD, "Quote currency that new orders may use.", WALLET)
WALLET_HELD: Final = _known(
    Group.WALLETS, "wallet_held_usd", USD, "Quote currency that is held for open orders.", WALLET
)
WALLET_DAY_PNL: Final = _known(
    Group.WALLETS, "wallet_day_pnl_usd", USD, "Gain of the wallet since 00:00 UTC, net of all costs.", WALLET
)
WALLET_REALISED: Final = _known(
    Group.WALLETS, "wallet_realised_pnl_usd", USD, "Gain of what the wallet sold, net of all costs.", WALLET
)
WALLET_UNREALISED: Final = _known(
    Group.WALLETS, "wallet_unrealised_pnl_usd", USD, "Gain of what the wallet holds, at the newest marks.", WALLET
)
WALLET_FLOAT: Final = _known(Group.WALLETS, "wallet_fee_float_sol", SOL, "SOL that pays for fees and rent.", WALLET)
WALLET_POSITIONS: Final = _known(Group.WALLETS, "wallet_positions", COUNT, "Tokens that the wallet holds.", WALLET)
WALLET_EXECUTIONS: Final = _known(
    Group.WALLETS,
    "wallet_executions",
    COUNT,
    "Orders of the wallet since the beginning, by how they ended. A fork may take one back.",
    ("wallet", "outcome"),
)
LIMIT_USED: Final = _known(
    Group.WALLETS,
    "limit_utilisation_ratio",
    RATIO,
    "Used share of a limit; 1 is all of it. `scope` is portfolio or wallet.",
    LIMIT,
)
LIMIT_USD: Final = _known(Group.WALLETS, "limit_headroom_usd", USD, "What a limit in USD still lets through.", LIMIT)
LIMIT_ITEMS: Final = _known(
    Group.WALLETS, "limit_headroom_items", COUNT, "What a limit of a number still lets through.", LIMIT
)
STRATEGY_USED: Final = _known(
    Group.WALLETS,
    "strategy_limit_utilisation_ratio",
    RATIO,
    "Used share of a strategy's limit in a wallet.",
    ("wallet", "strategy", "limit"),
)

ORDERS_OPEN: Final = _known(Group.ORDERS, "orders_open", COUNT, "Orders without a final outcome, by stage.", ("stage",))
OLDEST_OPEN: Final = _gauge(
    Group.ORDERS,
    "order_oldest_open_seconds",
    SECONDS,
    "For how long the oldest open order that was placed since the start has been open; 0: none is.",
)
MOVES_OPEN: Final = _known(
    Group.ORDERS, "moves_open", COUNT, "Transfers without an outcome, by what they are for.", ORDER
)
ORDERS_CLOSED: Final = _counter(
    Group.ORDERS, "orders_closed", "Outcomes of orders since the start, those included that a fork undid.", ("outcome",)
)
ROLLED_BACK: Final = _counter(Group.ORDERS, "orders_rolled_back", "Outcomes that a fork undid.", always=False)
SIGNALS: Final = _counter(
    Group.ORDERS, "signals", "Signals by their answer; known ones count once.", ("answer",), always=False
)
REFUSED: Final = _counter(
    Group.ORDERS, "signals_refused", "Refused signals since the start, by the rule that comes first.", ("code",)
)

DECIDED: Final = _times("signal_decided_seconds", "From the arrival of a signal until it is decided.")
DURABLE: Final = _times(
    "signal_durable_seconds", "From a decision on a signal, or on another try of it, until it is on disk."
)
SIGNED: Final = _times("order_signed_seconds", "From the placing of an order until its ticket is recorded.", ORDER)
SENT: Final = _times(
    "order_sent_seconds", "From the placing of an order until a node took it for the first time.", ORDER
)
CONFIRMED: Final = _times("order_confirmed_seconds", "From the placing of an order until its outcome is booked.", ORDER)
FINAL: Final = _times("order_final_seconds", "From the placing of an order until no fork can undo it.", ORDER)
JOURNALED: Final = _times(
    "journal_durable_seconds", "From an entry of the journal until it is on disk, the newest of each batch."
)

PRICE_AGE: Final = _known(
    Group.PRICES, "price_age_seconds", SECONDS, "Age of the newest mark of a listed token.", TOKEN
)
PRICE_DOUBTED: Final = _known(
    Group.PRICES, "price_doubted", FLAG, "1 while a listed token's price is not believed.", TOKEN
)
WITNESS_AGE: Final = _known(
    Group.PRICES,
    "price_witness_age_seconds",
    SECONDS,
    "Age of what the second source said with the newest mark.",
    TOKEN,
)
WITNESS_OFF: Final = _known(
    Group.PRICES, "price_witness_deviation_ratio", RATIO, "How far the second source was from the newest mark.", TOKEN
)
SOURCE_SILENT: Final = _known(
    Group.PRICES, "price_source_silent", FLAG, "1 while a source of prices does not answer.", ("order", "source")
)

NODE_RESTING: Final = _known(Group.CHAIN, "rpc_node_resting", FLAG, "1 while a node rests after failures.", NODE)
NODE_REQUESTS: Final = _counter(
    Group.CHAIN, "rpc_requests", "Requests to a node by result.", ("node", "result"), always=False
)
NODE_LATENCY: Final = _known(
    Group.CHAIN, "rpc_node_latency_seconds", SECONDS, "95th percentile of a node's newest latencies.", NODE
)
NODE_ASKING: Final = _known(Group.CHAIN, "rpc_requests_under_way", COUNT, "Requests that a node has to answer.", NODE)
NODE_WAITING: Final = _known(
    Group.CHAIN, "rpc_requests_waiting", COUNT, "Requests that wait for their turn within the node's quota.", NODE
)
NODE_QUOTA: Final = _known(
    Group.CHAIN,
    "rpc_quota_utilisation_ratio",
    RATIO,
    "Used share of a node's quota of requests; 1: the next waits.",
    NODE,
)
SWAP_REQUESTS: Final = _counter(
    Group.CHAIN,
    "swap_requests",
    "Requests to a swap server by result. `unasked`: the quota or a pause kept them back.",
    ("server", "result"),
    always=False,
)
SWAP_QUOTA: Final = _known(
    Group.CHAIN, "swap_quota_utilisation_ratio", RATIO, "Used share of a swap server's quota of a minute.", SERVER
)
SWAP_PAUSED: Final = _known(
    Group.CHAIN, "swap_server_paused", FLAG, "1 while a swap server has asked the desk to wait.", SERVER
)
ROUTE_SENDS: Final = _counter(
    Group.CHAIN,
    "route_sends",
    "Transactions handed over to a route by result. Repetitions count. `accepted` says nothing of landing.",
    ("route", "result"),
    always=False,
)
ROUTE_WAITS: Final = _counter(
    Group.CHAIN, "route_waits", "Requests that waited for the route's rate limit.", ROUTE, always=False
)
ROUTE_LIMITED: Final = _counter(
    Group.CHAIN, "route_rate_limited", "Answers of a route that said: too many requests.", ROUTE, always=False
)
ROUTE_LANDINGS: Final = _counter(
    Group.CHAIN,
    "route_landings",
    "Transactions of a route by what became of them: the chain shows them, or they are proved never to land.",
    ("route", "result"),
    always=False,
)
CLOCK_AHEAD: Final = _known(Group.CHAIN, "clock_ahead_seconds", SECONDS, "How far the clock is ahead of block time.")

ENTRIES: Final = _counter(Group.JOURNAL, "journal_entries", "Entries of the journal since its beginning.")
BACKLOG: Final = _gauge(Group.JOURNAL, "journal_backlog_entries", COUNT, "Decided entries that are not on disk yet.")
LAST_ENTRY: Final = _gauge(
    Group.JOURNAL, "journal_last_entry_timestamp_seconds", SECONDS, "Time of the newest decided entry, Unix time."
)
JOURNAL_LOCKED: Final = _gauge(
    Group.JOURNAL, "journal_locked", FLAG, "1 while another program keeps the journal locked, or its files are gone."
)
JOURNAL_SIZE: Final = _known(Group.JOURNAL, "journal_size_bytes", BYTES, "Size of the journal's database.")
SNAPSHOT_LAG: Final = _known(
    Group.JOURNAL, "journal_snapshot_lag_entries", COUNT, "Entries after the newest snapshot, which a start reads."
)
STATES_LAG: Final = _known(
    Group.JOURNAL, "kept_states_lag_entries", COUNT, "Entries after the newest state that is kept for explanations."
)
KEEPER_FAILURES: Final = _known(
    Group.JOURNAL, "keeper_failures", COUNT, "Tries in a row to keep a snapshot or seal entries that failed."
)
CATALOGUE_LAG: Final = _known(
    Group.JOURNAL, "catalogue_lag_entries", COUNT, "Entries on disk that the catalogue has not filed yet."
)
CHARTS_BEHIND: Final = _gauge(
    Group.JOURNAL, "charts_behind", FLAG, "1 until the charts show what was journaled before the start."
)
ANSWERS_LAG: Final = _known(
    Group.JOURNAL,
    "answers_lag_entries",
    COUNT,
    "Entries on disk that the target of a source's answers may still hear of.",
    ("source",),
)
DISK_FREE: Final = _known(Group.JOURNAL, "disk_free_bytes", BYTES, "Free room on the disk of the data folder.")
DISK_LEFT: Final = _known(Group.JOURNAL, "disk_left_seconds", SECONDS, "How long that room lasts at the measured rate.")

LOG_LOST: Final = _counter(Group.PROCESS, "log_lines_lost", "Lines that the log could not write.")
TURN_LONGEST: Final = _gauge(
    Group.PROCESS,
    "loop_turn_longest_seconds",
    SECONDS,
    "Longest turn of the event loop since the start, in processor time.",
)
TURNS_LONG: Final = _counter(
    Group.PROCESS, "loop_turns_long", "Turns of the event loop of more than 20 ms of processor time."
)
CLOCK_DOUBTS: Final = _counter(Group.PROCESS, "clock_jumps", "Times that the clock was not believed since the start.")
FEED_LOST: Final = _counter(Group.PROCESS, "metrics_feed_lost", "Times that the metrics lagged and missed entries.")
STREAMS: Final = _gauge(
    Group.PROCESS, "http_streams", COUNT, "Open event streams: `events` of programs, `pages` of browsers.", ("kind",)
)
CONNECTIONS: Final = _gauge(
    Group.PROCESS,
    "http_connections",
    COUNT,
    "Open connections: those that have shown a token or a session, and others.",
    ("kind",),
)
NOTICES: Final = _counter(
    Group.PROCESS,
    "notices",
    "Notices by target and by what became of them. A target has its number in OVERMIND_NOTICES and its scheme.",
    ("target", "result"),
    always=False,
)
NOTICES_WAITING: Final = _known(Group.PROCESS, "notices_waiting", COUNT, "Notices that wait for a target.", ("target",))
NOTICES_STALLED: Final = _known(
    Group.PROCESS, "notices_stalled_seconds", SECONDS, "For how long a target has hung; 0: it does not.", ("target",)
)

FAMILIES: Final = tuple(one for one in tuple(globals().values()) if isinstance(one, Family))
