"""The setting of the door for signals: which unknown fields it overlooks."""

from __future__ import annotations

import re
from typing import Final

from overmind.config.files import InvalidValue
from overmind.config.kinds import Kind
from overmind.config.secrecy import shown
from overmind.config.variables.variable import Variable

NAMES_MAX: Final = 64
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

# Parts of names that may mean an amount, a price, a side, a time or a permission. A field with such a part is never
# ignored: its sender would believe that it counts.
TELLING: Final = (
    *("amount", "amt", "quantit", "qty", "size", "notional", "unit", "lots", "volume", "value", "percent", "pct"),
    *("fraction", "ratio", "share", "weight", "alloc", "usd", "dollar", "cash", "fund", "capital", "balance", "budget"),
    *("lamport", "token", "coin", "mint", "symbol", "asset", "pair", "market", "base", "full", "partial", "multipl"),
    *("leverage", "margin", "scale", "split", "slice", "maxim", "minim", "floor", "ceiling", "count", "price", "limit"),
    *("target", "stop", "loss", "profit", "trail", "trigger", "slip", "tolerance", "bps", "fee", "tip", "cost", "risk"),
    *("spread", "impact", "quote", "entry", "exit", "level", "bound", "protect", "side", "action", "direction", "buy"),
    *("sell", "long", "short", "reduce", "open", "close", "flat", "position", "type", "order", "revers", "hedge"),
    *(
        "cover",
        "scope",
        "strateg",
        "wallet",
        "account",
        "exclu",
        "inclu",
        "prefer",
        "route",
        "venue",
        "chain",
        "cluster",
    ),
    *("network", "time", "ttl", "tif", "gtc", "ioc", "fok", "gtd", "today", "hour", "minute", "second", "until"),
    *("before", "after", "delay", "expir", "valid", "deadline", "date", "when", "start", "begin", "sched", "wait"),
    *("hold", "keep", "early", "dry", "test", "simul", "paper", "live", "demo", "only", "allow", "deny", "permi"),
    *("forbid", "block", "require", "must", "force", "confirm", "approv", "enable", "disable", "active", "execut"),
    *("trade", "cancel", "skip", "ignore", "pause", "safe", "mev", "private", "post", "fill", "flag", "all_", "no_"),
    *("not_", "is_", "do_", "max", "min_", "take", "cross", "good", "notion"),
)
# Words that tell only when they stand alone: they are parts of too many harmless words.
TELLING_ALONE: Final = (
    *("all", "ask", "at", "bid", "by", "cap", "day", "days", "do", "end", "for", "from", "if", "in", "is", "late"),
    *("lot", "min", "mode", "n", "no", "not", "of", "on", "px", "q", "real", "run", "sl", "sz", "to", "tp", "vol", "x"),
)
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


def telling_part(name: str) -> str | None:
    """The part of a field's name that may bear on a trade."""
    plain = name.lower().replace("-", "_").replace(" ", "_")
    part = next((one for one in TELLING if one in plain), None)
    return part or next((word for word in map(str.lower, _WORDS.findall(name)) if word in TELLING_ALONE), None)


def field_names() -> Kind[frozenset[str]]:
    """A comma list of names of fields, none of which may bear on a trade."""

    def read(text: str) -> frozenset[str] | InvalidValue:
        names = [part.strip() for part in text.split(",") if part.strip()]
        if len(names) > NAMES_MAX:
            return InvalidValue(f"{len(names)} names", f"write up to {NAMES_MAX} names")
        for name in names:
            if not _NAME.fullmatch(name):
                return InvalidValue(
                    f"{shown(name)!r} is no name of a field", "write 1 to 64 of the characters A-Z a-z 0-9 _ . -"
                )
            if (part := telling_part(name)) is not None:
                return InvalidValue(
                    f"{shown(name)!r} may bear on a trade (by its part {part.strip('_')!r}), so it is never ignored",
                    "take it off the list, and let the sender put the field into meta",
                )
        return frozenset(names)

    return Kind(read, "comma list of names", "no name that may bear on amount, price, side, time or permission")


SIGNAL_FIELDS_IGNORED = Variable(
    "OVERMIND_SIGNAL_FIELDS_IGNORED",
    field_names(),
    "",
    "Unknown fields that a signal may have, such as comment. Any other unknown field is an error, unless it stands in "
    "meta. A name that may bear on amount, price, side, time or permission cannot stand here.",
)
