"""Whoever changes something over HTTP is in the journal, with what and why (specification §13.4)."""

from __future__ import annotations

import ast
import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import aiohttp
from solders.pubkey import Pubkey
from tests.support.certificates import make_certificate
from tests.support.door import HASH, PASSWORD

import overmind
from overmind.config.secrecy import Secret
from overmind.core.model.events import OperatorActed
from overmind.core.model.ids import SOL
from overmind.http.access.changes import add_user
from overmind.http.access.records import change_users
from overmind.http.access.users import User
from overmind.http.endpoints import ENDPOINTS, Role
from overmind.http.server import listen, serve_api
from overmind.journal.sqlite import SqliteJournal
from overmind.sandbox.selftest.scratch_desk import Bench, ScratchDesk, desk

HTTP = Path(overmind.__file__).parent / "http"
TOKEN = "a-token-of-the-tests"
BUY = {"strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 50, "signal_id": "one"}
ETH = "7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs"
BANK = str(Pubkey.new_unique())
WITHDRAWAL = {"wallet_id": "hft_wallet", "amount": "5", "token": "USDC", "to": BANK, "request_id": "w1"}
WITHDRAWN = {**WITHDRAWAL, "request_id": "w2"}
OF_CHART = {"kind": "tradingview", "symbols": {"SOLUSDC": "SOL"}, "defaults": {"strategy_type": "Momentum"}}
HOOK = {"name": "chart", **OF_CHART}
PASSWORDS = {"name": "bob", "role": "read", "password": "another long password"}

# In this order each of them changes something on a desk on paper. What begins with /desk is a form of the page.
STEPS: tuple[tuple[str, Mapping[str, object], str], ...] = (
    ("/v1/wallets/hft_wallet/pause", {}, "AddHold hft_wallet operator"),
    ("/v1/wallets/hft_wallet/resume", {}, "LiftHold hft_wallet operator"),
    ("/v1/strategies/Momentum/pause", {}, "AddHold MomentumTrading operator"),
    ("/v1/portfolio/pause", {}, "AddHold operator"),
    ("/v1/portfolio/resume", {}, "LiftHold operator"),
    ("/desk/wallets/hft_wallet/pause", {}, "AddHold hft_wallet operator"),
    ("/desk/wallets/hft_wallet/resume", {}, "LiftHold hft_wallet operator"),
    ("/desk/strategies/Arbitrage/pause", {}, "AddHold Arbitrage operator"),
    ("/desk/portfolio/pause", {}, "AddHold operator"),
    ("/desk/portfolio/resume", {}, "LiftHold operator"),
    ("/v1/prices/SOL/accept", {"price": "150"}, "AcceptPrice SOL"),
    ("/v1/wallets/hft_wallet/limits", {"changes": {"allocation": 0.05}}, "ChangeLimits hft_wallet"),
    ("/v1/wallets/conservative_wallet/limits", {"changes": {"allocation": 0.35}}, "ChangeLimits conservative_wallet"),
    ("/v1/rebalance", {}, "Rebalance"),
    ("/v1/wallets/conservative_wallet/limits", {"changes": {"allocation": 0.4}}, "ChangeLimits conservative_wallet"),
    ("/desk/rebalance", {}, "Rebalance"),
    ("/v1/mints", {"verb": "block", "token": "ETH"}, "ChangeMints block ETH"),
    ("/v1/learner/mode", {"mode": "on"}, "ChangeLearnerMode on"),
    ("/v1/withdrawals", WITHDRAWAL, "Withdraw hft_wallet w1"),
    ("/v1/moves/move:withdraw:w1/cancel", {}, "CancelMove move:withdraw:w1"),
    ("/v1/withdrawals", WITHDRAWN, "Withdraw hft_wallet w2"),
    ("/desk/moves/move:withdraw:w2/cancel", {}, "CancelMove move:withdraw:w2"),
    ("/desk/positions/WALLET/ETH/close", {}, "ClosePosition WALLET ETH"),
    ("/v1/positions/WALLET/SOL/close", {}, "ClosePosition WALLET SOL"),
    ("/v1/emergency-stop", {}, "EmergencyStop"),
    ("/desk/emergency-stop", {}, "EmergencyStop"),
    ("/v1/wallets/hft_wallet/reactivate", {}, "ReactivateWallet hft_wallet"),
    ("/desk/wallets/conservative_wallet/reactivate", {}, "ReactivateWallet conservative_wallet"),
    ("/v1/users", PASSWORDS, "AddUser bob, read"),
    ("/v1/users/bob/role", {"role": "signal"}, "ChangeRole bob, signal"),
    ("/v1/users/bob/password", {"password": "yet another password"}, "ChangePassword bob"),
    ("/v1/users/bob/remove", {}, "RemoveUser bob"),
    ("/v1/tokens", {"name": "bot", "role": "signal"}, "AddToken bot, signal"),
    ("/v1/tokens/bot/revoke", {}, "RevokeToken bot"),
    ("/v1/hooks", HOOK, "AddSource chart, tradingview"),
    ("/v1/hooks/chart/rotate", {}, "RotateSource chart"),
    ("/v1/hooks/chart/answers", {"url": "http://127.0.0.1:9/a"}, "SendAnswers chart, http://127.0.0.1:9"),
    ("/v1/hooks/chart/rotate-answers", {}, "RotateAnswersKey chart"),
    ("/v1/hooks/chart/stop-answers", {}, "StopAnswers chart"),
    ("/v1/hooks/chart/remove", {}, "RemoveSource chart"),
)
# They change nothing of the desk: who comes and goes is in the log, and colours are a cookie of one browser.
NOT_JOURNALED = {"/login", "/logout", "/desk/theme"}
# They need a chain, dust, a clock that jumped, or a desk without users. The rules below hold them.
ELSEWHERE = {
    *("/v1/signals", "/v1/clock/accept", "/v1/positions/{wallet_id}/{token}/write-off"),
    *("/v1/wallets/{wallet_id}/accept", "/v1/wallets/{wallet_id}/accept-history"),
    *("/v1/orders/{order_id}/book-from-chain", "/welcome/{secret}"),
    # A source is no person: its name is in the signal.
    *("/v1/hooks/tradingview/{source}/{secret}", "/v1/hooks/freqtrade/{source}/{secret}"),
}


class Sender(NamedTuple):
    name: str  # in the journal
    headers: Mapping[str, str]
    csrf: str = ""


async def signed_in(session: aiohttp.ClientSession, name: str) -> Sender:
    """A page of this user."""
    form = {"username": name, "password": PASSWORD}
    async with session.post("/login", data=form, allow_redirects=False) as said:
        cookie = said.headers["set-cookie"].partition(";")[0]
    async with session.get("/desk", headers={"cookie": cookie}) as page:
        text = await page.text()
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found is not None, text
    return Sender(name, {"cookie": cookie, "x-csrf-token": found[1]}, found[1])


def sender_of(number: int, senders: Sequence[Sender]) -> Sender:
    """A token and a user in turn. A form is of a page, so only a user sends it."""
    return senders[1 if STEPS[number][0].startswith("/desk/") else number % 2]


async def post(session: aiohttp.ClientSession, path: str, fields: Mapping[str, object], sender: Sender) -> None:
    if path.startswith("/desk/"):
        form = {**fields, "csrf": sender.csrf}
        async with session.post(path, data=form, headers=sender.headers, allow_redirects=False) as said:
            assert said.status == 303, (path, await said.text())
    else:
        async with session.post(path, json=fields, headers=sender.headers) as said:
            assert said.status == 200, (path, await said.text())


def test_every_post_names_who_sent_it_and_why(tmp_path: Path) -> None:
    """And nothing else is journaled as somebody's deed: not a login, a logout or a choice of colours."""
    change_users(tmp_path, add_user(User("ann", "admin", HASH, "", "")))
    token, wallets = Sender("token:api_token", {"authorization": f"Bearer {TOKEN}"}), dict[str, str]()

    async def play(bench: Bench, session: aiohttp.ClientSession) -> None:
        senders = (token, await signed_in(session, "ann"))
        for symbol in ("SOL", "ETH"):
            signal = {**BUY, "symbol": symbol, "signal_id": symbol}
            placed = await (await session.post("/v1/signals", json=signal, headers=token.headers)).json()
            wallets[symbol] = placed["wallet_id"]
        for number, (path, fields, _) in enumerate(STEPS):
            await bench.app.settle()  # One rebalance follows another only when that is through.
            await post(
                session, _placed(path, wallets), {**fields, "reason": f"reason {number}"}, sender_of(number, senders)
            )
        await post(session, "/desk/theme", {"theme": "dark"}, senders[1])
        form = {"csrf": senders[1].csrf}
        async with session.post("/logout", data=form, headers=senders[1].headers, allow_redirects=False) as said:
            assert said.status == 303

    journal = SqliteJournal.open(tmp_path / "overmind.db")
    asyncio.run(_served(tmp_path, journal, play))
    acted = [entry.event for entry in journal.read() if isinstance(entry.event, OperatorActed)]
    journal.close()
    told = [(one.by, f"{one.action} {_shown(one.about)}".strip(), one.reason) for one in acted]
    senders = (token, Sender("ann", {}))
    assert told == [
        (sender_of(number, senders).name, _placed(what, wallets), f"reason {number}")
        for number, (_, _, what) in enumerate(STEPS)
    ]


def _placed(text: str, wallets: Mapping[str, str]) -> str:
    """With the wallet that took the order of the token."""
    symbol = next((one for one in wallets if f"/{one}/" in text or text.endswith(f" {one}")), "")
    return text.replace("WALLET", wallets.get(symbol, ""))


async def _served(
    folder: Path, journal: SqliteJournal, play: Callable[[Bench, aiohttp.ClientSession], Awaitable[None]]
) -> None:
    """By https."""
    cert, key = make_certificate(folder)
    tls = {"OVERMIND_TLS_CERT": str(cert), "OVERMIND_TLS_KEY": str(key)}
    money = {"OVERMIND_WITHDRAW_ADDRESSES": BANK, "OVERMIND_WITHDRAW_DAY_MAX_USD": "100"}
    env = ScratchDesk(folder).seed_env(**tls, **money)
    trusting = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(cert)))
    with listen(0) as listener:
        async with (
            desk(env, journal=journal) as bench,
            serve_api(bench.app, folder / "overmind.db", listener, Secret(TOKEN)) as service,
            aiohttp.ClientSession(service.url, connector=trusting, cookie_jar=aiohttp.DummyCookieJar()) as session,
        ):
            assert service.url.startswith("https://")
            await play(bench, session)


def _shown(about: str) -> str:
    return about.replace(SOL, "SOL").replace(ETH, "ETH")


def test_every_post_of_the_table_is_among_them() -> None:
    asked = {path for path, _, _ in STEPS}
    for row in ENDPOINTS:
        if row.method == "POST" and row.path not in ELSEWHERE | NOT_JOURNALED:
            shape = re.sub(r"\{[^}]*\}", "[^/]+", row.path)
            assert any(re.fullmatch(shape, path) for path in asked), row


def test_no_method_but_post_changes_anything() -> None:
    assert {row.method for row in ENDPOINTS} == {"GET", "POST"}


@cache
def methods_called() -> list[tuple[str, str, ast.Call]]:
    """File, name and call of each method."""
    return [
        (file.relative_to(HTTP).as_posix(), node.func.attr, node)
        for file in sorted(HTTP.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    return ((file, call) for file, called, call in methods_called() if called == name)


def test_no_route_gives_the_engine_a_command_without_its_author() -> None:
    """`act` does. Users and tokens, the first admin of the terminal's link included, are recorded by name."""
    direct = {(file, ast.unparse(call.args[0])) for file, call in calls("handle")}
    recorded = {file for file, given in direct if given.startswith("RecordAction(")}
    assert recorded == {"access/administration.py", "access/welcomes.py", "hooks/administration.py"}
    assert {file for file, _ in direct} - recorded == {"commands/acting.py"}


def test_what_the_desk_does_for_an_operator_is_told_who_it_is() -> None:
    given = [
        (file, ast.unparse(call.args[-1]))
        for name in ("accept", "accept_history", "book_from_chain")
        for file, call in calls(name)
    ]
    assert len(given) >= 4
    assert {author for _, author in given} == {"identity_of(request).by"}


def test_every_route_that_changes_something_needs_more_than_looking() -> None:
    may_read = {row.path for row in ENDPOINTS if row.method == "POST" and (row.role or Role.READ) is Role.READ}
    by_secret = {f"/v1/hooks/{kind}/{{source}}/{{secret}}" for kind in ("tradingview", "freqtrade")}
    assert may_read == {"/login", "/logout", "/welcome/{secret}", "/desk/theme"} | by_secret
