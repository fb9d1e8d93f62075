"""Reads a wallet's key source: a variable, a Solana keypair file, a wallet JSON or a sealed keystore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from overmind.config import kinds
from overmind.config.environment import Environment
from overmind.config.files import FileText, InvalidValue, read_file, read_json
from overmind.config.kinds import Measure
from overmind.config.problems import Findings
from overmind.config.secrecy import shown
from overmind.core.model import defaults
from overmind.core.model.codes import LIMIT_FIELDS, LimitField
from overmind.core.model.enums import StrategyType, WalletStatus, WalletType
from overmind.core.model.numbers import decimal_of
from overmind.core.model.units import DAY_NS, PPM
from overmind.core.model.wallet import Exits, StrategyShare
from overmind.keys.key_forms import form_of_object
from overmind.keys.keystore import FORMAT, unseal
from overmind.keys.secret_key import BadKey, SecretKey, key_of_array, public_key_fault, read_key
from overmind.text.characters import trimmed

V = TypeVar("V")

ENV_PREFIX: Final = "env:"
_NAME_MAX: Final = 200
_HOLD_MAX_MS: Final = 3_650 * DAY_NS // 1_000_000
_KNOWN: Final = (
    "wallet_id",
    "name",
    "description",
    "private_key",
    "public_key",
    "wallet_type",
    "strategy_allocation",
    "risk_limits",
    "exits",
    "status",
)
LIMITS: Final[Mapping[str, LimitField]] = {row.name: row for row in LIMIT_FIELDS if row.in_files}
# Names and bounds as in a signal (`overmind.signals.decode`); a wallet's stop loss is one of its limits.
EXITS: Final[Mapping[str, tuple[str, Measure]]] = {
    "trailing_stop_percent": ("trailing_ppm", kinds.percent_within("0.0001", "99.9999")),
    "take_profit_percent": ("take_profit_ppm", kinds.percent_within("0.0001", "100000")),
    "max_hold_ms": ("hold_max_ns", kinds.milliseconds(1, _HOLD_MAX_MS)),
    "max_hold_hours": ("hold_max_ns", kinds.hours("0.001", _HOLD_MAX_MS // 3_600_000)),
}
# Where a limit or an exit stands. One that stands beside them would have no effect.
_PLACES: Final = {**dict.fromkeys(LIMITS, "risk_limits"), **dict.fromkeys(EXITS, "exits")}
_STATUSES: Final = {status.value: status for status in WalletStatus}
_SHARE: Final = ("strategy_type", "allocation_percentage", "max_position_size", "enabled")


class Source(msgspec.Struct, frozen=True):
    """None: not given there, or wrong and recorded."""

    shown: str
    key: SecretKey | None = None
    open_to_others: bool = False
    wallet_id: str | None = None
    wallet_type: WalletType | None = None
    name: str = ""
    status: WalletStatus = WalletStatus.ACTIVE
    limits: dict[str, int] | None = None  # by field; the wallet's type and profile give what is left out
    strategies: dict[StrategyType, StrategyShare] | None = None
    exits: Exits | None = None


def variable_of(source: str) -> str | None:
    """The variable that a source `env:NAME` names."""
    return source[len(ENV_PREFIX) :].strip() if source.startswith(ENV_PREFIX) else None


def read_source(
    source: str, where: str, environment: Environment, passphrase: str | None, findings: Findings
) -> Source:
    variable = variable_of(source)
    if variable is not None:
        return _read_variable(variable, where, environment, findings)
    path = kinds.path().read(source)
    file = path if isinstance(path, InvalidValue) else read_file(path)
    if isinstance(file, InvalidValue):
        findings.refuse(f"{where}: {shown(source)}", file.problem, file.fix)
        return Source(shown(source))
    read = _Reader(shown(source), findings).read(file, passphrase)
    return msgspec.structs.replace(read, open_to_others=file.open_to_others)


def _read_variable(name: str, where: str, environment: Environment, findings: Findings) -> Source:
    source = shown(f"{ENV_PREFIX}{name}")
    text = environment.get(name)
    if not name or text is None:
        findings.refuse(where, f"the variable that {source} names is not set", "set it to the private key")
        return Source(source)
    key = read_key(text)
    if isinstance(key, BadKey):
        findings.refuse(f"{where}: {source}", key.problem, key.fix)
        return Source(source)
    return Source(source, key)


class _Reader:
    """Reads one file and records every problem under its name."""

    def __init__(self, path: str, findings: Findings) -> None:
        self._path = path
        self._findings = findings

    def read(self, file: FileText, passphrase: str | None) -> Source:
        if trimmed(file.text)[:1] not in ("{", "["):
            return Source(self._path, self._exported(file.text))
        parsed = read_json(file.text)
        if isinstance(parsed, InvalidValue):
            self._refuse("", parsed.problem, parsed.fix)
            return Source(self._path)
        content, doubles = parsed
        for name in doubles:
            self._refuse(shown(name), "stands more than once in one object", "keep one of them")
        if isinstance(content, dict):
            sealed = content.get("format") == FORMAT
            return self._sealed(content, passphrase) if sealed else self._wallet(content, passphrase)
        if isinstance(content, list):
            return Source(self._path, self._key(key_of_array(content)))
        raise AssertionError("what begins with a brace or a bracket is an object or an array")

    def _exported(self, text: str) -> SecretKey | None:
        """The text of a key alone, as wallets export it."""
        key = read_key(text)
        if isinstance(key, SecretKey):
            return key
        self._refuse("", f"neither a wallet, a keypair nor a keystore; {key.problem}", key.fix)
        return None

    def _sealed(self, content: dict[str, object], passphrase: str | None) -> Source:
        return Source(self._path, self._key(unseal(content, passphrase)))

    def _wallet(self, content: dict[str, object], passphrase: str | None) -> Source:
        if content.keys().isdisjoint(_KNOWN):
            problem = f"no wallet, keypair or keystore of ours: it is {form_of_object(content)}"
            self._refuse("", problem, "export the private key from that program as base58, and keep it in a file")
            return Source(self._path)
        self._check_names(content)
        limits = content.get("risk_limits")
        shares = content.get("strategy_allocation")
        exits = content.get("exits")
        return Source(
            self._path,
            key=self._private_key(content, passphrase),
            wallet_id=self._text(content, "wallet_id"),
            wallet_type=self._one_of(content, "wallet_type", defaults.WALLET_TYPES),
            name=(self._text(content, "name") or "")[:_NAME_MAX],
            status=self._one_of(content, "status", _STATUSES) or WalletStatus.ACTIVE,
            limits=None if limits is None else self._limits(limits),
            strategies=None if shares is None else self._strategies(shares),
            exits=None if exits is None else self._exits(exits),
        )

    def _check_names(self, content: dict[str, object]) -> None:
        for name in content.keys() - set(_KNOWN):
            if (meant := kinds.nearest(name, _KNOWN)) is not None:
                # A misspelt risk_limits must not silently fall back to the defaults.
                self._refuse(shown(name), "not a known field", f"write {meant}")
            elif (inside := kinds.nearest(name, _PLACES)) is not None:
                self._refuse(shown(name), "no field of a wallet itself", f"write {inside} inside {_PLACES[inside]}")
            else:
                self._findings.warn(f"{self._path}: {shown(name)}", "not a field of ours; ignored", "take it out")

    def _private_key(self, content: dict[str, object], passphrase: str | None) -> SecretKey | None:
        stored, stated = content.get("private_key"), self._text(content, "public_key")
        if isinstance(stored, str):
            key = self._key(read_key(stored), "private_key")
        elif isinstance(stored, dict) and stored.get("format") == FORMAT:
            key = self._key(unseal(stored, passphrase), "private_key")
        elif stored is None:
            self._refuse("private_key", "missing", "give the 64-byte key as a JSON array in a string, or as base58")
            return None
        else:
            key = self._key(key_of_array(stored), "private_key")
        fault = None if key is None or stated is None else public_key_fault(key, stated.strip())
        if fault is not None:
            self._refuse("public_key", fault.problem, fault.fix)
        return key

    def _limits(self, given: object) -> dict[str, int] | None:
        """By field."""
        if not isinstance(given, dict):
            self._refuse("risk_limits", "not an object", f"give all of {', '.join(LIMITS)}")
            return None
        self._check_members(given, "risk_limits", tuple(LIMITS))
        return {
            row.field: self._measure(given, "risk_limits", name, kinds.limit(row))
            for name, row in LIMITS.items()
            if row.required or given.get(name) is not None
        }

    def _exits(self, given: object) -> Exits | None:
        """None if the file gives none."""
        if not isinstance(given, dict):
            self._refuse("exits", "not an object", f"give some of {', '.join(EXITS)}")
            return None
        self._check_members(given, "exits", tuple(EXITS))
        named = [name for name in EXITS if given.get(name) is not None]
        if {"max_hold_ms", "max_hold_hours"} <= set(named):
            self._refuse("exits.max_hold_hours", "a second time to hold", "give max_hold_ms or max_hold_hours")
        fields = {EXITS[name][0]: self._measure(given, "exits", name, EXITS[name][1]) for name in named}
        return Exits(**fields) if fields else None

    def _strategies(self, given: object) -> dict[StrategyType, StrategyShare] | None:
        if not isinstance(given, list):
            self._refuse("strategy_allocation", "not an array", "give an array of strategies")
            return None
        shares: dict[StrategyType, StrategyShare] = {}
        for position, entry in enumerate(given, start=1):
            self._strategy(f"strategy_allocation[{position}]", entry, shares)
        total = sum(share.share_ppm for share in shares.values() if share.enabled)
        if total > PPM:
            percent = f"{decimal_of(total, 4).normalize():f}"
            self._refuse("strategy_allocation", f"the enabled shares sum to {percent} percent", "lower them to 100")
        return shares

    def _strategy(self, place: str, entry: object, shares: dict[StrategyType, StrategyShare]) -> None:
        if not isinstance(entry, dict):
            self._refuse(place, "not an object", f"give {', '.join(_SHARE)}")
            return
        self._check_members(entry, place, _SHARE)
        share = StrategyShare(
            share_ppm=self._measure(entry, place, "allocation_percentage", kinds.percent()),
            position_max_micros=self._measure(entry, place, "max_position_size", kinds.usd()),
            enabled=self._flag(entry, place, "enabled"),
        )
        if entry.get("strategy_type") is None:
            self._refuse(f"{place}.strategy_type", "missing", f"name one of {', '.join(StrategyType)}")
            return
        strategy = self._one_of(entry, "strategy_type", defaults.STRATEGIES, f"{place}.")
        if strategy in shares:
            self._refuse(f"{place}.strategy_type", f"{strategy} is listed twice", "keep one of the entries")
        elif strategy is not None:
            shares[strategy] = share

    def _check_members(self, given: dict[str, object], place: str, known: tuple[str, ...]) -> None:
        for name in given.keys() - set(known):
            self._refuse(f"{place}.{shown(name)}", "not a known field", f"use {', '.join(known)}")

    def _measure(self, given: dict[str, object], place: str, name: str, measure: Measure) -> int:
        """A number in the measure's unit; 0 if it is wrong and recorded."""
        value = given.get(name)
        if value is None:
            read: int | InvalidValue = InvalidValue("missing", f"give a number of {measure.unit}, {measure.bounds}")
        else:
            read = measure.read(value) if isinstance(value, str) else measure.exact(value)
        if not isinstance(read, InvalidValue):
            return read
        self._refuse(f"{place}.{name}", read.problem, read.fix)
        return 0

    def _flag(self, given: dict[str, object], place: str, name: str) -> bool:
        value = given.get(name, True)
        if isinstance(value, bool):
            return value
        self._refuse(f"{place}.{name}", "not true or false", "write true or false, without quotes")
        return False

    def _text(self, given: dict[str, object], name: str, place: str = "") -> str | None:
        value = given.get(name)
        if value is None or isinstance(value, str):
            return value
        self._refuse(f"{place}{name}", "not a text", "write it in quotes")
        return None

    def _one_of(self, given: dict[str, object], name: str, known: Mapping[str, V], place: str = "") -> V | None:
        text = self._text(given, name, place)
        value = None if text is None else kinds.choice(known).read(text)
        if not isinstance(value, InvalidValue):
            return value
        self._refuse(f"{place}{name}", value.problem, value.fix)
        return None

    def _key(self, key: SecretKey | BadKey, place: str = "") -> SecretKey | None:
        if isinstance(key, SecretKey):
            return key
        self._refuse(place, key.problem, key.fix)
        return None

    def _refuse(self, place: str, problem: str, fix: str) -> None:
        self._findings.refuse(f"{self._path}: {place}" if place else self._path, problem, fix)
