"""What is journaled of a look at a mint or at our accounts, and what the gate makes of it (specification §15)."""

import pytest
from msgspec.structs import replace
from tests.support.core_desk import TOKENS, CoreDesk, rows, told

from overmind.core.model.commands import ConfigureDesk
from overmind.core.model.mints import DeclaredMint

LOOKS = """
given | when | then
# The journal grows with what changes, and with nothing else.
admit checked                                | look eth                | MintAdmitted
admit checked; look eth                      | look eth                | nothing
admit checked; look eth                      | look eth freeze mallory | MintRefused
admit checked; look eth freeze a             | look eth freeze a       | nothing
admit checked; look eth freeze a             | look eth freeze b       | MintRefused
admit checked; look eth freeze a             | look eth                | MintAdmitted
admit checked; look eth mint ann             | look eth mint bob       | MintAdmitted
admit checked                                | look eth gone           | MintRefused
admit checked; look eth                      | look eth gone           | MintRefused
                                             | look eth                | nothing
admit checked; desk without eth              | look eth                | nothing
# Another policy asks for another look.
admit checked; look eth mint ann; admit strict | look eth mint ann     | MintRefused
admit strict; look eth mint ann; admit checked | look eth mint ann     | MintAdmitted
# A held token that is not admitted any more is sold where the policy says so, once.
admit checked; w1; deposit w1 1 eth; look eth      | look eth freeze a | MintRefused
admit checked exit; w1; deposit w1 1 eth; look eth | look eth freeze a | MintRefused + CloseOrdered
admit checked exit; w1; w2; deposit w2 1 eth       | look eth freeze a | MintRefused + CloseOrdered
admit checked exit; w1; w2                         | look eth freeze a | MintRefused
admit checked exit; w1; deposit w1 1 eth; look eth freeze a | look eth freeze b | MintRefused
# Our own accounts.
w1                                           | account w1 eth           | nothing
w1                                           | account w1 eth frozen    | AccountsFlagged
w1; account w1 eth frozen                    | account w1 eth frozen    | nothing
w1; account w1 eth frozen                    | account w1 usd           | nothing
w1; account w1 eth frozen                    | account w1 usd frozen    | AccountsFlagged
w1; account w1 eth frozen                    | account w1 eth           | AccountsFlagged
"""
ENTRIES = """
given | when | then
                                                  | buy eth $300 | w1 $300
admit checked                                     | buy eth $300 | MINT_NOT_ADMITTED admitted by the policy checked \
eth: its mint was not looked at yet
admit checked; look eth                           | buy eth $300 | MINT_NOT_ADMITTED admitted by the policy checked \
usdc: its mint was not looked at yet
admit checked; look eth; look usd                 | buy eth $300 | w1 $300
admit checked; look eth; look usd                 | buy btc $300 | MINT_NOT_ADMITTED admitted by the policy checked \
btc: its mint was not looked at yet
admit checked; look eth freeze bob; look usd      | buy eth $300 | MINT_NOT_ADMITTED admitted by the policy checked \
eth: FREEZE_AUTHORITY: freeze is bob, and the token list declares nobody
admit checked; look eth; look usd pause bob       | buy eth $300 | MINT_NOT_ADMITTED admitted by the policy checked \
usdc: PAUSABLE: pause is bob, and the token list declares nobody
admit checked; look eth mint bob; look usd        | buy eth $300 | w1 $300
admit strict; look eth mint bob; look usd         | buy eth $300 | MINT_NOT_ADMITTED admitted by the policy strict \
eth: MINT_AUTHORITY: mint is bob, and the token list declares nobody
admit checked; look eth gone; look usd            | buy eth $300 | MINT_NOT_ADMITTED admitted by the policy checked \
eth: NO_MINT: gone
admit checked; look eth gone; look usd; admit off | buy eth $300 | w1 $300
admit checked; look eth; look usd; admit strict   | buy eth $300 | MINT_NOT_ADMITTED admitted by the policy strict \
eth: its mint was not looked at yet
# What is held can be sold, whatever its mint has become.
deposit w1 1 eth; admit checked; look eth gone    | sell eth 1   | w1 1 eth
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(LOOKS))
def test_a_look(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


@pytest.mark.parametrize(("given", "when", "then"), rows(ENTRIES))
def test_an_entry(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(f"w1; {given}").play(when)) == then


def test_a_declared_token_list_is_another_word_about_the_mint() -> None:
    """A journal of before the declaration opens with it, and everything is looked at again."""
    desk = CoreDesk("w1; admit checked; look eth; look usd")
    settings = desk.state.settings
    eth = replace(TOKENS["eth"], declared=DeclaredMint())
    quote = replace(settings.quote, declared=DeclaredMint())
    desk.do(ConfigureDesk(replace(settings, tokens={**settings.tokens, eth.mint: eth}, quote=quote)))
    assert desk.state.settings.quote.declared == DeclaredMint()
    assert not desk.state.admissions
    assert told(desk.play("look eth freeze bob")) == "MintRefused"
