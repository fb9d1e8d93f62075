"""Writes a signal as JSON, in the form that `decode_signal` reads back as an equal value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from overmind.clock.instants import EPOCH
from overmind.core.model.enums import SaleScope, SizingMethod
from overmind.core.model.money import Token
from overmind.core.model.numbers import written
from overmind.core.model.signal import RiskBudget, Signal
from overmind.core.model.units import MICROS, NS, PICO, PPM
from overmind.core.model.wallet import Exits
from overmind.signals.decode import ALL, NS_PER_MS


def encode_signal(signal: Signal, tokens: Mapping[str, Token]) -> dict[str, object]:
    """The fields that are set. Amounts are decimal strings with every digit."""
    token = tokens.get(signal.mint)
    encoded = {
        "signal_id": signal.id,
        "strategy_type": signal.strategy.value,
        "action": signal.action.value,
        "symbol": token.symbol if token else None,
        "mint": signal.mint,
        "notional_usd": _text(signal.notional_micros, MICROS),
        "quantity": _encoded_quantity(signal),
        "target_price": _text(signal.target_price_pico, PICO),
        "confidence": _text(signal.confidence_ppm, PPM),
        "risk_tolerance": _text(signal.risk_tolerance_ppm, PPM),
        "preferred_wallet_type": signal.preferred_type and signal.preferred_type.value,
        "exclude_wallets": list(signal.exclude) or None,
        "max_slippage_bps": signal.slippage_max_bps,
        "ttl_ms": None if signal.ttl_ns is None else signal.ttl_ns // NS_PER_MS,
        "timestamp": None if signal.at_ns is None else _when(signal.at_ns),
        "mev_protected": signal.mev_protected or None,
        "scope": None if signal.scope is SaleScope.STRATEGY else signal.scope.value,
        "split": signal.split and signal.split.value,
        "split_parts_max": signal.parts_max,
        **(_encoded_exits(signal.exits) if signal.exits is not None else {}),
        **(_encoded_risk(signal.risk) if signal.risk is not None else {}),
    }
    return {field: value for field, value in encoded.items() if value is not None}


def _encoded_quantity(signal: Signal) -> str | None:
    if signal.sell_all:
        return ALL
    return None if signal.quantity is None else written(signal.quantity)


def _encoded_exits(exits: Exits) -> dict[str, object]:
    return {
        "stop_loss_percent": _text(exits.stop_loss_ppm, PPM // 100),
        "trailing_stop_percent": _text(exits.trailing_ppm, PPM // 100),
        "take_profit_percent": _text(exits.take_profit_ppm, PPM // 100),
        "max_hold_ms": None if exits.hold_max_ns is None else exits.hold_max_ns // NS_PER_MS,
    }


def _encoded_risk(risk: RiskBudget) -> dict[str, object]:
    by_volatility = risk.method is SizingMethod.VOLATILITY
    return {
        "risk_budget_usd": _text(risk.micros, MICROS),
        "risk_budget_percent": _text(risk.equity_ppm, PPM // 100),
        "sizing": risk.method.value,
        "volatility_multiple": _text(risk.multiple_ppm, PPM) if by_volatility else None,
        "volatility_horizon_ms": risk.horizon_ns // NS_PER_MS if by_volatility else None,
    }


def _text(units: int | None, one: int) -> str | None:
    """`units` of 1/`one` each, as a decimal with every digit."""
    if units is None:
        return None
    whole, part = divmod(units, one)
    return f"{whole}.{part:0{len(str(one)) - 1}}".rstrip("0").rstrip(".")


def _when(at_ns: int) -> str | None:
    """ISO 8601 where microseconds are exact, else Unix seconds."""
    if at_ns % 1_000:
        return _text(at_ns, NS)
    return (EPOCH + timedelta(microseconds=at_ns // 1_000)).isoformat()
