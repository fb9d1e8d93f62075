"""The emergency stop, and pausing."""

from __future__ import annotations

from typing import Final

from overmind.http.commands.bodies import ReasonBody
from overmind.http.commands.holds import ResumeBody
from overmind.http.commands.stopping import Reactivated, StopBody, Stopped, TimeAccepted
from overmind.http.reference.operation import NO_WALLET, REFUSED, Fault, Operation, Topic
from overmind.views.targets import TargetHolds

HELD: Final = (
    "Pause adds the hold `operator`, resume lifts it. Resume with `hold` lifts that cause instead. The answer lists "
    "what holds it then. A cause that does not hold it, and one that only a `reactivate`, an `accept` or a start "
    "lifts, is a 409."
)
PAUSED: Final = '{"reason": "a look at its fills"}'

HOLDS: Final = Topic(
    "Stop and holds",
    "Every change is durable before the answer. Exits are never held.",
    (
        Operation(
            "POST",
            "/v1/emergency-stop",
            Stopped,
            "Every wallet gets the hold `emergency`. `liquidate` also sells everything that has a price, until a "
            "wallet is reactivated. `sweep` also moves the proceeds to the Emergency wallet; `not_swept` says why not, "
            "if none can take them. On 503 the stop holds and the journal does not have it yet.",
            body=StopBody,
            example='{"reason": "the feed lies", "liquidate": false, "sweep": false}',
            faults=(REFUSED,),
        ),
        Operation(
            "POST",
            "/v1/wallets/{wallet_id}/reactivate",
            Reactivated,
            "Lifts the hold `emergency` of one wallet.",
            body=ReasonBody,
            example='{"reason": "the feed is right again"}',
            faults=(
                NO_WALLET,
                Fault(409, "the wallet is not stopped, or the STOP file is there", "remove the file first"),
            ),
        ),
        Operation(
            "POST",
            "/v1/wallets/{wallet_id}/{verb}",
            TargetHolds,
            HELD,
            body=ResumeBody,
            example=PAUSED,
            faults=(NO_WALLET, REFUSED),
        ),
        Operation(
            "POST",
            "/v1/strategies/{strategy}/{verb}",
            TargetHolds,
            HELD,
            body=ResumeBody,
            example=PAUSED,
            faults=(REFUSED,),
        ),
        Operation(
            "POST", "/v1/portfolio/{verb}", TargetHolds, HELD, body=ResumeBody, example=PAUSED, faults=(REFUSED,)
        ),
        Operation(
            "POST",
            "/v1/clock/accept",
            TimeAccepted,
            "Ends the hold `clock`: the machine's clock is right.",
            body=ReasonBody,
            example='{"reason": "the clock was set by hand"}',
            faults=(Fault(409, "the clock is believed already", "nothing is to be done"),),
        ),
    ),
)
