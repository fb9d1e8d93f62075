"""The views that tell what was, of a desk in this process: each shows it, and says what is wrong with a question."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from solders.pubkey import Pubkey

from overmind.config.secrecy import Secret
from overmind.core.model.commands import ChangeLimits
from overmind.core.model.enums import TradingMode
from overmind.core.model.ids import LimitName, WalletId
from overmind.core.model.units import MICROS
from overmind.http.pages.records.exports import FILES, Exported, Exports, Period
from overmind.http.pages.records.orders import explorer_of
from overmind.http.server import listen, serve_api
from overmind.journal.sqlite import SqliteJournal
from overmind.report.chart_code import FILE, SHA256, chart_code, installed_file
from overmind.sandbox.selftest.scratch_desk import Bench, ScratchDesk, desk

LOOKS_MAX = 1_000
PAYEE = str(Pubkey.new_unique())
WITHDRAWALS = {"OVERMIND_WITHDRAW_ADDRESSES": PAYEE, "OVERMIND_WITHDRAW_DAY_MAX_USD": "100"}
WITHDRAWAL = {"reason": "rent", "wallet_id": "hft_wallet", "amount": "7.5", "token": "USDC", "to": PAYEE}
BUY = {"strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL"}
SENT = (
    {**BUY, "signal_id": "small", "notional_usd": "50"},
    {**BUY, "signal_id": "large", "notional_usd": "30000"},
    {**BUY, "signal_id": "held", "action": "Hold"},
    {**BUY, "signal_id": "shared", "symbol": "BTC", "notional_usd": 30_000, "split": "partial"},
)


WRONG = [
    ("/desk/signals?code=BECAUSE", 400, "no code"),
    ("/desk/signals?token=NOTHING", 400, "no token"),
    ("/desk/signals?from=yesterday", 400, "from"),
    ("/desk/signals/never", 404, "knows no signal"),
    ("/desk/signals/%3Cscript%3E", 404, "no signal has such an id"),
    ("/desk/orders?wallet=nobody", 400, "no wallet"),
    ("/desk/events?kind=Nothing", 400, "no kind"),
    ("/desk/events?before=-1", 400, "before"),
    ("/desk/events/0", 404, "no entry 0"),
    ("/desk/events/999999", 404, "no entry 999999"),
    ("/desk/accounts?from=soon", 400, "soon"),
    ("/desk/accounts?from=2025-02-01&to=2025-01-01", 400, "ends before it begins"),
    ("/desk/charts?within=ever", 400, "no range"),
    ("/desk/charts/data?token=NOTHING", 400, "no token"),
]


class Browser:
    """Reads the pages of a served desk."""

    def __init__(self, session: aiohttp.ClientSession, bench: Bench) -> None:
        self._session = session
        self.bench = bench

    async def get(self, path: str) -> tuple[int, str]:
        async with self._session.get(path) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, body: object) -> None:
        async with self._session.post(path, json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def shown(self, path: str) -> str:
        status, text = await self.get(path)
        assert status == 200, (path, text)
        return text

    async def shows(self, path: str, wanted: str) -> str:
        """Looks again until it does: something is computed beside the desk."""
        for _ in range(LOOKS_MAX):
            if wanted in (text := await self.shown(path)):
                return text
            await asyncio.sleep(0.05)
        raise AssertionError(f"{path} never shows {wanted}: {text}")


def served(folder: Path, story: Callable[[Browser], Awaitable[None]]) -> None:
    async def main() -> None:
        journal, token = SqliteJournal.open(folder / "overmind.db"), Secret("a-token-of-the-tests")
        headers = {"authorization": f"Bearer {token.reveal()}", "accept": "text/html"}
        with listen(0) as listener:
            async with (
                desk(ScratchDesk(folder).seed_env(**WITHDRAWALS), journal=journal) as bench,
                serve_api(bench.app, folder / "overmind.db", listener, token) as service,
                aiohttp.ClientSession(service.url, headers=headers) as session,
            ):
                async with session.post("/v1/signals", json=SENT) as answer:
                    assert [one["status"] for one in await answer.json()] == ["placed", "refused", "recorded", "placed"]
                await bench.app.settle()
                await story(Browser(session, bench))
        journal.close()

    asyncio.run(main())


SHOWN = {  # path: what is on it
    "/desk/signals": ("small", "large", "held", "POSITION_SIZE", "notional at most $", "placed", "refused", "recorded"),
    "/desk/signals?code=POSITION_SIZE&token=sol": ("/desk/signals/large",),
    "/desk/signals?status=refused": ("/desk/signals/large",),
    "/desk/signals?strategy=Arbitrage": ("No signal fits",),
    "/desk/signals?to=2000-01-01": ("No signal fits",),
    "/desk/signals/small": ("chosen", "may take it", "Learned", "Its life in the journal"),
    "/desk/signals/shared": ("Its parts", "shared.0.0", "shared.1.0", "of 30000 USD placed", "No wallet alone could"),
    "/desk/signals/large": ("What would have had to change", "notional at most $"),
    "/desk/orders?token=SOL": ("small.0.0", "filled", "signed: 2", "sent: 2", "confirmed: 2"),
    "/desk/orders?token=ETH": ("No order has ended that fits",),
    "/desk/capital": (
        "Rebalance: what it would do now",
        "SOL for fees and rent",
        "7.5 USDC",
        "waits",
        "not needed",
        "Cancel move:withdraw:waiting?",
    ),
    "/desk/settings": (
        "thin pools",
        "$900.00",
        "ann",
        "api_token",
        "Every listed token that is not blocked",
        "Cancel Move",
    ),
    "/desk/wallets/hft_wallet": ("What else happened to it", "thin pools"),
    "/desk/events": ("OrderClosed", "LimitsChanged", "small.0.0"),
    "/desk/events?find=thin+pools": ("LimitsChanged",),
    "/desk/events?kind=OrderClosed": ("small.0.0",),
    "/desk/events?kind=OperatorActed": ("api_token", "not needed"),
    "/desk/events/SIGNED": ("What led to it", "What it led to", "TicketRecorded"),
    "/desk/charts": ("lightweight-charts.js", "https://www.tradingview.com/", "PnL by day"),
    "/desk/charts/data?token=SOL&within=1+day": ('"kind":"buy"', '"kind":"refused"', '"stops":[{"price"'),
}
NOT_SHOWN = {
    "/desk/signals?status=refused": ("/desk/signals/small",),
    "/desk/orders?token=SOL": ("explorer.solana.com",),  # Nothing of paper is on a chain.
    "/desk/orders?token=ETH": ("small.0.0",),
    "/desk/events?find=thin+pools": ("small.0.0",),
    "/desk/events?kind=OrderClosed": ('title="LimitsChanged"',),
}
Answers = dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """Of all these views and questions, from one desk."""
    found: Answers = {}

    async def story(page: Browser) -> None:
        engine = page.bench.app.engine
        changes: dict[LimitName, int | None] = {LimitName("max_position_size"): 900 * MICROS}
        await engine.handle(ChangeLimits(WalletId("hft_wallet"), changes, "ann", "thin pools"))
        for request_id in ("waiting", "cancelled"):
            await page.post("/v1/withdrawals", {**WITHDRAWAL, "request_id": request_id})
        await page.post("/v1/moves/move:withdraw:cancelled/cancel", {"reason": "not needed"})
        signed, _ = next(iter(engine.state.signatures.values()))
        for path in (*SHOWN, *(wrong for wrong, _, _ in WRONG)):
            found[path] = await page.get(path.replace("SIGNED", str(signed)))

    served(tmp_path_factory.mktemp("desk"), story)
    return found


@pytest.mark.parametrize("path", SHOWN)
def test_a_view_shows_what_was(answers: Answers, path: str) -> None:
    status, text = answers[path]
    assert status == 200, text
    for wanted in SHOWN[path]:
        assert wanted in text
    for absent in NOT_SHOWN.get(path, ()):
        assert absent not in text


@pytest.mark.parametrize(("path", "status", "said"), WRONG)
def test_a_wrong_question_is_answered_with_what_to_do(answers: Answers, path: str, status: int, said: str) -> None:
    assert answers[path][0] == status
    assert said in answers[path][1]
    assert "<script>" not in answers[path][1]


@pytest.mark.soak
def test_the_accounts_are_added_up_beside_the_desk(tmp_path: Path) -> None:
    async def story(page: Browser) -> None:
        made = await page.shows("/desk/accounts?from=2020-01-01", "gains.csv")
        assert "The sums equal the journal." in made
        status, text = await page.get("/desk/accounts/costs.csv?from=2020-01-01")
        assert (status, text.splitlines()[0].split(",")[0]) == (200, "paid_at")
        assert (await page.get("/desk/accounts/costs.csv?from=2020-01-02"))[0] == 404
        assert (await page.get("/desk/accounts/users.json?from=2020-01-01"))[0] == 404

    served(tmp_path, story)


EXPORT = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
for name in ("gains", "costs", "transfers", "summary"):
    (folder / f"{name}.csv").write_text("wallet,strategy\\nw1,x\\nw2,y\\n")
print(json.dumps({"totals": {"gain_usd": "1"}, "files": {"gains.csv": 2}}))
"""


def test_an_export_is_made_once_and_its_files_go_with_the_service(tmp_path: Path) -> None:
    async def run() -> None:
        exports, period = Exports(tmp_path, (sys.executable, "-c", EXPORT)), Period("2025-01-01", "")
        exports.ask(period, 5)
        exports.ask(period, 6)  # It is under way.
        made = await done(exports, period)
        assert (made.at_ns, [row["wallet"] for row in made.gains]) == (5, ["w2", "w1"])
        assert made.folder.stat().st_mode & 0o077 == 0
        assert {path.name for path in made.folder.iterdir()} == set(FILES)
        exports.close()
        for _ in range(LOOKS_MAX):
            if not made.folder.exists():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the files are still there")

    asyncio.run(run())


def test_an_export_that_fails_says_why(tmp_path: Path) -> None:
    fails = "import sys; sys.stderr.write('the sums differ'); sys.exit(2)"

    async def run() -> None:
        exports, period = Exports(tmp_path, (sys.executable, "-c", fails)), Period("", "")
        exports.ask(period, 1)
        for _ in range(LOOKS_MAX):
            if exports.fault_of(period):
                break
            await asyncio.sleep(0.01)
        assert exports.fault_of(period) == "the sums differ"
        assert exports.of(period) is None
        exports.close()

    asyncio.run(run())


async def done(exports: Exports, period: Period) -> Exported:
    for _ in range(LOOKS_MAX):
        if (made := exports.of(period)) is not None:
            return made
        await asyncio.sleep(0.01)
    raise AssertionError(exports.fault_of(period))


@pytest.mark.parametrize(
    ("mode", "nodes", "named"),
    [
        ("live", ["http://127.0.0.1:8899"], "http://127.0.0.1:8899"),
        ("live", ["http://me:secret@localhost:8899/?api-key=secret"], "http://localhost:8899"),
        ("live", ["https://node.example/secret"], ""),
        ("live", ["https://node.example/secret", "http://127.0.0.1:8899"], ""),
        ("live", [], ""),
        ("paper", ["http://127.0.0.1:8899"], ""),
    ],
)
def test_only_a_node_of_this_machine_is_named_to_an_explorer(mode: str, nodes: list[str], named: str) -> None:
    assert explorer_of(TradingMode(mode.capitalize()), "localnet", list(map(Secret, nodes))).node_url == named


def test_the_installed_chart_code_is_the_one_that_was_checked() -> None:
    path = installed_file()
    assert path is not None
    assert path.as_posix().endswith(FILE)
    code = chart_code(path)
    assert code.body is not None
    assert hashlib.sha256(code.body).hexdigest() == SHA256
    assert code.fault == ""


def test_other_or_absent_chart_code_turns_charts_off(tmp_path: Path) -> None:
    path = tmp_path / "lightweight-charts.js"
    body = chart_code(installed_file()).body
    assert body is not None
    path.write_bytes(body + b"\n")
    assert chart_code(path).body is None
    assert "is not the file that was checked" in chart_code(path).fault
    path.unlink()
    assert chart_code(path).body is None
    assert "cannot be read" in chart_code(path).fault
    assert "not installed" in chart_code(None).fault
