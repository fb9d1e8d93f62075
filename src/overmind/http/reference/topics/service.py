"""The service itself: its health, and its own description."""

from __future__ import annotations

from typing import Final

from overmind.http.health import Alive, Ready
from overmind.http.reference.operation import JSON, Answer, Operation, Topic

METRICS: Final = "text/plain"

SERVICE: Final = Topic(
    "The service",
    "Probes need no token.",
    (
        Operation("GET", "/healthz", Alive, "A failed engine ends the process, so a process that answers is alive."),
        Operation(
            "GET",
            "/readyz",
            Ready,
            "503 with `reasons`: the service stops, the journal is slow, gone or locked by another program, its disk "
            "is full or does not answer, the log cannot be written, a price is stale, the clock jumped, or (live, "
            "checked at most every 5 s) the chain does not answer. `loop` has the longest turn of the event loop since "
            "the start, and the turns over 20 ms, in processor time: a stop waits for several turns.",
            answers=(
                Answer(200, "It can trade.", {JSON: Ready}),
                Answer(503, "It cannot trade now.", {JSON: Ready}),
            ),
        ),
        Operation(
            "GET",
            "/metrics",
            str,
            "In the text format of Prometheus.",
            media=METRICS,
        ),
        Operation("GET", "/openapi.json", dict[str, object], "This description, as OpenAPI 3.1."),
    ),
)
