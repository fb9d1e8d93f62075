"""What a wallet holds: closing it, and taking over what the chain says."""

from __future__ import annotations

from typing import Final

from overmind.http.commands.bodies import ReasonBody
from overmind.http.commands.positions import Accepted, Booked, CloseBody, HistoryTaken
from overmind.http.reference.operation import CHAIN_SILENT, NO_WALLET, NOT_LIVE, Fault, Operation, Topic
from overmind.views.closing import CloseRow, WrittenOff

NOT_HELD: Final = Fault(409, "the wallet does not hold the token, or the desk refuses it", "do what `error` says")

POSITIONS: Final = Topic(
    "Positions and the chain",
    "Every change is durable before the answer.",
    (
        Operation(
            "POST",
            "/v1/positions/{wallet_id}/{token}/close",
            CloseRow,
            "Sells the position until nothing is left, also across restarts. A second request gets the same answer. "
            "`cancel` keeps what is left.",
            body=CloseBody,
            example='{"reason": "the thesis is over", "cancel": false}',
            faults=(NO_WALLET, NOT_HELD),
        ),
        Operation(
            "POST",
            "/v1/positions/{wallet_id}/{token}/write-off",
            WrittenOff,
            "Ends a position that is dust: worth less than `OVERMIND_DUST_USD`. Any other is refused.",
            body=ReasonBody,
            example='{"reason": "dust"}',
            faults=(NO_WALLET, NOT_HELD),
        ),
        Operation(
            "POST",
            "/v1/wallets/{wallet_id}/accept",
            Accepted,
            "Live: adjusts the books to the chain's balances. Refused while orders of the wallet are under way, and "
            "while the hold `restored` stands.",
            body=ReasonBody,
            example='{"reason": "a deposit by hand"}',
            faults=(NO_WALLET, NOT_LIVE, CHAIN_SILENT),
        ),
        Operation(
            "POST",
            "/v1/wallets/{wallet_id}/accept-history",
            HistoryTaken,
            "Live, under the hold `restored`: what the wallet did since the journal ended is accepted. Its books "
            "follow the chain, and its orders that were not signed yet end.",
            body=ReasonBody,
            example='{"reason": "the backup is of yesterday, and nothing was traded since"}',
            faults=(NO_WALLET, NOT_LIVE, CHAIN_SILENT),
        ),
        Operation(
            "POST",
            "/v1/orders/{order_id}/book-from-chain",
            Booked,
            "Live: books an order that landed otherwise than ordered, as the chain shows it. Refused for any other "
            "order, and until its transaction is final.",
            body=ReasonBody,
            example='{"reason": "the transaction is a swap of ours"}',
            faults=(NOT_LIVE, CHAIN_SILENT),
        ),
    ),
)
