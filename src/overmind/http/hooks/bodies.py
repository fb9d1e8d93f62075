"""The body of a webhook as fields: JSON, whatever its content type says, or a form. Its secrets are dropped first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NoReturn

from overmind.core.model.numbers import BadNumber, number, shown
from overmind.desk.sources.source import Source
from overmind.http.access.forms import form_fields, is_form
from overmind.http.responses import HttpRefusal
from overmind.keys.secret_key import is_address
from overmind.signals.decode import BadSignal
from overmind.signals.validation import FieldProblem, parse_object

SECRETS: Final = frozenset({"secret", "passphrase", "password", "token", "key"})  # names of what nobody here may keep
ABSENT: Final = ("", "none", "null", "nan", "n/a")  # how senders fill in what they do not have
PLACEHOLDER: Final = re.compile(r"\{\{|\}\}")
AMOUNT_MAX: Final = Decimal(2**64)
TICKERS_SHOWN_MAX: Final = 20


def fields_of(raw: bytes, content_type: str) -> dict[str, object]:
    """Raises BadSignal, whose problems repeat no secret."""
    if is_form(content_type):
        fields: dict[str, object] = {**_form(raw)}
    else:
        parsed = parse_object(raw)
        if isinstance(parsed, FieldProblem):
            name = "body" if parsed.field == "signal" else parsed.field
            raise BadSignal([FieldProblem(name, parsed.problem, parsed.fix)])
        fields = parsed
    kept = {name: _without_secrets(value) for name, value in fields.items() if name.lower() not in SECRETS}
    return {name: value for name, value in kept.items() if not (isinstance(value, str) and _is_absent(value))}


def _form(raw: bytes) -> dict[str, str]:
    try:
        return form_fields(raw)
    except HttpRefusal as bad:
        raise BadSignal([FieldProblem("body", bad.error, "Send one JSON object")]) from None


def _is_absent(value: str) -> bool:
    return value.strip().lower() in ABSENT


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_secrets(one) for name, one in value.items() if str(name).lower() not in SECRETS}
    return [_without_secrets(one) for one in value] if isinstance(value, list) else value


class Words:
    """The fields of a body, taken one by one, and the problems found so far."""

    def __init__(self, source: Source, fields: dict[str, object]) -> None:
        self.source = source
        self.left = dict(fields)  # what nobody has taken yet
        self.problems: list[FieldProblem] = []
        self.notes: list[str] = []

    def refuse(self, field: str, problem: str, fix: str) -> None:
        self.problems.append(FieldProblem(field, problem, fix))

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            self.left.pop(name, None)

    def text(self, *names: str) -> str | None:
        """The text of the first of these names that is there; the others are dropped."""
        given = [(name, self.left.pop(name)) for name in names if name in self.left]
        if not given:
            return None
        name, value = given[0]
        if isinstance(value, bool | int | Decimal):
            return str(value)
        if not isinstance(value, str):
            self.refuse(name, f"{shown(value)} is not a text", "Write a text")
            return None
        if PLACEHOLDER.search(value):
            self.refuse(name, f"{shown(value)} was not filled in", "Make the alert of a strategy, which fills it in")
            return None
        return value.strip()

    def choice(self, meanings: dict[str, str], *names: str) -> str | None:
        """What the text means, whatever its case."""
        said = self.text(*names)
        if said is None:
            return None
        meant = meanings.get(said.lower())
        if meant is None:
            self.refuse(names[0], f"unknown {shown(said)}", f"Write {', '.join(dict.fromkeys(meanings))}")
        return meant

    def amount(self, *names: str) -> Decimal | None:
        """A number of the sender's own units, zero or more."""
        given = next((name for name in names if name in self.left), names[0])
        value = self.left.get(given)
        self.drop(names)
        if value is None:
            return None
        read = number(value)
        if isinstance(read, BadNumber):
            self.refuse(given, read.problem, read.fix[0].upper() + read.fix[1:])
        elif not 0 <= read <= AMOUNT_MAX:
            self.refuse(given, f"{shown(value)} is out of bounds", f"Write a number from 0 to {AMOUNT_MAX}")
        else:
            return read
        return None

    def missing(self, field: str) -> None:
        self.refuse(field, "missing", "Give it, as docs/hooks.md shows")

    def traded(self, field: str, ticker: str) -> dict[str, object]:
        """What the source's ticker means here."""
        meant = self.source.symbols.get(ticker)
        if meant is not None:
            return {"mint" if is_address(meant) else "symbol": meant}
        known = sorted(self.source.symbols)
        more = ", …" if len(known) > TICKERS_SHOWN_MAX else ""
        fix = f"Known to this source are {', '.join(known[:TICKERS_SHOWN_MAX])}{more}"
        self.refuse(field, f"no ticker {shown(ticker)} in the source's table", fix)
        return {}


def refuse_all(words: Words) -> NoReturn:
    raise BadSignal(words.problems)
