"""The rows and panels of the dashboard. A panel names its families by the table of metrics, so a metric that goes away
is a type error here.
"""

from __future__ import annotations

from typing import Final

from overmind.core.model.value import Value
from overmind.http.metrics import table
from overmind.http.metrics.family import Family, Kind

OF_DESK: Final = 'instance=~"$instance"'
OF_WALLET: Final = f'{OF_DESK}, wallet=~"$wallet"'
OF_ITS_LIMITS: Final = f'{OF_WALLET}, scope="wallet"'
OF_PROCESS: Final = f'{OF_DESK}, job="overmind"'
WINDOW: Final = "[$__rate_interval]"
QUANTILES: Final = (0.5, 0.95, 0.99)
USD, SHARE, SECONDS, BYTES, NUMBER, PER_SECOND = "currencyUSD", "percentunit", "s", "bytes", "short", "ops"


class Query(Value, frozen=True):
    expr: str
    legend: str


class Panel(Value, frozen=True):
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    width: int = 8
    height: int = 7
    red_from: float | None = None  # values that are shown in red; None: none are
    red_below: float | None = None


class Row(Value, frozen=True):
    title: str
    panels: tuple[Panel, ...]


def now(family: Family, labels: str = OF_DESK) -> str:
    return f"{family.full_name}{{{labels}}}"


def rate(family: Family, labels: str = OF_DESK) -> str:
    assert family.kind is Kind.COUNTER, family
    return f"rate({now(family, labels)}{WINDOW})"


def stat(
    title: str,
    description: str,
    unit: str,
    expr: str,
    *,
    red_from: float | None = None,
    red_below: float | None = None,
) -> Panel:
    return Panel(title, description, unit, (Query(expr, ""),), "stat", 4, 4, red_from, red_below)


def quantiles(family: Family) -> tuple[Query, ...]:
    assert family.kind is Kind.HISTOGRAM, family
    counted = f"sum by (le) (rate({family.full_name}_bucket{{{OF_DESK}}}{WINDOW}))"
    return tuple(Query(f"histogram_quantile({part}, {counted})", f"p{part * 100:g}") for part in QUANTILES)


def latency(family: Family, title: str) -> Panel:
    return Panel(title, f"{family.meaning} The share of 50, 95 and 99 %.", SECONDS, quantiles(family))


def whole(family: Family) -> tuple[Query, ...]:
    """A family without labels of its own."""
    assert not family.labels, family
    return (Query(now(family), "{{instance}}"),)


def by_wallet(title: str, family: Family, unit: str) -> Panel:
    return Panel(title, family.meaning, unit, (Query(now(family, OF_WALLET), "{{wallet}}"),))


def per_second(title: str, family: Family, legend: str) -> Panel:
    return Panel(title, f"{family.meaning} In a second.", PER_SECOND, (Query(rate(family), legend),))


DESK: Final = Row(
    "Desk",
    (
        stat("Ready", "1 while the desk can trade.", NUMBER, f"min({now(table.READY)})", red_below=1),
        stat("Holds", "Holds that keep entries back.", NUMBER, f"sum({now(table.HOLDS)}) or vector(0)", red_from=1),
        stat("Alarms", "What a person has to look at.", NUMBER, f"sum({now(table.ALARMS)})", red_from=1),
        stat("Equity", table.EQUITY.meaning, USD, f"sum({now(table.EQUITY)})"),
        stat("Day PnL", table.DAY_PNL.meaning, USD, f"sum({now(table.DAY_PNL)})", red_below=0),
        stat("Drawdown", table.DRAWDOWN.meaning, SHARE, f"max({now(table.DRAWDOWN)})", red_from=0.1),
        Panel(
            "Equity and deposits",
            "The distance between the two is the gain.",
            USD,
            (
                Query(now(table.EQUITY), "equity {{instance}}"),
                Query(now(table.DEPOSITED), "deposited {{instance}}"),
                Query(now(table.EXPOSURE), "exposure {{instance}}"),
            ),
        ),
        Panel(
            "PnL",
            "Net of all costs. What is held counts at the newest marks.",
            USD,
            (
                Query(now(table.REALISED), "realised {{instance}}"),
                Query(now(table.UNREALISED), "unrealised {{instance}}"),
                Query(now(table.DAY_PNL), "today {{instance}}"),
            ),
        ),
        Panel(
            "Limits of the portfolio",
            "Used share of each limit. At 1 of a loss the desk stops its entries by itself.",
            SHARE,
            (Query(now(table.LIMIT_USED, f'{OF_DESK}, scope="portfolio"'), "{{limit}}"),),
            red_from=0.8,
        ),
        Panel(
            "What keeps it from trading",
            "Reasons of /readyz, by what they are about. Nothing is shown while there are none.",
            NUMBER,
            (Query(f"{now(table.FAULTS)} > 0", "{{about}}"),),
            width=12,
        ),
        Panel(
            "Holds by cause",
            "By scope, name and cause. `overmind resume` lifts what a person may lift.",
            NUMBER,
            (Query(now(table.HOLDS), "{{scope}} {{name}} {{cause}}"),),
            width=12,
        ),
    ),
)
WALLETS: Final = Row(
    "Wallets",
    (
        Panel(
            "Use of each limit",
            "The twelve fullest limits of the chosen wallets. A wallet takes no entry that would go past 100 %.",
            SHARE,
            (Query(f"topk(12, {now(table.LIMIT_USED, OF_ITS_LIMITS)})", "{{wallet}} {{limit}}"),),
            "bargauge",
            red_from=0.8,
        ),
        Panel(
            "Headroom in USD",
            "What each limit in USD still lets through.",
            USD,
            (Query(now(table.LIMIT_USD, OF_ITS_LIMITS), "{{wallet}} {{limit}}"),),
        ),
        Panel(
            "Headroom in numbers",
            "How many positions or trades each limit still lets through.",
            NUMBER,
            (Query(now(table.LIMIT_ITEMS, OF_ITS_LIMITS), "{{wallet}} {{limit}}"),),
        ),
        Panel(
            "Limits of strategies",
            "The twelve fullest shares and positions of a strategy in a wallet.",
            SHARE,
            (Query(f"topk(12, {now(table.STRATEGY_USED, OF_WALLET)})", "{{wallet}} {{strategy}} {{limit}}"),),
            "bargauge",
            red_from=0.8,
        ),
        by_wallet("Equity", table.WALLET_EQUITY, USD),
        by_wallet("Day PnL", table.WALLET_DAY_PNL, USD),
        by_wallet("Free capital", table.WALLET_FREE, USD),
        by_wallet("Held capital", table.WALLET_HELD, USD),
        by_wallet("SOL for fees", table.WALLET_FLOAT, NUMBER),
    ),
)
ORDERS: Final = Row(
    "Orders",
    (
        per_second("Signals by answer", table.SIGNALS, "{{answer}}"),
        Panel(
            "Refusals by rule",
            "The ten rules that refused most signals. `overmind refusals --code CODE` lists them.",
            PER_SECOND,
            (Query(f"topk(10, {rate(table.REFUSED)} > 0)", "{{code}}"),),
        ),
        per_second("Outcomes", table.ORDERS_CLOSED, "{{outcome}}"),
        Panel("Open orders", table.ORDERS_OPEN.meaning, NUMBER, (Query(now(table.ORDERS_OPEN), "{{stage}}"),)),
        Panel("Oldest open order", table.OLDEST_OPEN.meaning, SECONDS, whole(table.OLDEST_OPEN), red_from=180),
        Panel("Open transfers", table.MOVES_OPEN.meaning, NUMBER, (Query(now(table.MOVES_OPEN), "{{kind}}"),)),
    ),
)
LATENCY: Final = Row(
    "Latency",
    (
        latency(table.DECIDED, "Arrival to decision"),
        latency(table.DURABLE, "Decision to disk"),
        latency(table.SIGNED, "Placed to signed"),
        latency(table.SENT, "Placed to first send"),
        latency(table.CONFIRMED, "Placed to outcome"),
        latency(table.FINAL, "Placed to final"),
    ),
)
PRICES: Final = Row(
    "Prices",
    (
        Panel("Age", table.PRICE_AGE.meaning, SECONDS, (Query(now(table.PRICE_AGE), "{{token}}"),), red_from=30),
        Panel(
            "Not believed",
            "Tokens whose price is not believed, and sources that do not answer.",
            NUMBER,
            (
                Query(f"{now(table.PRICE_DOUBTED)} > 0", "{{token}}"),
                Query(f"{now(table.SOURCE_SILENT)} > 0", "silent: {{source}}"),
            ),
        ),
        Panel(
            "Distance of the second source",
            table.WITNESS_OFF.meaning,
            SHARE,
            (Query(now(table.WITNESS_OFF), "{{token}}"),),
        ),
    ),
)
CHAIN: Final = Row(
    "Chain",
    (
        per_second("Requests to nodes", table.NODE_REQUESTS, "{{node}} {{result}}"),
        Panel("Latency of nodes", table.NODE_LATENCY.meaning, SECONDS, (Query(now(table.NODE_LATENCY), "{{node}}"),)),
        Panel(
            "Quotas",
            "Used share of the quota of each node and swap server. At 1 the next request waits or is not made.",
            SHARE,
            (Query(now(table.NODE_QUOTA), "{{node}}"), Query(now(table.SWAP_QUOTA), "{{server}}")),
            red_from=0.9,
        ),
        per_second("Requests to swap servers", table.SWAP_REQUESTS, "{{server}} {{result}}"),
        Panel(
            "Resting nodes, and requests that wait",
            "A node rests after failures. Requests wait for their turn within its quota.",
            NUMBER,
            (
                Query(now(table.NODE_RESTING), "{{node}} rests"),
                Query(now(table.NODE_WAITING), "{{node}} waiting"),
                Query(now(table.NODE_ASKING), "{{node}} under way"),
            ),
        ),
        Panel("Clock ahead of block time", table.CLOCK_AHEAD.meaning, SECONDS, whole(table.CLOCK_AHEAD)),
    ),
)
JOURNAL: Final = Row(
    "Journal",
    (
        per_second("Entries", table.ENTRIES, "{{instance}}"),
        latency(table.JOURNALED, "Entry to disk"),
        Panel("Backlog", table.BACKLOG.meaning, NUMBER, whole(table.BACKLOG), red_from=1_000),
        Panel(
            "What follows the journal",
            "Entries after the newest snapshot and kept state, and those not yet in the catalogue or told to a source.",
            NUMBER,
            (
                Query(now(table.SNAPSHOT_LAG), "snapshot"),
                Query(now(table.STATES_LAG), "kept states"),
                Query(now(table.CATALOGUE_LAG), "catalogue"),
                Query(now(table.ANSWERS_LAG), "answers to {{source}}"),
            ),
        ),
        Panel(
            "Room",
            "Size of the journal's database, and what is free on its disk.",
            BYTES,
            (Query(now(table.JOURNAL_SIZE), "journal"), Query(now(table.DISK_FREE), "free")),
        ),
        Panel("Room lasts for", table.DISK_LEFT.meaning, SECONDS, whole(table.DISK_LEFT), red_below=86_400),
    ),
)
PROCESS: Final = Row(
    "Process",
    (
        Panel(
            "Processor",
            "Processor seconds in a second: 1 is a whole core.",
            NUMBER,
            (Query(f"rate(process_cpu_seconds_total{{{OF_PROCESS}}}{WINDOW})", "{{instance}}"),),
        ),
        Panel(
            "Memory",
            "Resident memory.",
            BYTES,
            (Query(f"process_resident_memory_bytes{{{OF_PROCESS}}}", "{{instance}}"),),
        ),
        Panel(
            "Connections and streams",
            "Open connections of the HTTP door, event streams, and open files of the process.",
            NUMBER,
            (
                Query(now(table.CONNECTIONS), "{{kind}} connections"),
                Query(now(table.STREAMS), "{{kind}} streams"),
                Query(f"process_open_fds{{{OF_PROCESS}}}", "open files"),
            ),
        ),
        per_second("Long turns of the event loop", table.TURNS_LONG, "{{instance}}"),
        Panel("Longest turn of the event loop", table.TURN_LONGEST.meaning, SECONDS, whole(table.TURN_LONGEST)),
        per_second("Lost lines of the log", table.LOG_LOST, "{{instance}}"),
    ),
)
ROWS: Final = (DESK, WALLETS, ORDERS, LATENCY, PRICES, CHAIN, JOURNAL, PROCESS)
