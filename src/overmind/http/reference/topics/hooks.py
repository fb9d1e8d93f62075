"""Hooks: signals from TradingView and freqtrade, and the sources that send them."""

from __future__ import annotations

from typing import Final

from overmind.desk.submit import FailedRow, InvalidRow, NotTakenRow
from overmind.http.commands.bodies import ReasonBody
from overmind.http.hooks.administration import HookBody, HookRow, NewHook, RotateBody
from overmind.http.hooks.answers import AnswersBody, AnswersStopped, AnswersTarget
from overmind.http.reference.hook_shapes import FreqtradeFill, TradingViewAlert
from overmind.http.reference.operation import JSON, Answer, Fault, Operation, Topic
from overmind.http.reference.topics.access import NOT_WRITTEN, TAKEN
from overmind.http.responses import Error
from overmind.views.decisions import DecisionRow

NO_SOURCE: Final = Fault(409, "there is no such source", "look at the list for known names")
BAD_ADDRESS: Final = Fault(400, "an address that nothing may be sent to", "write https://HOST/PATH of a public host")
UNUSABLE: Final = Fault(409, "the table names a token that the desk does not know, or a default is bad", "correct it")
ANSWERS: Final = (
    Answer(202, "The decision is durable. A resend is told as a duplicate.", {JSON: DecisionRow}),
    Answer(400, "The body is no signal, with all problems at once.", {JSON: InvalidRow}),
    Answer(409, "Its first answer cannot be read any more.", {JSON: InvalidRow}),
    Answer(500, "The desk failed on this signal: look for its id in the journal.", {JSON: FailedRow}),
    Answer(
        503,
        "The desk has too much to do, stops, or has not filled the entry that an exit would sell. Send it again.",
        {JSON: FailedRow | NotTakenRow | Error},
    ),
)
OF_STRANGERS: Final = (
    Fault(404, "there is no such hook: its kind, source or secret is wrong", "send to the URL that was shown"),
    Fault(413, "a body of more than 16,384 bytes", "send what docs/hooks.md shows"),
    Fault(408, "the body did not arrive within 10 s", "send it at once"),
    Fault(429, "too many wrong secrets from this address", "wait, and send to the hook's own URL"),
)
ALERT: Final = (
    '{"ticker": "SOLUSDC", "action": "buy", "position": "long", "contracts": "2", "fired_at": "2026-11-29T03:00:00Z"}'
)
FILL: Final = (
    '{"event": "entry", "trade_id": "7", "pair": "SOL/USDC", "direction": "Long", "stake_amount": "100.0", '
    '"rate": "150.0", "amount": "0.666", "sub_trade": "False"}'
)

HOOKS: Final = Topic(
    "Hooks",
    "A source sends its alerts to a URL whose last part is its secret. What a body means: hooks.md. Its answers have "
    "the shape of those to signals. Overload is answered 503, since senders repeat after nothing else.",
    (
        Operation("GET", "/v1/hooks", list[HookRow]),
        Operation(
            "POST",
            "/v1/hooks",
            NewHook,
            "The answer has the path with the secret, which is never told again.",
            body=HookBody,
            example='{"reason": "a new strategy", "name": "momentum", "kind": "tradingview", '
            '"symbols": {"SOLUSDC": "SOL"}, "defaults": {"strategy_type": "MomentumTrading", "notional_usd": "250"}}',
            faults=(TAKEN, UNUSABLE, NOT_WRITTEN),
        ),
        Operation(
            "POST",
            "/v1/hooks/{name}/rotate",
            NewHook,
            "The secret of before is valid for a day more, or ends now with `at_once`.",
            body=RotateBody,
            example='{"reason": "every quarter"}',
            faults=(NO_SOURCE, NOT_WRITTEN),
        ),
        Operation(
            "POST",
            "/v1/hooks/{name}/remove",
            list[HookRow],
            "Its lots stay, and its stop losses.",
            body=ReasonBody,
            example='{"reason": "the strategy has ended"}',
            faults=(NO_SOURCE, NOT_WRITTEN),
        ),
        Operation(
            "POST",
            "/v1/hooks/{name}/answers",
            AnswersTarget,
            "Its decisions, fills, exits and refusals are posted there, signed as Standard Webhooks has it: see "
            "hooks.md. The first time the answer has the key, which is never told again.",
            body=AnswersBody,
            example='{"reason": "the bot listens", "url": "https://bot.example.org/answers"}',
            faults=(BAD_ADDRESS, NO_SOURCE, NOT_WRITTEN),
        ),
        Operation(
            "POST",
            "/v1/hooks/{name}/rotate-answers",
            AnswersTarget,
            "For a day answers have a signature of each of the two keys.",
            body=ReasonBody,
            example='{"reason": "every quarter"}',
            faults=(NO_SOURCE, NOT_WRITTEN),
        ),
        Operation(
            "POST",
            "/v1/hooks/{name}/stop-answers",
            AnswersStopped,
            "Its key ends too.",
            body=ReasonBody,
            example='{"reason": "the bot has moved"}',
            faults=(NO_SOURCE, NOT_WRITTEN),
        ),
        Operation(
            "POST",
            "/v1/hooks/tradingview/{source}/{secret}",
            DecisionRow,
            "The body is the message of an alert, as any media type. Every field of a signal may be added, but for its "
            "id, its action, its token, its time and its scope.",
            body=TradingViewAlert,
            example=ALERT,
            answers=ANSWERS,
            faults=OF_STRANGERS,
        ),
        Operation(
            "POST",
            "/v1/hooks/freqtrade/{source}/{secret}",
            DecisionRow,
            "The body is what freqtrade's webhook sends of a filled entry or exit, as JSON or as a form. Fields of a "
            "signal may be added as in an alert.",
            body=FreqtradeFill,
            example=FILL,
            answers=ANSWERS,
            faults=OF_STRANGERS,
        ),
    ),
)
