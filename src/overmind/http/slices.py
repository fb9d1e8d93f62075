"""Long answers made row by row, in slices of the event loop, because a thousand wallets take longer than one turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec
from starlette.responses import Response

from overmind.core.books.state import State
from overmind.core.model.value import Value
from overmind.desk.engine import Engine
from overmind.desk.lane import Lane, Rank
from overmind.http.responses import JsonResponse
from overmind.text.printable import json_bytes

T = TypeVar("T")


class Slices:
    """Looks at the state in a lane of its own: looks share one slice of each turn, and signals have another."""

    def __init__(self, engine: Engine, lane: Lane | None = None) -> None:
        """`lane`: only looks are in it."""
        self._engine = engine
        self._lane = lane or Lane()

    async def rows(self, look: Callable[[State], Iterator[object]]) -> Response:
        """A list, one row after the other. Entries may come between two rows; all of them are durable on return."""
        return written(_array(await self.collected(lambda state: map(json_bytes, look(state)))))

    async def rows_in(
        self, head: Callable[[State], Value], name: str, look: Callable[[State], Iterator[object]]
    ) -> Response:
        """An object of which the field `name` is such a list."""
        rows = _array(await self.collected(lambda state: map(json_bytes, look(state))))
        told = await self._engine.read(head)
        return written(json_bytes({**msgspec.structs.asdict(told), name: msgspec.Raw(rows)}))

    async def collected(self, look: Callable[[State], Iterator[T]]) -> list[T]:
        """What such a look finds, row by row."""
        rows = list[T]()
        async with self._lane.held(Rank.READING) as turn:
            for row in look(self._engine.state):
                rows.append(row)
                await turn.pause()
        await self._engine.durable(self._engine.state.seq)
        return rows


def _array(rows: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(rows)


def written(raw: bytes) -> Response:
    """An answer that is JSON already."""
    return Response(raw, media_type=JsonResponse.media_type)
