"""The senders' door: signals come as JSON, and some senders write numbers as attackers and broken programs do."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Final

from msgspec.structs import replace
from tests.sim.world import TOKENS, USDC
from tests.support.number_grammar import JSON_NUMBER, as_json, written_number

from overmind.core.model.numbers import scaled
from overmind.core.model.signal import Signal
from overmind.signals.decode import BadSignal, decode_signal, token_index
from overmind.signals.encode import encode_signal

LISTED: Final = {token.mint: token for token in TOKENS}
INDEX: Final = token_index(TOKENS)
FIELDS: Final = ("notional_usd", "quantity", "target_price")


def through_the_door(random: Random, signal: Signal, seen: Counter[str]) -> Signal:
    """The signal as it is read after one of its numbers was replaced. A bad number is refused, and the sender then
    sends what was meant.
    """
    fields = encode_signal(signal, LISTED)
    replaced = [field for field in FIELDS if field in fields and fields[field] != "all"]
    if signal.mint not in LISTED or not replaced:
        return signal
    field, drawn = random.choice(replaced), written_number(random)
    del fields[field]
    line = f'{json.dumps(fields)[:-1]}, "{field}": {as_json(random, drawn)}}}'
    try:
        read = decode_signal(line, INDEX, USDC)
    except BadSignal:
        seen["hostile number refused"] += 1
        return signal
    decimals = {"notional_usd": 6, "quantity": LISTED[signal.mint].decimals, "target_price": 12}[field]
    units = None if read.quantity is None else scaled(read.quantity, decimals)
    found = {"notional_usd": read.notional_micros, "quantity": units, "target_price": read.target_price_pico}[field]
    assert drawn.is_number, f"{line} was read as {read}"
    assert found == drawn.cut(decimals), f"{line} was read as {found}"
    exact = drawn.scaled(decimals) is not None
    assert exact or JSON_NUMBER.fullmatch(drawn.text), f"{line} lost decimals"
    seen["hostile number read"] += 1
    return replace(read, source=signal.source)  # The door knows it; no sender says it.
