"""A webhook's body becomes a signal of its source. Its bytes decide the id, so that a resend is no second signal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Container, Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from overmind.core.model.enums import SaleScope
from overmind.core.model.ids import SignalId
from overmind.core.model.money import Token
from overmind.desk.sources.source import Source, SourceKind
from overmind.http.hooks import freqtrade, tradingview
from overmind.http.hooks.alert import AMOUNTS, MADE_HERE, OF_ENTRY, PASSED_ON, SELL, Alert
from overmind.http.hooks.bodies import Words, fields_of
from overmind.signals.decode import ALL, BadSignal, SignalRead, read_signal
from overmind.signals.validation import FieldProblem

ID_HEX: Final = 40


class Language(NamedTuple):
    """How one kind of sender writes."""

    prefix: str  # of the ids of its signals
    alert_of: Callable[[Words], Alert]
    ticker_of: Callable[[str], str]
    meant: Mapping[str, str]  # the sender's names of fields of a signal


LANGUAGES: Final = {
    SourceKind.TRADINGVIEW: Language(
        "tv-", tradingview.alert_of, tradingview.ticker_of, {"timestamp": "fired_at", "symbol": "ticker"}
    ),
    SourceKind.FREQTRADE: Language(
        "ft-", freqtrade.alert_of, freqtrade.ticker_of, {"symbol": "pair", "notional_usd": "stake_amount"}
    ),
}


class Market(NamedTuple):
    """What the desk trades, and what it leaves unread."""

    tokens: Mapping[str, Token]
    quote: Token
    ignored: Container[str] = ()


def id_of(source: Source, raw: bytes) -> SignalId:
    """The same bytes of the same source have the same id."""
    digest = hashlib.sha256(source.name.encode() + b"\0" + raw).hexdigest()
    return SignalId(LANGUAGES[source.kind].prefix + digest[:ID_HEX])


def read_hook(
    source: Source, raw: bytes, content_type: str, market: Market, wallets: Collection[str] | None = None
) -> SignalRead:
    """Raises BadSignal, with the sender's own names of fields, and nothing else."""
    language, words = LANGUAGES[source.kind], Words(source, fields_of(raw, content_type))
    signal_id = id_of(source, raw)
    try:
        alert = language.alert_of(words)
        if ours := sorted(MADE_HERE & words.left.keys()):
            raise BadSignal(FieldProblem(name, "the desk makes it of the body", "Leave it out") for name in ours)
        fields = with_defaults(source, alert)
        read = read_signal({**fields, "signal_id": signal_id}, market.tokens, market.quote, market.ignored, wallets)
    except BadSignal as bad:
        meant = language.meant
        problems = [FieldProblem(meant.get(one.field, one.field), one.problem, one.fix) for one in bad.problems]
        raise BadSignal(problems, signal_id) from None
    closes = fields["action"] == SELL
    signal = replace(
        read.signal,
        source=source.name,
        sender=alert.sender,
        scope=SaleScope.SOURCE if closes else SaleScope.STRATEGY,
        sell_all=False,
    )
    return SignalRead(signal, (*alert.notes, *read.notes))


def with_defaults(source: Source, alert: Alert) -> dict[str, object]:
    """An exit has no amount of its own: it sells what the source's entries hold, or a share of it."""
    defaults: dict[str, object] = {**source.defaults}
    if any(name in AMOUNTS for name in alert.fields):
        defaults.pop("notional_usd", None)
    fields = {**{name: value for name, value in defaults.items() if name in PASSED_ON}, **alert.fields}
    if fields["action"] != SELL:
        return fields
    return {**{name: value for name, value in fields.items() if name not in OF_ENTRY}, "quantity": ALL}
