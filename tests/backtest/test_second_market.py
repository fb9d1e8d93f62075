"""Two recomputations of what a backtest's market gives: the market model, and an accountant that shares no code."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.backtest.second_market import Market
from tests.backtest.tapes import costs_with
from tests.backtest.test_month import ENV, MONTH, SEED, SIGNALS, tight, varied

from overmind.backtest.history import play
from overmind.config import MultiWalletConfig
from overmind.core.model.enums import Side
from overmind.core.model.units import DAY_NS, MICROS, NS
from overmind.desk.market import tokens_by_symbol
from overmind.journal.memory import MemoryJournal
from overmind.prices.candles import load_tape
from overmind.sandbox.demo import demo_env, demo_signals


@pytest.mark.parametrize("days", [3, pytest.param(12, marks=pytest.mark.soak)])
def test_every_fill_is_what_a_second_accountant_expects(tmp_path: Path, days: int) -> None:
    """From before a crash on. Depth is scarce and impacts last, so that each fill depends on the ones before it."""
    config = tight(MultiWalletConfig.from_env({**demo_env(SEED, tmp_path), **ENV}, dotenv=None))
    whole = load_tape(MONTH, tokens_by_symbol(config.desk))
    tape = whole.between(whole.start_ns, whole.start_ns + days * DAY_NS)
    assert tape is not None
    costs = costs_with(
        latency_ms=(0, 0, 0, 0, 0),
        depth_per_volume_percent=20_000,
        depth_floor_usd=500_000 * MICROS,
        impact_half_life_s=1_800 * NS,
    )
    signals = [varied(one, number) for number, one in enumerate(demo_signals(whole, SEED, SIGNALS))]
    early = [one for one in signals if (one.at_ns or 0) < tape.end_ns]
    journal = MemoryJournal()
    played = play(config, journal, tape, early, SEED, lambda _: None, costs=costs)
    tokens = config.desk.tokens
    classes = {mint: costs.class_of(token.symbol).token_class() for mint, token in tokens.items()}
    market = Market(tape, classes, {mint: one.decimals for mint, one in tokens.items()}, played.exits_inside)
    market.fold_all([*journal.read()])
    assert len(market.found) == played.filled > 20 * days
    assert {one.order.side for one in market.found} == set(Side)
    assert len(played.exits_inside) > 3 * days
    for one in market.found:
        assert abs(one.received - one.expected) <= 2 + one.expected / 10**6, one  # Costs are rounded to a millionth.
