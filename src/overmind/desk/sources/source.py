"""A source: a strategy of somebody's that sends signals by webhook, and how its words are read."""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
import secrets
from typing import Final

from overmind.config.files import InvalidValue
from overmind.config.secrecy import Secret
from overmind.core.model.units import DAY_NS
from overmind.core.model.value import Value

NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")  # A path of dots alone would lead elsewhere.
TICKER: Final = re.compile(r"[A-Za-z0-9._:/!-]{1,40}")
SECRET_BYTES: Final = 32
ROTATED_NS: Final = DAY_NS  # for how long a secret is valid after another one has taken its place
VALID_MAX: Final = 2  # secrets at one time: the newest, and the one before it
DEFAULTS: Final = (  # fields of a signal that a source may set for all of its signals
    "strategy_type",
    "notional_usd",
    "confidence",
    "risk_tolerance",
    "preferred_wallet_type",
    "max_slippage_bps",
    "ttl_ms",
    "stop_loss_percent",
    "trailing_stop_percent",
    "take_profit_percent",
)
_NOBODYS: Final = "0" * 64  # the hash of no secret: an unknown source takes as much work as a known one


class SourceKind(enum.StrEnum):
    """The program that sends, and so the words that it sends in."""

    TRADINGVIEW = "tradingview"
    FREQTRADE = "freqtrade"


class SourceSecret(Value, frozen=True, forbid_unknown_fields=True):
    """A secret as it is kept: by its hash alone."""

    sha256: str
    valid_until_ns: int = 0  # 0: until another one takes its place

    def is_valid(self, at_ns: int) -> bool:
        return not self.valid_until_ns or at_ns < self.valid_until_ns


class AnswersKey(Value, frozen=True, forbid_unknown_fields=True):
    """A key that both sides have: whoever hears an answer computes its signature again."""

    key: str
    valid_until_ns: int = 0  # 0: until another one takes its place

    def __repr__(self) -> str:
        return "AnswersKey()"

    def is_valid(self, at_ns: int) -> bool:
        return not self.valid_until_ns or at_ns < self.valid_until_ns


class Source(Value, frozen=True, forbid_unknown_fields=True):
    name: str
    kind: SourceKind
    symbols: dict[str, str]  # the sender's ticker in capitals, and the symbol or the mint that it means
    defaults: dict[str, str]  # fields of a signal that its bodies may leave out
    secrets: tuple[SourceSecret, ...]  # the newest first
    made_at: str
    made_by: str
    changed_at: str = ""  # when its secret was rotated last; blank: never
    answers_url: str = ""  # where its decisions, fills and refusals are sent; blank: nowhere
    answers_keys: tuple[AnswersKey, ...] = ()  # sign what is sent there, the newest first; in a file of their own
    answers_after: int = 0  # the entry after which its answers begin

    def __repr__(self) -> str:
        return f"Source({self.name}, {self.kind})"


def new_secret() -> Secret:
    """256 random bits, as a part of a path."""
    return Secret(secrets.token_urlsafe(SECRET_BYTES))


def kept(secret: Secret) -> SourceSecret:
    return SourceSecret(hash_of(secret.reveal()))


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def is_secret_of(source: Source | None, secret: str, at_ns: int) -> bool:
    """Compares with every valid secret. It takes the same work for nobody, and whichever secret is right."""
    sent, right = hash_of(secret), False
    known = () if source is None else source.secrets
    valid = [one.sha256 if one.is_valid(at_ns) else _NOBODYS for one in known[:VALID_MAX]]
    for one in [*valid, *[_NOBODYS] * VALID_MAX][:VALID_MAX]:
        right |= hmac.compare_digest(one, sent)
    return right


def rotated(known: tuple[SourceSecret, ...], new: SourceSecret, at_ns: int, grace_ns: int) -> tuple[SourceSecret, ...]:
    """The new secret, and the newest of before until the grace is over."""
    before = known[:1] if grace_ns else ()
    return (new, *(SourceSecret(one.sha256, at_ns + grace_ns) for one in before))


def fault_of_source(source: Source) -> InvalidValue | None:
    """Why it cannot be kept. Its defaults are checked where signals are read."""
    if not NAME.fullmatch(source.name):
        return InvalidValue("a name that cannot be used", "take 1 to 64 letters, digits, dots, _ and -, no dot first")
    if not source.symbols:
        return InvalidValue("no symbols", "name each ticker and what it means, such as SOLUSDC=SOL")
    for ticker in source.symbols:
        if not TICKER.fullmatch(ticker) or ticker != ticker.upper():
            return InvalidValue(f"a ticker that cannot be used: {ticker[:40]!r}", "write it as the sender does")
    if unknown := sorted(source.defaults.keys() - set(DEFAULTS)):
        return InvalidValue(f"no default of a source: {unknown[0][:40]!r}", f"one of {', '.join(DEFAULTS)}")
    if not 1 <= len(source.secrets) <= VALID_MAX:
        return InvalidValue(f"{len(source.secrets)} secrets", f"1 to {VALID_MAX}")
    return None
