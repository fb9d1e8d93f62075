"""The tokens of a live desk follow those that the state knows."""

from __future__ import annotations

import pytest
from tests.support.core_desk import TOKENS, USDC, CoreDesk, mint

from overmind.core.control.unlisted import KEPT_NS
from overmind.core.model.money import Token
from overmind.desk.tokens import LiveTokens, PricedMints

AT_START = {USDC.mint: USDC, TOKENS["eth"].mint: TOKENS["eth"]}


def test_a_token_comes_and_goes_and_its_empty_account_is_left() -> None:
    desk = CoreDesk("w1 share meme:50:5000; admit checked; desk unlisted 2; look usd")
    tokens, priced = LiveTokens(desk, AT_START), PricedMints(desk, AT_START)
    assert (dict(tokens), list(priced), len(tokens)) == (AT_START, list(AT_START), 2)
    desk.play("try pup; mark pup 2; buy pup $300 by meme; fill")
    pup = Token("pup", mint("pup"), 6)
    assert dict(tokens) == {**AT_START, pup.mint: pup}
    assert list(priced) == [*AT_START, pup.mint]
    desk.play(f"mark sol 100; sell pup all; fill; wait {KEPT_NS // 10**6 + 1}; watch pup")
    assert pup.mint in tokens  # Its account is closed with it.
    assert list(priced) == list(AT_START)
    with pytest.raises(KeyError):
        tokens[mint("cat")]
