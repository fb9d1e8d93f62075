"""Every route of one running service, and what comes of wrong requests (specification §13.4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.contract import description, faults, operation_of
from tests.support.processes import PATIENCE_S, wait_until
from tests.support.service import BUY, NDJSON, Service, command, serving

from overmind.http.bounds import BATCH_MAX, BODY_BYTES_MAX
from overmind.http.endpoints import ENDPOINTS
from overmind.http.metrics.family import Kind
from overmind.http.metrics.table import FAMILIES
from overmind.http.stream import STREAMS_MAX
from overmind.text.amount import Amount


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("desk")) as service:
        yield service


def settled(service: Service) -> bool:
    return service.get("/v1/orders?open=true").text == "[]"


def test_one_signal(service: Service) -> None:
    placed = service.post("/v1/signals", BUY)
    assert (placed.status, placed.json["status"], placed.json["order_id"]) == (202, "placed", "one.0.0")
    (order,) = placed.json["orders"]
    assert order == {"order_id": "one.0.0", "wallet_id": placed.json["wallet_id"], "notional_usd": "50"}
    again = service.post("/v1/signals", BUY)
    assert (again.status, again.json) == (202, {**placed.json, "status": "duplicate"})
    other = service.post("/v1/signals", {**BUY, "notional_usd": 51})
    assert (other.status, other.json["signal_id"], other.json["status"]) == (409, "one", "invalid")
    large = service.post("/v1/signals", {**BUY, "signal_id": "large", "notional_usd": 99_999})
    assert (large.status, large.json["status"]) == (202, "refused")
    bad = service.post("/v1/signals", {"signal_id": "bad", "action": "Dance", "notional_usd": -1})
    assert (bad.status, bad.json["signal_id"], bad.json["status"]) == (400, "bad", "invalid")
    assert {"strategy_type", "action", "symbol", "notional_usd"} <= {one["field"] for one in bad.json["problems"]}


def test_the_metrics_are_what_prometheus_reads(service: Service) -> None:
    told = service.get("/metrics")
    assert told.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(told.text)}
    helped = {line.split()[2] for line in told.text.splitlines() if line.startswith("# HELP overmind_")}
    assert helped == {family.full_name for family in FAMILIES}
    told_names = {sample.name for family in families.values() for sample in family.samples}
    always = (family for family in FAMILIES if family.always)
    assert {one.full_name + ("_count" if one.kind is Kind.HISTOGRAM else "") for one in always} <= told_names
    (size,) = families["overmind_journal_size_bytes"].samples
    assert size.value >= service.journal.stat().st_size


def test_an_array_of_signals(service: Service) -> None:
    signals = [{**BUY, "signal_id": "a1"}, {"signal_id": "a2"}, 5, {**BUY, "signal_id": "a3", "action": "Hold"}]
    said = service.post("/v1/signals", signals)
    assert said.status == 202
    assert [answer["status"] for answer in said.json] == ["placed", "invalid", "invalid", "recorded"]
    assert service.post("/v1/signals", [{}, 5]).status == 400


def test_lines_of_signals(service: Service) -> None:
    buy = json.dumps({**BUY, "signal_id": "l1"})
    lines = [buy, "", "broken", buy]
    said = service.post("/v1/signals", "\n".join(lines).encode(), **NDJSON)
    assert (said.status, said.headers["content-type"]) == (202, "application/x-ndjson")
    assert [answer["status"] for answer in said.lines] == ["placed", "invalid", "duplicate"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"[", 400),
        (b"[]", 400),
        (b"[" * 200_000, 400),
        (b'{"a":' * 10_000, 400),
        (b'[{"a":"' + b"x" * 70_000 + b'"}]', 400),
        (b"[" + b"{}," * BATCH_MAX + b"{}]", 413),
        (b" " * (BODY_BYTES_MAX + 1), 413),
    ],
)
def test_a_body_that_holds_no_signals(body: bytes, status: int, service: Service) -> None:
    assert service.post("/v1/signals", body).status == status


def test_a_body_of_unknown_length_is_bounded_too(service: Service) -> None:
    async def send() -> int:
        async def parts() -> Any:
            for _ in range(40):
                yield b" " * (BODY_BYTES_MAX // 32)

        async with service.session() as session, session.post(service.url + "/v1/signals", data=parts()) as response:
            return response.status

    assert asyncio.run(send()) == 413


@pytest.mark.parametrize("view", ["portfolio", "wallets", "positions", "prices", "orders", "stats"])
def test_queries_equal_the_output_of_the_commands(view: str, service: Service) -> None:
    wait_until(lambda: settled(service), "nothing is open")

    def timeless(shown: Any) -> Any:
        """Without the fields that every new price changes."""
        rows = shown if isinstance(shown, list) else [shown]
        return [{name: value for name, value in row.items() if name != "updated_at"} for row in rows]

    shown = service.get(f"/v1/{view}")
    assert shown.status == 200
    assert timeless(shown.json) == timeless(command(service.folder, view))


def test_a_signals_life(service: Service) -> None:
    service.post("/v1/signals", BUY)
    wait_until(lambda: settled(service), "nothing is open")
    assert service.get("/v1/signals/one").json == command(service.folder, "explain", "one")
    assert (service.get("/v1/signals/nobody").status, service.get("/v1/signals/..%2f").status) == (404, 404)


def test_orders_are_as_many_as_asked_for(service: Service) -> None:
    service.post("/v1/signals", BUY)
    wait_until(lambda: settled(service), "nothing is open")
    assert len(service.get("/v1/orders?last=1").json) == 1
    assert service.get("/v1/orders?last=0").json == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("signal=one", ["one.0.0"]),
        ("signal=never", []),
        ("signal=one&wallet=conservative_wallet", []),
        ("signal=one&token=sol&from=2020-01-01", ["one.0.0"]),
        ("signal=one&token=So11111111111111111111111111111111111111112", ["one.0.0"]),
        ("signal=one&to=2020-01-01T00:00:00%2B00:00", []),
        ("token=USDC&open=true", []),
    ],
)
def test_orders_are_found_by_signal_wallet_token_and_time(asked: str, found: list[str], service: Service) -> None:
    service.post("/v1/signals", BUY)
    wait_until(lambda: settled(service), "nothing is open")
    said = service.get(f"/v1/orders?last=100&{asked}")
    assert said.status == 200, said.text
    assert [row["order_id"] for row in said.json] == found
    options = [f"--{part.replace('=', ' ').replace('%2B', '+')}" for part in asked.split("&") if "open" not in part]
    assert command(service.folder, "orders", *" ".join(options).split()) == said.json


def test_refused_signals_are_found_by_code(service: Service) -> None:
    service.post("/v1/signals", {**BUY, "signal_id": "large", "notional_usd": 99_999})
    (row,) = [one for one in service.get("/v1/refusals").json if one["signal_id"] == "large"]
    codes = {refusal["code"] for refusal in row["refusals"]}
    assert "POSITION_SIZE" in codes
    assert row in service.get("/v1/refusals?code=POSITION_SIZE").json
    assert row not in service.get("/v1/refusals?code=SIGNAL_STALE").json
    assert service.get("/v1/refusals").json == command(service.folder, "refusals")
    assert service.get("/v1/refusals?code=POSITION_SIZE&last=0").json == []


def micros(usd: str) -> int:
    return int(Decimal(usd).scaleb(6))


def test_the_use_of_every_limit(service: Service) -> None:
    service.post("/v1/signals", BUY)
    wait_until(lambda: settled(service), "nothing is open")
    risk, wallets = service.get("/v1/risk").json, service.get("/v1/wallets").json
    for shown, wallet in zip(risk["wallets"], wallets, strict=True):
        assert {name: use["percent"] for name, use in shown["limits"].items()} == wallet["utilization"]
        for use in shown["limits"].values():
            used, most = float(use["used"]), float(use["limit"])
            assert use["percent"] == pytest.approx(100 * used / most if most else 0, abs=0.01)
    hft = risk["wallets"][1]
    assert (hft["limits"]["position_size"]["limit"], hft["strategies"]["TokenSniping"]["share"]["limit"]) == (
        "20000",
        Amount.of(micros(hft["equity_usd"]) * 4 // 10, 6).exact,
    )
    in_assets = sum(micros(one["concentration"]["used"]) for one in risk["assets"])
    assert micros(risk["exposure"]["used"]) == in_assets
    assert micros(risk["exposure"]["limit"]) == micros(risk["equity_usd"]) * 8 // 10
    assert risk["limits"]["exposure"] == risk["exposure"]
    assert [one["what"] for one in risk["stress"][:3]] == [f"every price -{fall} %" for fall in (10, 20, 50)]
    assert risk.keys() == command(service.folder, "risk").keys()
    by_strategy = sum(micros(use["used"]) for use in risk["strategies"].values())
    assert micros(risk["exposure"]["used"]) == pytest.approx(by_strategy, abs=20)


def test_events_come_by_number(service: Service) -> None:
    first = service.get("/v1/events?limit=5").json
    second = service.get(f"/v1/events?after={first['last_seq']}&limit=5").json
    assert [entry["seq"] for entry in first["events"] + second["events"]] == list(range(1, 11))
    assert first["events"][0]["event"]["type"] == "DeskFounded"
    for end in (999_999_999, 2**63 - 1):
        assert service.get(f"/v1/events?after={end}").json == {"events": [], "last_seq": end}


def test_a_stream_goes_on_from_the_journal_to_what_is_new(service: Service) -> None:
    async def follow() -> list[Any]:
        seen: list[Any] = []
        async with asyncio.timeout(PATIENCE_S), service.stream("/v1/stream?after=2") as events:
            async for entry in events:
                seen.append(entry)
                if len(seen) == 3:
                    await asyncio.to_thread(service.post, "/v1/signals", {**BUY, "signal_id": "streamed"})
                if entry["event"].get("order", {}).get("signal_id") == "streamed":
                    return seen
        raise AssertionError("the stream ended")

    seqs = [entry["seq"] for entry in asyncio.run(follow())]
    assert seqs == list(range(3, 3 + len(seqs)))


def test_a_stream_begins_with_what_is_new(service: Service) -> None:
    last = service.get("/v1/events?limit=1000").json["last_seq"]

    async def first() -> Any:
        async with asyncio.timeout(PATIENCE_S), service.stream() as events:
            return await anext(aiter(events))

    assert asyncio.run(first())["seq"] > last


def test_streams_are_bounded_and_end_with_their_readers(service: Service) -> None:
    async def stream(session: aiohttp.ClientSession) -> aiohttp.ClientResponse:
        return await session.get(service.url + "/v1/stream")

    async def fill() -> tuple[list[int], int]:
        async with asyncio.timeout(PATIENCE_S), service.session() as session:
            open_ones = [await stream(session) for _ in range(STREAMS_MAX)]
            one_more = await stream(session)
            one_more.release()
            for response in open_ones:
                response.close()
            while (again := await stream(session)).status != 200:
                again.release()
                await asyncio.sleep(0.05)
            again.close()
        return [response.status for response in open_ones], one_more.status

    opened, one_more = asyncio.run(fill())
    assert (set(opened), one_more) == ({200}, 503)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/stream?after=999999999", 400),
        ("GET", "/v1/stream?after=x", 400),
        ("GET", "/v1/events?after=-1", 400),
        ("GET", "/v1/events?after=9223372036854775808", 400),
        ("GET", "/v1/events?limit=1001", 400),
        ("GET", "/v1/orders?last=many", 400),
        ("GET", "/v1/orders?wallet=nobody", 400),
        ("GET", "/v1/orders?token=NOTHING", 400),
        ("GET", "/v1/moves?from=yesterday", 400),
        ("GET", "/v1/moves?signal=one", 400),
        ("GET", "/v1/orders?walet=primary_wallet", 400),
        ("GET", "/v1/refusals?wallet=primary_wallet", 400),
        ("GET", "/v1/portfolio?=", 400),
        ("GET", "/v1/stream?afer=1", 400),
        ("GET", "/v1/signals/one?candidates=false&%EE%80%80=1", 400),
        ("POST", "/v1/moves/%C2%96/cancel", 404),
        ("GET", "/v1/refusals?code=BECAUSE", 400),
        ("GET", "/v1/nothing", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/docs", 404),
        ("GET", "/v1/portfolio/", 404),
        ("GET", "/v1/signals", 405),
        ("POST", "/v1/portfolio", 405),
        ("POST", "/v1/rebalance", 400),
    ],
)
def test_wrong_requests_are_answered_in_one_shape(method: str, path: str, status: int, service: Service) -> None:
    said = service.get(path) if method == "GET" else service.post(path)
    assert (said.status, said.headers["content-type"]) == (status, "application/json")
    assert said.json["error"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("emergency-stop", {"reason": "  "}, 400),
        ("emergency-stop", {}, 400),
        ("emergency-stop", {"reason": "x" * 501}, 400),
        ("emergency-stop", {"reason": "x", "liquidat": True}, 400),
        ("emergency-stop", [[[]]], 400),
        ("positions/primary_wallet/SOL/close", {"reason": " "}, 400),
        ("positions/primary_wallet/SOL/close", {"reason": "x", "cancel": "yes"}, 400),
        ("positions/nobody/SOL/close", {"reason": "x"}, 404),
        ("positions/primary_wallet/NOPE/close", {"reason": "x", "cancel": True}, 409),
        ("positions/primary_wallet/SOL/write-off", {"reason": ""}, 400),
        ("positions/nobody/SOL/write-off", {"reason": "x"}, 404),
        ("positions/primary_wallet/NOPE/write-off", {"reason": "x"}, 409),
        ("wallets/nobody/reactivate", {"reason": "x"}, 404),
        ("wallets/primary_wallet/reactivate", {"reason": ""}, 400),
        ("wallets/primary_wallet/accept", {"reason": "x"}, 409),
        ("wallets/primary_wallet/accept-history", {"reason": "x"}, 409),
        ("wallets/nobody/accept-history", {"reason": "x"}, 404),
        ("wallets/primary_wallet/accept-history", {"reason": " "}, 400),
        ("orders/nothing/book-from-chain", {"reason": "x"}, 409),
        ("orders/nothing/book-from-chain", {"reason": ""}, 400),
    ],
)
def test_an_operators_post_that_does_nothing(path: str, body: object, status: int, service: Service) -> None:
    assert service.post(f"/v1/{path}", body).status == status
    assert {wallet["status"] for wallet in service.get("/v1/wallets").json} == {"Active"}


PLACES = {
    "wallet_id": "primary_wallet",
    "token": "SOL",
    "move_id": "move",
    "order_id": "order",
    "strategy": "Momentum",
    "verb": "pause",
    "name": "nobody",
}
BY_COMMAND = {
    "OperatorActed",
    *("HoldAdded", "HoldLifted", "LimitsChanged", "MintsChanged", "MovePlaced", "MoveClosed", "BalanceAdjusted"),
    "LearnerModeChanged",
    *("CloseOrdered", "CloseCancelled", "LiquidationOrdered", "HistoryAccepted", "OrderTakenFromChain"),
}
POSTS = [one.path for one in ENDPOINTS if one.method == "POST" and one.path.startswith("/v1/")]
BY_SENDERS = ("/v1/signals", *(path for path in POSTS if path.endswith("/{secret}")))  # They take signals.
COMMANDS = [path.format(**PLACES) for path in POSTS if path not in BY_SENDERS]


@pytest.mark.parametrize("path", COMMANDS)
def test_the_body_of_a_command_is_the_one_that_is_described(path: str, service: Service) -> None:
    operation = operation_of("POST", path)
    assert operation is not None
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    said = service.post(path, {"reason": "x", "nothing of it": 1})
    assert (said.status, "not the expected body" in said.json["error"]) == (400, True)
    example = said.json["fix"].removeprefix("send ")
    assert list(faults(schema, json.loads(example))) == []


def test_the_service_describes_itself(service: Service) -> None:
    assert service.get("/openapi.json").json == description()
    told = service.get("/reference")
    assert (told.status, told.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in told.headers["content-security-policy"]
    assert "/v1/emergency-stop" in told.text


@pytest.mark.parametrize("path", COMMANDS)
def test_no_route_takes_a_name_twice(path: str, service: Service) -> None:
    last = service.get("/v1/events?limit=1000").json["last_seq"]
    said = service.post(path, b'{"reason": "first", "reason": "second"}')
    assert said.status == 400
    if "not the expected body" not in said.json["error"]:  # Other fields are missing there, which is told first.
        assert said.json == {"error": "reason is given more than once", "fix": "keep one of them"}
    told = service.get(f"/v1/events?after={last}").json["events"]
    assert BY_COMMAND.isdisjoint(entry["event"]["type"] for entry in told)


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("emergency-stop", r'{"reason": "x", "liquidate": false, "liquidate": true}', "liquidate"),
        ("emergency-stop", r'{"reason": "x", "liquidate": false, "liquid\u0061te": true}', "liquidate"),
        (
            "wallets/primary_wallet/limits",
            r'{"reason": "x", "changes": {"max_position_size": 1, "max_position_size": 9}}',
            "max_position_size",
        ),
        (
            "withdrawals",
            r'{"reason": "x", "wallet_id": "w", "amount": "1", "amount": "2", "token": "SOL", "to": "y"}',
            "amount",
        ),
        ("mints", r'{"reason": "x", "verb": "block", "verb": "unblock", "token": "SOL"}', "verb"),
        ("positions/primary_wallet/SOL/close", r'{"reason": "x", "cancel": true, "cancel": false}', "cancel"),
        ("rebalance", r'{"reason": "x", "dry_run": true, "dry_run": false}', "dry_run"),
        ("portfolio/resume", r'{"reason": "x", "hold": "operator", "hold": "drawdown"}', "hold"),
    ],
)
def test_the_second_value_of_a_name_does_nothing(path: str, body: str, name: str, service: Service) -> None:
    said = service.post(f"/v1/{path}", body.encode())
    assert (said.status, said.json["error"]) == (400, f"{name} is given more than once")
    assert {wallet["status"] for wallet in service.get("/v1/wallets").json} == {"Active"}


def test_no_shape_of_signals_takes_a_name_twice(service: Service) -> None:
    twice = b'{"signal_id": "twice", "action": "Buy", "action": "Sell"}'
    for body, headers in ((twice, {}), (b"[" + twice + b"]", {}), (twice + b"\n", NDJSON)):
        said = service.post("/v1/signals", body, **headers)
        assert (said.status, "given more than once" in said.text) == (400, True)


@pytest.mark.parametrize("path", ["/v1/portfolio", "/v1/stream", "/v1/nothing", "/v1/signals"])
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "bearer TOKEN", "TOKEN"])
def test_every_route_but_health_needs_the_token(path: str, given: str, service: Service) -> None:
    for said in (
        service.get(path, authorization=given.replace("TOKEN", service.token)),
        service.post(path, BUY, authorization=given.replace("TOKEN", service.token)),
    ):
        assert (said.status, said.json) == (401, {"error": "unauthorized"})
        assert said.headers["www-authenticate"] == "Bearer"


def test_nobody_sends_a_body_without_the_token(service: Service) -> None:
    """It would be kept until it is whole."""
    for path in ("/healthz", "/readyz"):
        assert service.post(path, b"{}", authorization="").status == 401
        assert service.post(path, b"{}").status == 405


def test_only_health_is_open(service: Service) -> None:
    assert service.get("/healthz", authorization="").json == {"ok": True}
    ready = service.get("/readyz", authorization="")
    told = ready.json
    loop = told.pop("loop")
    counted = {"log_lines_lost": 0, "clock_ahead_seconds": None}
    assert (ready.status, told) == (200, {"ready": True, "reasons": [], **counted})
    assert loop.keys() == {"longest_turn_ms", "turns_over_20_ms"}
    assert loop["longest_turn_ms"] > 0


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:PORT", "127.0.0.1:1"])
def test_a_foreign_host_header_is_refused(host: str, service: Service) -> None:
    assert service.get("/healthz", host=host.replace("PORT", str(service.port))).status == 421


def test_the_names_of_this_machine_are_hosts(service: Service) -> None:
    assert service.get("/healthz", host=f"localhost:{service.port}").status == 200
    said = service.get("/healthz", origin="http://evil.example")
    assert not [name for name in said.headers if name.lower().startswith("access-control")]


def test_slow_clients_are_dropped(service: Service) -> None:
    head = f"POST /v1/signals HTTP/1.1\r\nhost: 127.0.0.1:{service.port}\r\nauthorization: Bearer {service.token}\r\n"

    async def said(begin: str) -> bytes:
        """The maximum that is ever sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(begin.encode())
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await reader.readline()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    whole = f"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:{service.port}\r\n"

    async def until_closed() -> bytes:
        """What a connection without the token is sent that asks once and stays."""
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(f"{whole}\r\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            told = await reader.read()
        writer.close()
        return told

    async def all_at_once() -> list[bytes]:
        reader, known = await asyncio.open_connection("127.0.0.1", service.port)
        with_token = f"{whole}authorization: Bearer {service.token}\r\n\r\n".encode()
        known.write(with_token)
        assert b" 200 " in await reader.readuntil(b"}")
        told = await asyncio.gather(
            said(""),
            said(head),
            said(f"{head}content-length: 9\r\n\r\n{{"),
            said(f"{whole}\r\nGET /he"),
            until_closed(),
        )
        known.write(with_token)  # It has been idle for longer than one without the token may be.
        assert b" 200 " in await reader.readuntil(b"}")
        known.close()
        return list(told)

    nothing, half_a_head, half_a_body, second, idle = asyncio.run(all_at_once())
    assert (nothing, half_a_head) == (b"", b"")
    assert b" 200 " in idle
    assert b" 408 " in half_a_body
    assert b" 200 " in second


EVIL = "\x1b[2J\x9b31m\u202e\u2066\u200b\x7f"
GETS = [one.path for one in ENDPOINTS if one.method == "GET" and one.path.startswith("/v1/")]
PLACES_THAT_TELL = [path for path in GETS if "{" not in path]


def test_no_answer_holds_a_control_character(service: Service) -> None:
    """Of a reason or a path, whoever prints the answer."""
    for path, body in (
        ("/v1/strategies/DeveloperTracking/pause", {"reason": EVIL}),
        ("/v1/wallets/hft_wallet/limits", {"reason": EVIL, "by": EVIL, "changes": {"max_position_size": 20_000}}),
        ("/v1/wallets/%1b%5b2J%c2%9b/pause", {"reason": EVIL}),
        ("/v1/mints", {"reason": EVIL, "verb": EVIL}),
        ("/v1/mints", {"reason": "x", EVIL: EVIL}),
    ):
        told = service.post(path, json.dumps(body, ensure_ascii=False).encode())
        assert told.text.isprintable(), told.text
    for path in PLACES_THAT_TELL:
        if not path.endswith("/stream"):
            assert service.get(path).text.replace("\n", "").isprintable(), path

    async def follow() -> None:
        stream = f"{service.url}/v1/stream?after=0"
        async with asyncio.timeout(PATIENCE_S), service.session() as session, session.get(stream) as response:
            async for line in response.content:
                assert line.decode().rstrip("\n").isprintable()
                if b"DeveloperTracking" in line and b"HoldAdded" in line:
                    return
        raise AssertionError("the stream ended")

    asyncio.run(follow())
