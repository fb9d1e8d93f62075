"""Records the example of each answer from a real service: `python -m tests.http.reference.examples`.

A list is cut to its first item. What takes a chain, or days, is written by hand.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.support.processes import wait_until
from tests.support.service import BUY, Service, serving

from overmind.core.model.ids import Mint, OrderId, WalletId
from overmind.core.model.value import Value
from overmind.desk.sources.source import SourceKind
from overmind.http.access.administration import NewToken
from overmind.http.commands.capital import MoveCancelled
from overmind.http.commands.positions import Accepted, Booked, HistoryTaken
from overmind.http.commands.stopping import TimeAccepted
from overmind.http.hooks.administration import NewHook
from overmind.http.hooks.answers import AnswersStopped, AnswersTarget
from overmind.http.reference.openapi import EXAMPLES
from overmind.text.printable import json_bytes
from overmind.views.closing import WrittenOff
from overmind.views.moves import WithdrawalRow

USDC: Final = Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
BONK: Final = Mint("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB8yaB1pPB263")
PRIMARY: Final = WalletId("primary_wallet")
BY_HAND: Final[dict[str, Value]] = {
    "POST /v1/wallets/{wallet_id}/accept": Accepted(PRIMARY, {USDC: 250_000_000}),
    "POST /v1/wallets/{wallet_id}/accept-history": HistoryTaken(PRIMARY, {USDC: -1_000_000}, []),
    "POST /v1/orders/{order_id}/book-from-chain": Booked(OrderId("a1.0.0"), "filled"),
    "POST /v1/clock/accept": TimeAccepted("2025-04-06T12:00:00+00:00", "the clock was set by hand"),
    "POST /v1/positions/{wallet_id}/{token}/write-off": WrittenOff(PRIMARY, BONK, 12_345, "dust"),
    "POST /v1/withdrawals": WithdrawalRow(OrderId("move:withdraw:rent-may"), False, "waits"),
    "POST /v1/tokens": NewToken("tradingview", "signal", "told-here-and-never-again"),
    "POST /v1/hooks": NewHook("momentum", SourceKind.TRADINGVIEW, "/v1/hooks/tradingview/momentum/told-this-once"),
    "POST /v1/hooks/{name}/rotate": NewHook("momentum", SourceKind.TRADINGVIEW, "/v1/hooks/tradingview/momentum/new"),
    "POST /v1/hooks/{name}/answers": AnswersTarget(
        "momentum", "https://bot.example.org", 1_204, "whsec_told-this-once"
    ),
    "POST /v1/hooks/{name}/rotate-answers": AnswersTarget("momentum", "https://bot.example.org", 1_204, "whsec_new"),
    "POST /v1/hooks/{name}/stop-answers": AnswersStopped("momentum"),
    "POST /v1/moves/{move_id}/cancel": MoveCancelled(OrderId("move:withdraw:rent-may")),
}
BEFORE_TRADES: Final = (
    "/v1/portfolio",
    "/v1/wallets",
    "/v1/positions",
    "/v1/prices",
    "/v1/stats",
    "/v1/risk",
    "/v1/limits",
)
ACCESS: Final = ("/v1/users", "/v1/tokens")
READ: Final = (
    "/v1/mints",
    "/v1/learner",
    "/v1/users",
    "/v1/tokens",
    "/v1/orders",
    "/v1/refusals",
    "/v1/events",
    "/healthz",
    "/readyz",
)
USER: Final = {"reason": "on call", "name": "ann", "role": "operate", "password": "four words of your own"}
OF_USERS: Final[dict[str, dict[str, str]]] = {
    "/v1/users/{name}/role": {"reason": "no longer on call", "role": "read"},
    "/v1/users/{name}/password": {"reason": "forgotten", "password": "four other words then"},
}
HOOK: Final = {
    "reason": "a new strategy",
    "kind": "tradingview",
    "symbols": {"SOLUSDC": "SOL"},
    "defaults": {"strategy_type": "TokenSniping", "notional_usd": "50"},
}
FILLED: Final = {
    "event": "entry",
    "trade_id": "7",
    "pair": "SOL/USDC",
    "direction": "Long",
    "stake_amount": "50.0",
    "rate": "150.0",
    "amount": "0.333",
}
REBALANCE: Final = {"reason": "month's end", "dry_run": True}


def recorded(service: Service) -> Iterator[tuple[str, object]]:
    yield "POST /v1/signals", service.post("/v1/signals", {**BUY, "signal_id": "a1"}).json
    service.post("/v1/signals", {**BUY, "signal_id": "large", "notional_usd": 99_999})
    wait_until(lambda: service.get("/v1/orders?open=true").text == "[]", "nothing is open")
    yield "POST /v1/users", service.post("/v1/users", USER).json
    for template, body in OF_USERS.items():
        yield f"POST {template}", service.post(template.replace("{name}", "ann"), body).json
    service.post("/v1/users", {**USER, "name": "bob"})
    for name in ("tradingview", "old"):
        service.post("/v1/tokens", {"reason": "alerts", "name": name, "role": "signal"})
    for path in (*BEFORE_TRADES, *READ):
        yield f"GET {path}", service.get(path).json
    made = [service.post("/v1/hooks", {**HOOK, "name": name}).json for name in ("chart", "old")]
    yield "GET /v1/hooks", service.get("/v1/hooks").json
    fired_at = datetime.now(UTC).isoformat()
    alert = {"ticker": "SOLUSDC", "action": "buy", "position": "long", "fired_at": fired_at}
    yield "POST /v1/hooks/tradingview/{source}/{secret}", service.post(made[0]["path"], alert).json
    bot = service.post("/v1/hooks", {**HOOK, "name": "bot", "kind": "freqtrade"}).json
    yield "POST /v1/hooks/freqtrade/{source}/{secret}", service.post(bot["path"], FILLED).json
    yield "GET /v1/signals/{signal_id}", service.get("/v1/signals/large").json
    (wallet,) = {row["wallet_id"] for row in service.get("/v1/positions").json}
    changes = {"reason": "a quiet week", "by": "ann", "changes": {"max_daily_loss": 50}}
    asked = {
        "/v1/users/{name}/remove": ("/v1/users/bob/remove", {"reason": "left the firm"}),
        "/v1/tokens/{name}/revoke": ("/v1/tokens/old/revoke", {"reason": "its machine was sold"}),
        "/v1/hooks/{name}/remove": ("/v1/hooks/old/remove", {"reason": "the strategy has ended"}),
        "/v1/wallets/{wallet_id}/limits": ("/v1/wallets/primary_wallet/limits", changes),
        "/v1/mints": ("/v1/mints", {"reason": "its pool was drained", "verb": "block", "token": "ETH", "by": "ann"}),
        "/v1/learner/mode": ("/v1/learner/mode", {"reason": "a look at its losses", "mode": "off", "by": "ann"}),
        "/v1/prices/{token}/accept": ("/v1/prices/SOL/accept", {"reason": "two exchanges agree", "price": "150"}),
        "/v1/rebalance": ("/v1/rebalance", REBALANCE),
        "/v1/wallets/{wallet_id}/{verb}": ("/v1/wallets/hft_wallet/pause", {"reason": "a look at its fills"}),
        "/v1/strategies/{strategy}/{verb}": ("/v1/strategies/Arbitrage/pause", {"reason": "a look at its fills"}),
        "/v1/portfolio/{verb}": ("/v1/portfolio/pause", {"reason": "a look at its fills"}),
        "/v1/positions/{wallet_id}/{token}/close": (f"/v1/positions/{wallet}/SOL/close", {"reason": "the end"}),
        "/v1/emergency-stop": ("/v1/emergency-stop", {"reason": "the feed lies"}),
        "/v1/wallets/{wallet_id}/reactivate": (f"/v1/wallets/{wallet}/reactivate", {"reason": "it is right again"}),
    }
    for template, (path, body) in asked.items():
        said = service.post(path, body)
        assert said.status == 200, (path, said.text)
        yield f"POST {template}", said.json


def cut(value: object) -> object:
    match value:
        case list():
            return [cut(one) for one in value[:1]]
        case dict():
            return {name: cut(one) for name, one in value.items()}
        case _:
            return value


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as service:
        found = {name: cut(answer) for name, answer in recorded(service)}
    assert found.keys().isdisjoint(BY_HAND)
    found |= {name: json.loads(json_bytes(value)) for name, value in BY_HAND.items()}
    EXAMPLES.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
