"""Signals: sending them, and what became of one."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from overmind.desk.submit import FailedRow, InvalidRow, NotTakenRow
from overmind.http.bounds import BATCH_MAX, NDJSON
from overmind.http.reference.operation import CROWDED, JSON, Answer, Fault, Operation, Topic
from overmind.http.reference.signal_shape import SignalBody
from overmind.http.responses import Error
from overmind.views.decisions import DecisionRow
from overmind.views.preview import ExplainedRow

BatchRow = Annotated[
    DecisionRow | InvalidRow | FailedRow | NotTakenRow,
    Meta(title="BatchRow", description="The answer to one signal of a batch."),
]
Whole = Error | list[BatchRow]  # an answer to a request none of whose signals was decided


def _answer(status: int, meaning: str, one: object) -> Answer:
    return Answer(status, meaning, {JSON: one, NDJSON: BatchRow})


SIGNALS: Final = Topic(
    "Signals",
    "A signal asks the desk to trade. `signal_id` makes it safe to repeat: a known id gets its first answer again.",
    (
        Operation(
            "POST",
            "/v1/signals",
            DecisionRow | list[BatchRow],
            f"The body is one JSON object, an array, or NDJSON (`content-type: {NDJSON}`), at most {BATCH_MAX} signals "
            "and 1 MiB. The answer has the same shape and order. What is answered 202 is in the journal, whatever "
            "happens next. A batch is decided in its order and shares one sync; a bad signal does not stop the others. "
            "The fields and which of them exclude others: signals.md.",
            body=SignalBody | list[SignalBody],
            batch=SignalBody,
            example='{"signal_id": "a1", "strategy_type": "MomentumTrading", "action": "Buy", "symbol": "SOL", '
            '"notional_usd": "250"}',
            answers=(
                _answer(202, "The decision is durable; of a batch, at least one is.", DecisionRow | list[BatchRow]),
                _answer(400, "No signal could be read. Of one signal all problems at once.", InvalidRow | Whole),
                _answer(409, "The id is known with other content.", InvalidRow),
                _answer(429, "Too many orders are open or bytes wait. Nothing was decided.", FailedRow | Whole),
                _answer(500, "The desk failed on this signal: look for its id in the journal.", FailedRow | Whole),
                _answer(
                    503,
                    "The service stops, or its disk is full. Nothing was decided: send it again under the same id.",
                    FailedRow | NotTakenRow | Whole,
                ),
            ),
            faults=(
                Fault(408, "the body did not arrive within 10 s", "send it at once"),
                Fault(413, f"a body of more than 1 MiB, or more than {BATCH_MAX} signals", "send less at once"),
            ),
        ),
        Operation(
            "GET",
            "/v1/signals/{signal_id}",
            ExplainedRow,
            "As `overmind explain ID`. `candidates` says why each wallet was chosen or refused. It needs the state of "
            "then, and is null where no kept state is near. A refusal is told for every wallet with its own numbers.",
            faults=(
                Fault(404, "the journal knows no signal with this id", "look at /v1/orders for known ids"),
                CROWDED,
            ),
        ),
    ),
)
