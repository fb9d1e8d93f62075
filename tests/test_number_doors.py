"""Every door through which a number can come, with whatever the grammar of numbers writes.

Each input is answered, whatever it holds. What a door accepts is the value that was written. The time is bounded.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from random import Random

import aiohttp
import pytest
from solders.pubkey import Pubkey
from tests.support.desk_on_disk import DeskOnDisk
from tests.support.maker_on_chain import SOL_TOKEN
from tests.support.number_draws import bounded, draws, through_the_door
from tests.support.number_grammar import JSON_NUMBER, Written, as_json
from typer.testing import CliRunner

from overmind import Decision, DecisionStatus, RejectedSignal
from overmind.cli import cli
from overmind.config.secrecy import Secret
from overmind.core.model.events import SignalRecorded
from overmind.core.model.ids import SOL, SignalId
from overmind.core.model.numbers import scaled
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS
from overmind.desk.log.setup import stop_logging
from overmind.http.server import listen, serve_api
from overmind.journal.errors import JournalUnusable
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Journal
from overmind.prices.candles import TapeError, load_tape
from overmind.sandbox.selftest.scratch_desk import Bench, ScratchDesk, desk

COMMANDS = [pytest.param(3, 300, id="quick"), pytest.param(4, 600, marks=pytest.mark.soak, id="soak")]  # 25 ms each
BATCH = 50
UNSEEN = " \t\n\u00a0\u200b"
DEFAULT_CAPITAL = 100_000 * MICROS

HOLD: Mapping[str, object] = {"strategy_type": "TokenSniping", "action": "Hold", "symbol": "SOL"}
WITHDRAWAL: Mapping[str, object] = {"reason": "r", "wallet_id": "hft_wallet", "token": "USDC", "to": "nobody"}
# Fields of a signal that are kept exactly, with their decimals, and where the journaled signal has them.
EXACT: Mapping[str, tuple[int, Callable[[Signal], int | None]]] = {
    "notional_usd": (6, lambda signal: signal.notional_micros),
    "target_price": (12, lambda signal: signal.target_price_pico),
    "quantity": (9, lambda signal: None if signal.quantity is None else scaled(signal.quantity, 9)),
}
OTHERS = ("confidence", "risk_tolerance", "max_slippage_bps", "ttl_ms", "timestamp", "risk_budget_usd", "meta")


def signals(seed: int, count: int) -> Iterator[tuple[str, str, Written, str]]:
    """A signal id, a field, what the grammar wrote for it, and the signal as a line of JSON."""
    for number, (random, drawn) in enumerate(draws(seed, count)):
        field = random.choice((*EXACT, *OTHERS))
        fields, told = json.dumps({**HOLD, "signal_id": f"n{number}"}), as_json(random, drawn)
        value = f'{{"x": {told}}}' if field == "meta" else told
        yield f"n{number}", field, drawn, f'{fields[:-1]}, "{field}": {value}}}'


def check_recorded(journal: Journal, sent: Mapping[str, tuple[str, Written]]) -> int:
    """The number of signals that were recorded. Each of them has the value that was written. Of a bare JSON number the
    decimals that the field does not have were cut off.
    """
    bare = {signal_id for signal_id, (_, drawn) in sent.items() if JSON_NUMBER.fullmatch(drawn.text)}
    recorded = [entry.event.signal for entry in journal.read() if isinstance(entry.event, SignalRecorded)]
    for signal in recorded:
        field, drawn = sent[signal.id]
        if field in EXACT:
            decimals, kept = EXACT[field]
            assert kept(signal) == drawn.cut(decimals), (field, drawn)
            assert drawn.scaled(decimals) is not None or signal.id in bare, (field, drawn)
    return len(recorded)


def served(folder: Path, story: Callable[[aiohttp.ClientSession, Bench], Awaitable[None]]) -> None:
    """The story with a client of the API of a desk in this process."""

    async def main() -> None:
        journal, token = SqliteJournal.open(folder / "overmind.db"), Secret("a-token-of-the-tests")
        env = ScratchDesk(folder).seed_env(OVERMIND_WITHDRAW_ADDRESSES=str(Pubkey.new_unique()))
        with listen(0) as listener:
            async with (
                desk(env, journal=journal) as bench,
                serve_api(bench.app, folder / "overmind.db", listener, token) as service,
                aiohttp.ClientSession(service.url, headers={"authorization": f"Bearer {token.reveal()}"}) as session,
            ):
                await story(session, bench)
        journal.close()

    asyncio.run(main())


@pytest.mark.parametrize("as_lines", [True, False])
@through_the_door
def test_signals_over_http_are_answered_one_by_one(tmp_path: Path, as_lines: bool, seed: int, count: int) -> None:
    wishes = list(signals(seed, count))
    sent = {signal_id: (field, drawn) for signal_id, field, drawn, _ in wishes}

    async def story(session: aiohttp.ClientSession, bench: Bench) -> None:
        kind = "application/x-ndjson" if as_lines else "application/json"
        for start in range(0, len(wishes), BATCH):
            lines = [line for *_, line in wishes[start : start + BATCH]]
            body = "\n".join(lines) if as_lines else f"[{','.join(lines)}]"
            answer = await session.post("/v1/signals", data=body.encode(), headers={"content-type": kind})
            text = await answer.text()
            told = [json.loads(line) for line in text.splitlines()] if as_lines else json.loads(text)
            if isinstance(told, dict):  # One nesting beyond what JSON's reader can follow spoils an array.
                assert answer.status == 400
                assert "not a JSON array" in told["error"]
                continue
            assert answer.status == 202
            assert len(told) == len(lines)
            assert {one["status"] for one in told} == {"recorded", "invalid"}
        assert check_recorded(bench.journal, sent) > len(wishes) // 60

    with bounded(len(wishes)):
        served(tmp_path, story)


@through_the_door
def test_bodies_and_queries_of_the_api_are_answered(tmp_path: Path, seed: int, count: int) -> None:
    async def ask(session: aiohttp.ClientSession, number: int, random: Random, drawn: Written) -> None:
        told = as_json(random, drawn)
        match number % 4:
            case 0:
                body = f'{json.dumps(WITHDRAWAL)[:-1]}, "amount": {told}}}'
                answer = await session.post("/v1/withdrawals", data=body.encode())
            case 1:
                body = f'{{"reason": "r", "changes": {{"max_daily_loss": {told}}}}}'
                answer = await session.post("/v1/wallets/hft_wallet/limits", data=body.encode())
            case 2:
                answer = await session.get("/v1/orders", params={"last": drawn.text})
            case _:
                answer = await session.get("/v1/events", params={"after": drawn.text, "limit": drawn.text})
        assert answer.status in (200, 400, 409), (answer.status, drawn, await answer.text())
        if drawn.text == drawn.text.strip() and not drawn.is_number:
            assert answer.status == 400, (number % 4, drawn)
        await answer.read()

    async def story(session: aiohttp.ClientSession, bench: Bench) -> None:
        numbered = list(enumerate(draws(seed, count)))
        for start in range(0, count, BATCH):
            some = numbered[start : start + BATCH]
            await asyncio.gather(*(ask(session, number, random, drawn) for number, (random, drawn) in some))

    with bounded(count):
        served(tmp_path, story)


@through_the_door
def test_the_python_reader_outlives_every_number(tmp_path: Path, seed: int, count: int) -> None:
    wishes = list(signals(seed, count))
    sent = {signal_id: (field, drawn) for signal_id, field, drawn, _ in wishes}

    async def main() -> None:
        async with desk(ScratchDesk(tmp_path).seed_env()) as bench:
            await bench.executor.start()
            for number, (signal_id, field, drawn, line) in enumerate(wishes):
                value = {"x": drawn.text} if field == "meta" else drawn.text
                fields = {**HOLD, "signal_id": signal_id, field: value}
                bench.signals.put_nowait(line if number % 2 else fields)
                (record,) = await bench.next_records(1)
                assert isinstance(record, Decision | RejectedSignal)
            assert bench.executor.alive
            assert check_recorded(bench.journal, sent) > len(wishes) // 60

    with bounded(len(wishes)):
        asyncio.run(main())


def test_the_python_reader_outlives_the_objects_of_its_caller(tmp_path: Path) -> None:
    class Hostile(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            raise ZeroDivisionError(key)

    values: tuple[object, ...] = (
        Decimal("1e-9999999999"),
        Decimal("1e9999999999"),
        Decimal("sNaN"),
        10**5_000,
        float("inf"),
        5e-324,
    )

    async def main() -> None:
        async with desk(ScratchDesk(tmp_path).seed_env()) as bench:
            await bench.executor.start()
            for value in values:
                for field in (*EXACT, *OTHERS[:-1]):
                    bench.signals.put_nowait({**HOLD, "signal_id": "n", field: value})
                    (record,) = await bench.next_records(1)
                    assert isinstance(record, RejectedSignal), (field, str(type(value)))
            bench.signals.put_nowait(Hostile(HOLD))
            (record,) = await bench.next_records(1)
            assert isinstance(record, RejectedSignal)
            assert "ZeroDivisionError" in record.error
            bench.signals.put_nowait({**HOLD, "signal_id": SignalId("good")})
            (record,) = await bench.next_records(1)
            assert isinstance(record, Decision)
            assert record.status is DecisionStatus.RECORDED

    asyncio.run(main())


@pytest.mark.parametrize(("seed", "count"), COMMANDS)
def test_the_command_line_answers_every_number(tmp_path: Path, seed: int, count: int) -> None:
    runner = CliRunner()
    environment = {**DeskOnDisk(tmp_path).env, "OVERMIND_DATA_DIR": str(tmp_path / "data")}
    with bounded(count):
        for number, (_, drawn) in enumerate(draws(seed, count)):
            withdraw = ["withdraw", "w", "--to", "a", "--reason", "r", "--", drawn.text, "USDC"]
            words = withdraw if number % 2 else ["orders", "--last", drawn.text]
            done = runner.invoke(cli, words, env=environment)
            stop_logging()  # as `main` does; the next tests read their own lines
            # An amount that can be read goes on to an address or a journal that does not exist.
            told = isinstance(done.exception, SystemExit | JournalUnusable)
            assert told, (drawn, done.exception)
            if not drawn.is_number:
                assert done.exit_code == 2, (drawn, done.output)


@through_the_door
def test_variables_and_wallet_files_are_read_exactly_or_refused(tmp_path: Path, seed: int, count: int) -> None:
    files = DeskOnDisk(tmp_path)
    limits = {"max_position_size": 1, "max_concurrent_positions": 1, "max_exposure_percentage": 1}
    limits |= {"stop_loss_threshold": 1, "daily_trade_limit": 1}
    files.lines("hft_wallet:F/hft.json:hft:high:0.3")
    with bounded(count):
        for number, (random, drawn) in enumerate(draws(seed, count)):
            capital = "1"
            if number % 2:
                capital = drawn.text
            told = "1" if number % 2 else as_json(random, drawn)
            wallet = json.dumps(files.wallet("hft", risk_limits=limits))
            files.write("hft.json", wallet.replace('{"max_pos', f'{{"max_daily_loss": {told}, "max_pos'))
            problems = files.problems(OVERMIND_PAPER_CAPITAL_USD=capital)
            if not problems:
                config = files.load(OVERMIND_PAPER_CAPITAL_USD=capital)
                (wallet_config,) = config.wallets.values()
                loss = wallet_config.wallet.limits.daily_loss_max_micros
                kept = config.paper_capital_micros if number % 2 else loss
                check_kept(drawn, kept, 6, DEFAULT_CAPITAL)


def check_kept(drawn: Written, kept: int, decimals: int, default: int | None = None) -> None:
    """The value that was written. Some doors take blanks around it, and a blank alone for the default."""
    if not drawn.text.strip():
        assert kept == default
    elif drawn.is_number:
        assert kept == drawn.scaled(decimals), drawn
    else:
        assert drawn.text != drawn.text.strip(UNSEEN), drawn


@through_the_door
def test_a_tape_is_read_exactly_or_refused(tmp_path: Path, seed: int, count: int) -> None:
    accepted = 0
    file = tmp_path / "SOL.csv"
    with bounded(count):
        for number, (_, drawn) in enumerate(draws(seed, count)):
            cell = '"' + drawn.text.replace('"', '""') + '"'
            at = cell if number % 3 == 0 else "1743897600"
            price = cell if number % 3 == 1 else "1"
            volume = cell if number % 3 == 2 else "1"
            rows = f"{at},{price},{price},{price},{price},{volume}\n1743897900,1,1,1,1,1\n"
            file.write_text("timestamp,open,high,low,close,volume\n" + rows)
            try:
                series = load_tape(file, {"SOL": SOL_TOKEN}).series[SOL]
            except TapeError:
                continue
            if number % 3 == 1:
                accepted += 1
                if drawn.is_number:
                    assert series.open_pico[0] == drawn.cut(12), drawn
                else:
                    assert drawn.text != drawn.text.strip(UNSEEN), drawn
    assert accepted > 0
