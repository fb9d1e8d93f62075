"""Mints that no list has: what admits them, who buys them, and when they are forgotten (specification §15.14)."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace
from tests.support.core_desk import DESK, TOKENS, CoreDesk, mint, rows, told

from overmind.core.books.apply import apply
from overmind.core.books.state import State, decode_state, encode_state, state_hash
from overmind.core.books.unlisted import TURNED_AWAY_MAX, is_needed
from overmind.core.control.unlisted import KEPT_NS, symbol_for
from overmind.core.model.codes import Code
from overmind.core.model.commands import CommandRefused, ConfigureDesk
from overmind.core.model.events import DeskConfigured, MintAdmitted, MintForgotten, MintRefused, OrderPlaced
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token

OPEN = "w1 share meme:50:5000,momentum:50:5000; admit checked; desk unlisted 2; look usd"
KEPT_MS = KEPT_NS // 10**6 + 1
PUP = f"{OPEN}; try pup; mark pup 2"
HELD = f"{PUP}; buy pup $300 by meme; fill"

TRIES = """
given | when | then
{OPEN}                     | try pup                     | MintAdmitted
# The bounds of the trial, at their edges.
{OPEN}                     | try pup pools 49999.999999  | MintRefused
{OPEN}                     | try pup impact 100          | MintAdmitted
{OPEN}                     | try pup impact 101          | MintRefused
{OPEN}                     | try pup back 97             | MintAdmitted
{OPEN}                     | try pup back 96.999999      | MintRefused
{OPEN}                     | try pup back 0              | MintRefused
{OPEN}                     | try pup fails reverted      | MintRefused
{OPEN}                     | try pup decimals 18         | MintAdmitted
{OPEN}                     | try pup decimals 19         | MintRefused
{OPEN}                     | try pup trial none          | MintRefused
# The mint is judged by the strict rules under either policy.
{OPEN}                     | try pup mint ann            | MintRefused
{OPEN}                     | try pup freeze ann          | MintRefused
{OPEN}; admit strict       | try pup                     | MintAdmitted
{OPEN}; admit off          | try pup                     | nothing
{OPEN}; desk unlisted 0    | try pup                     | nothing
# A listed token is judged as a listed one: it needs no trial.
{OPEN}                     | try eth                     | MintRefused
{OPEN}; try eth            | look eth                    | MintAdmitted
# Each trial is journaled, and each refusal once.
{PUP}                      | try pup                     | MintAdmitted
{PUP}                      | try pup back 90             | MintRefused
{PUP}; try pup back 90     | try pup back 90             | nothing
{PUP}; try pup back 90     | try pup                     | MintAdmitted
{OPEN}; try pup back 90    | try pup back 90             | nothing
# Silence refuses what is not known, and changes nothing that is.
{OPEN}                     | try pup fault NOT_LOOKED_AT | MintRefused
{PUP}                      | try pup fault NOT_LOOKED_AT | nothing
# The oldest that nobody holds makes room; where all are held, none does.
{PUP}; try cat             | try dog                     | MintForgotten + MintAdmitted
{HELD}; try cat; mark cat 1; buy cat $300 by meme | try dog | MintRefused
{HELD}; try cat            | try dog                     | MintForgotten + MintAdmitted
# What was seen of the market still counts when the watch looks at the mint alone.
{PUP}                      | watch pup                   | nothing
{PUP}; try pup back 90     | watch pup                   | nothing
{PUP}                      | watch pup freeze ann        | MintRefused
{PUP}; watch pup freeze ann | watch pup                  | MintAdmitted
# Nobody holds it: it is forgotten after a while. What is held or on order is not.
{PUP}; wait {KEPT_MS}      | watch pup                   | MintForgotten
{HELD}; wait {KEPT_MS}     | watch pup                   | nothing
{PUP}; buy pup $300 by meme; wait {KEPT_MS} | watch pup  | nothing
{PUP}; buy pup $300 by meme; fill provisional; roll back as expired; wait {KEPT_MS} | watch pup | MintForgotten
{HELD}; sell pup all; fill provisional; wait {KEPT_MS} | watch pup | nothing
{HELD}; sell pup all; fill; wait {KEPT_MS} | watch pup   | MintForgotten
# The policy sells what is held and whose mint has changed, not what its market says.
{HELD}; admit checked exit; look usd; try pup | watch pup freeze ann | MintRefused + CloseOrdered
{HELD}; admit checked exit; look usd; try pup | try pup freeze ann   | MintRefused + CloseOrdered
{HELD}; admit checked exit; look usd; try pup | try pup back 90      | MintRefused
"""
NONE = "pup: no list has it"
ENTRIES = """
given | when | then
{PUP}                   | buy pup $300 by meme     | w1 $300
{PUP}                   | buy pup $300 by momentum | MINT_NOT_ADMITTED {NONE}, and \
MomentumTrading buys listed tokens alone
{OPEN}                  | buy pup $300 by meme     | MINT_NOT_ADMITTED {NONE}, and it was not looked at
{OPEN}                  | buy pup $300             | MINT_NOT_ADMITTED {NONE}, and \
MomentumTrading buys listed tokens alone
{PUP}; admit off        | buy pup $300 by meme     | MINT_NOT_ADMITTED {NONE}, and this desk looks at no mint \
(OVERMIND_ADMISSION is off, or it is on paper)
{PUP}; desk unlisted 0  | buy pup $300 by meme     | MINT_NOT_ADMITTED {NONE}, and OVERMIND_UNLISTED_MINTS_MAX is 0
{OPEN}; try pup back 90 | buy pup $300 by meme     | MINT_NOT_ADMITTED {NONE}, and it is not admitted: \
ROUND_TRIP_LOSS: a buy and a sale right after it lose 1000 bps, at most 300
{OPEN}; try pup pools 9 | buy pup $300 by meme     | MINT_NOT_ADMITTED {NONE}, and it is not admitted: \
LOW_LIQUIDITY: its pools hold $9, and at least $50,000 are wanted
{OPEN}; try pup impact 200 | buy pup $300 by meme  | MINT_NOT_ADMITTED {NONE}, and it is not admitted: \
PRICE_IMPACT: $100 move the price by 200 bps, at most 100
{OPEN}; try pup fails no | buy pup $300 by meme    | MINT_NOT_ADMITTED {NONE}, and it is not admitted: NOT_SALEABLE: no
{OPEN}; try pup mint ann | buy pup $300 by meme    | MINT_NOT_ADMITTED {NONE}, and it is not admitted: \
MINT_AUTHORITY: mint is ann, and the token list declares nobody
{PUP}; try pup back 90  | buy pup $300 by meme     | MINT_NOT_ADMITTED pup: \
ROUND_TRIP_LOSS: a buy and a sale right after it lose 1000 bps, at most 300
{PUP}; desk unlisted 3  | buy pup $300 by meme     | MINT_NOT_ADMITTED pup: its mint was not looked at yet
# What is held can be sold, whatever has become of its mint, of the policy and of the setting.
{HELD}; try pup fails no          | sell pup all by meme | w1 150 pup
{HELD}; watch pup gone            | sell pup all         | w1 150 pup
{HELD}; admit off                 | sell pup all         | w1 150 pup
{HELD}; desk unlisted 0           | sell pup all         | w1 150 pup
{HELD}; wait {KEPT_MS}; watch pup; mark pup 2; mark sol 100 | sell pup all | w1 150 pup
{HELD}                            | close w1 pup         | CloseOrdered + w1 150 pup
"""


def filled(table: str) -> list[list[str]]:
    names = {"PUP": PUP, "HELD": HELD, "OPEN": OPEN, "NONE": NONE, "KEPT_MS": str(KEPT_MS)}
    return [[cell.format_map(names) for cell in row] for row in rows(table)]


@pytest.mark.parametrize(("given", "when", "then"), filled(TRIES))
def test_a_look(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


@pytest.mark.parametrize(("given", "when", "then"), filled(ENTRIES))
def test_an_entry_and_an_exit(given: str, when: str, then: str) -> None:
    said = told(CoreDesk(given).play(when))
    for limit in ("a listed or admitted token ", "admitted by the policy checked "):
        said = said.replace(limit, "")
    assert said == then


def test_the_settings_come_again_without_the_tokens_that_no_list_has() -> None:
    """A restart with the same files journals nothing; changed settings keep what is known."""
    desk = CoreDesk(PUP)
    files = replace(desk.state.settings, tokens=DESK.tokens)
    assert not desk.do(ConfigureDesk(files))
    assert not desk.do(ConfigureDesk(desk.state.settings))
    (changed,) = desk.do(ConfigureDesk(replace(files, rate_max_per_s=7)))
    assert isinstance(changed, DeskConfigured)
    assert changed.desk.tokens == DESK.tokens
    assert mint("pup") in desk.state.settings.tokens
    assert told(desk.play("buy pup $300 by meme")) == "w1 $300"


def test_a_list_may_take_the_token_up_and_another_unit_may_not() -> None:
    desk = CoreDesk(HELD)
    pup = Token("PUP", mint("pup"), 6)
    with pytest.raises(CommandRefused, match="has 6 decimals, not 5"):
        desk.do(ConfigureDesk(replace(DESK, tokens={**DESK.tokens, pup.mint: replace(pup, decimals=5)})))
    desk.do(ConfigureDesk(replace(DESK, tokens={**DESK.tokens, pup.mint: pup})))
    assert not desk.state.unlisted
    assert desk.state.settings.tokens[pup.mint] == pup
    assert told(desk.play("buy pup $300; fill; sell pup all")) == "w1 300 pup"


def test_a_held_token_that_left_the_list_is_judged_by_what_the_books_know() -> None:
    desk = CoreDesk(f"{OPEN}; deposit w1 1 eth; desk without eth; look usd")
    assert told(desk.play("try eth")) == "MintRefused"  # Its mint has 6 decimals, and the position 8.
    assert told(desk.play("try eth decimals 8")) == "MintAdmitted"
    assert told(desk.play("buy eth $300 by meme")) == "w1 $300"


def test_what_a_spammer_of_mints_leaves_behind_is_bounded() -> None:
    """Admitted and turned away, priced and not: the state does not grow, and a replay leads to the same one."""
    draw, desk = Random(5), CoreDesk(f"{OPEN}; desk heartbeat 10000; try pup; mark pup 2")
    sizes = set[int]()
    for number in range(400):
        desk.now_ns += draw.randrange(60) * 10**9
        bad = draw.choice(["", "back 90", "freeze ann", "fault NOT_LOOKED_AT"])
        desk.play(f"mark sol 100; mark m{number} 1; try m{number} {bad}; mark m{number} 2; watch m{number - 1}")
        if number > 2 * TURNED_AWAY_MAX:
            sizes.add(len(encode_state(desk.state)))
    state = desk.state
    assert len(state.turned_away) == TURNED_AWAY_MAX
    assert len(state.unlisted) <= 2
    assert len(state.admissions) <= 3
    assert len(state.marks) <= len(TOKENS) + 5
    assert len(state.mark_numbers) <= len(TOKENS) + 5
    assert max(sizes) - min(sizes) < 2 * 4_096, sizes
    assert state_hash(_replayed(desk)) == state_hash(state)
    assert encode_state(decode_state(encode_state(state))) == encode_state(state)


def _replayed(desk: CoreDesk) -> State:
    state = State()
    for entry in desk.entries:
        apply(state, entry)
    return state


STEPS = {
    "try": "try {name}; mark {name} 2; mark sol 100",
    "watch": "watch {name}",
    "buy": "try {name}; mark sol 100; mark {name} 2; buy {name} $20 by meme",
    "sell": "mark {name} 2; mark sol 100; sell {name} all",
    "fill": "fill",
    "fill provisionally": "fill provisional",
    "end": "final",
    "undo": "roll back as expired",
}


def test_no_token_that_somebody_needs_is_ever_forgotten() -> None:
    draw, desk = Random(11), CoreDesk(OPEN)
    for number in range(600):
        desk.now_ns += draw.randrange(300) * 10**9
        state, step = desk.state, draw.choice(list(STEPS))
        if ("fill" in step and not state.open_orders) or (step in ("end", "undo") and not state.provisional):
            continue
        needed = {one for one in state.unlisted if is_needed(state, one)}
        events = desk.play(STEPS[step].format(name=f"m{draw.randrange(6)}"))
        assert not {one.mint for one in events if isinstance(one, MintForgotten)} & needed, (number, step)
        held = {one for book in state.wallets.values() for one in book.positions}
        assert held <= state.settings.tokens.keys(), (number, step)
    kinds = [type(one.event) for one in desk.entries]
    assert kinds.count(MintForgotten) > 10
    assert kinds.count(OrderPlaced) > 20


def test_a_token_that_is_forgotten_keeps_its_empty_account_until_the_rent_is_back() -> None:
    desk = CoreDesk(f"{HELD}; sell pup all; fill; desk idle 60000; wait {KEPT_MS}; mark sol 100; watch pup")
    known = desk.state.unlisted[mint("pup")]
    assert not known.traded
    assert mint("pup") not in desk.state.settings.tokens
    assert told(desk.play("moves")) == "w1 pup reclaim"
    desk.play(f"fill provisional; try cat; wait {KEPT_MS}; watch cat")
    assert list(desk.state.unlisted) == [mint("pup")]  # A fork may bring the account back.
    desk.play(f"final; try cat; wait {KEPT_MS}; watch cat")
    assert not desk.state.unlisted


def test_a_symbol_is_never_that_of_another_token() -> None:
    desk = CoreDesk(OPEN)
    long = Mint("2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo")
    assert symbol_for(desk.state, long) == "2b1kV6…u24GXo"
    twin = Mint(long[:6] + "1" * 32 + long[-6:])
    listed = {**DESK.tokens, twin: Token("2B1KV6…U24GXO", twin, 6)}
    desk.do(ConfigureDesk(replace(desk.state.settings, tokens=listed)))
    assert symbol_for(desk.state, long) == long
    assert symbol_for(desk.state, SOL) != "SOL"


def test_only_the_sniping_and_meme_strategies_buy_what_no_list_has() -> None:
    every = ",".join(f"{word}:10:5000" for word in ("meme", "meteora", "momentum", "arbitrage"))
    desk = CoreDesk(PUP.replace("meme:50:5000,momentum:50:5000", every))
    placed = [told(desk.play(f"buy pup $20 by {word}")) for word in ("meme", "meteora")]
    assert placed == ["w1 $20"] * 2
    for word in ("momentum", "arbitrage"):
        assert told(desk.play(f"buy pup $20 by {word}")).startswith(Code.MINT_NOT_ADMITTED)


def test_a_trial_is_journaled_with_its_numbers() -> None:
    desk = CoreDesk(OPEN)
    (admitted,) = desk.play("try pup pools 70000 back 98.5 impact 7")
    assert isinstance(admitted, MintAdmitted)
    assert admitted.trial is not None
    assert (admitted.trial.liquidity_micros, admitted.trial.back_units) == (70_000_000_000, 98_500_000)
    assert admitted.token == Token("pup", mint("pup"), 6)
    (refused,) = desk.play("try pup back 1")
    assert isinstance(refused, MintRefused)
    assert not refused.turned_away
    (away,) = desk.play("try cat back 1")
    assert isinstance(away, MintRefused)
    assert away.turned_away
