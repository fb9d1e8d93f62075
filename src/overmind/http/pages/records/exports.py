"""The accounts of a period. `overmind export` adds them up in a process beside the desk: it may read a year."""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from overmind.core.model.value import Value
from overmind.http.explainer import COMMAND, NICENESS, PASSED_ON
from overmind.journal.aside import Aside

FILES: Final = ("gains.csv", "costs.csv", "transfers.csv", "summary.csv")
ROWS_SHOWN: Final = 100
KEPT_MAX: Final = 4  # periods
EXPORT_MAX_S: Final = 900.0
FAULT_MAX: Final = 500  # characters


class Period(Value, frozen=True):
    """Days or instants, as `overmind export` reads them. Blank: the journal's beginning, or now."""

    from_: str
    to: str


class Exported(Value, frozen=True):
    folder: Path
    at_ns: int  # when it was begun
    totals: Mapping[str, Any]
    rows: Mapping[str, int]  # of each file
    gains: Sequence[Mapping[str, str]]  # the newest ones
    summary: Sequence[Mapping[str, str]]


class Exports:
    """One period at a time. The files stay until others are wanted, or until the service stops."""

    def __init__(self, data_dir: Path, command: Sequence[str] = COMMAND) -> None:
        self._data_dir = data_dir
        self._command = command
        self._made: OrderedDict[Period, Exported] = OrderedDict()
        self._faults: dict[Period, str] = {}
        self._asked: dict[Period, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()
        self._thread = Aside("exports")

    async def run(self) -> None:
        """Nothing to do by itself."""

    def of(self, period: Period) -> Exported | None:
        return self._made.get(period)

    def fault_of(self, period: Period) -> str:
        return self._faults.get(period, "")

    def is_asked(self, period: Period) -> bool:
        return period in self._asked

    def ask(self, period: Period, at_ns: int) -> None:
        """Begins to add up, unless that is under way. The page looks again."""
        if period not in self._asked and len(self._asked) < KEPT_MAX:
            task = self._asked[period] = asyncio.ensure_future(self._export(period, at_ns))
            task.add_done_callback(lambda _: self._asked.pop(period, None))

    def close(self) -> None:
        for task in self._asked.values():
            task.cancel()
        for one in self._made.values():
            self._thread.submit(partial(shutil.rmtree, one.folder, ignore_errors=True))
        self._thread.shutdown()

    async def _export(self, period: Period, at_ns: int) -> None:
        async with self._turn:
            self._faults.pop(period, None)
            folder = Path(await self._thread.run(partial(tempfile.mkdtemp, prefix="overmind-export-")))
            done = False
            try:
                said, fault = await self._run(period, folder)
                if said is None:
                    self._faults[period] = fault
                    return
                self._keep(period, await self._thread.run(partial(_exported, folder, at_ns, said)))
                done = True
            except (OSError, TimeoutError, msgspec.DecodeError) as error:
                self._faults[period] = str(error)
            finally:
                if not done:
                    self._drop(folder)

    def _keep(self, period: Period, exported: Exported) -> None:
        before = self._made.pop(period, None)
        self._made[period] = exported
        if before is not None:
            self._drop(before.folder)
        while len(self._made) > KEPT_MAX:
            self._drop(self._made.popitem(last=False)[1].folder)

    def _drop(self, folder: Path) -> None:
        self._thread.submit(partial(shutil.rmtree, folder, ignore_errors=True))

    async def _run(self, period: Period, folder: Path) -> tuple[bytes | None, str]:
        """What the command says, or why it failed. Raises OSError and TimeoutError."""
        words = ["export", "--json", "--data-dir", str(self._data_dir.absolute()), "--out", str(folder)]
        words += ["--from", period.from_] if period.from_ else []
        words += ["--to", period.to] if period.to else []
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *self._command, *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment
        )
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        try:
            async with asyncio.timeout(EXPORT_MAX_S):
                said, complained = await process.communicate()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return (
            (said, "") if process.returncode == 0 else (None, complained.decode(errors="replace")[:FAULT_MAX].strip())
        )


def _exported(folder: Path, at_ns: int, said: bytes) -> Exported:
    told = msgspec.json.decode(said)
    gains = _rows(folder / "gains.csv")
    return Exported(
        folder, at_ns, told["totals"], told["files"], gains[::-1][:ROWS_SHOWN], _rows(folder / "summary.csv")
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
