"""The shipped token lists, and what an operator may add to them (specification §5.7)."""

import json

import msgspec
import pytest
from solders.pubkey import Pubkey
from tests.support.desk_on_disk import DeskOnDisk

from overmind.core.model.ids import Mint
from overmind.core.model.mints import Authorities, DeclaredMint
from overmind.core.model.money import Token

MINT = "HhJpBhRRn4g56VsyLuT8DL5Bv31HkXqsrahTTUCZeZg4"
TOKEN = {"symbol": "MYRO", "mint": MINT, "decimals": 9, "program": "token"}
USDC = {"symbol": "USDC", "mint": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "decimals": 6, "program": "token"}
USDC_MINTS = """
paper    | EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v
mainnet  | EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v
localnet | EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v
devnet   | 4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU
"""


@pytest.mark.parametrize("case", USDC_MINTS.strip().splitlines())
def test_each_cluster_has_its_list(desk: DeskOnDisk, case: str) -> None:
    cluster, usdc = (cell.strip() for cell in case.split("|"))
    live = {
        "SNIPER_TRADING_MODE": "live",
        "OVERMIND_CLUSTER": cluster,
        "OVERMIND_MAINNET_OPT_IN": "I-accept-real-money",
    }
    found = desk.load(**({} if cluster == "paper" else live)).desk
    assert msgspec.structs.replace(found.quote, declared=None) == Token("USDC", Mint(usdc), 6, "token")
    # On real clusters its issuer can freeze it and make more of it; the localnet makes its own.
    assert (found.quote.declared is None) is (cluster == "localnet")
    assert found.quote.mint not in found.tokens
    tokens = {found.quote.mint: found.quote, **found.tokens}
    assert all(mint == token.mint and str(Pubkey.from_string(mint)) == mint for mint, token in tokens.items())
    assert len({token.symbol.casefold() for token in tokens.values()}) == len(tokens)
    assert Mint("So11111111111111111111111111111111111111112") in found.tokens


def test_a_file_adds_tokens_of_the_cluster(desk: DeskOnDisk) -> None:
    other = {**TOKEN, "symbol": "ELSEWHERE"}
    path = desk.write("tokens.json", json.dumps({"mainnet": [TOKEN], "devnet": [other]}))
    before = desk.load().desk.tokens
    assert desk.load(OVERMIND_TOKENS_FILE=str(path)).desk.tokens == {
        **before,
        Mint(MINT): Token("MYRO", Mint(MINT), 9, "token"),
    }


def test_a_token_that_is_listed_already_may_be_repeated(desk: DeskOnDisk) -> None:
    sol = {"symbol": "SOL", "mint": "So11111111111111111111111111111111111111112", "decimals": 9, "program": "token"}
    path = desk.write("tokens.json", json.dumps({"mainnet": [sol]}))
    assert desk.load(OVERMIND_TOKENS_FILE=str(path)).desk == desk.load().desk


REFUSED = [
    ([], "not a list of tokens for each cluster"),
    ({"mainnet": TOKEN}, "not a list of tokens for each cluster"),
    ({"testnet": []}, "'testnet' is no cluster"),
    ({"mainnet": [5]}, "not a token with symbol"),
    ({"mainnet": [{**TOKEN, "decimals": "9"}]}, "not a token with symbol"),
    ({"mainnet": [{**TOKEN, "decimals": 19}]}, "decimals are outside 0 to 18"),
    ({"mainnet": [{**TOKEN, "decimals": -1}]}, "decimals are outside 0 to 18"),
    ({"mainnet": [{**TOKEN, "mint": MINT[:-2]}]}, "the mint is not base58 of 32 bytes"),
    ({"mainnet": [{**TOKEN, "program": "erc20"}]}, "the program is not known"),
    ({"mainnet": [{**TOKEN, "declared": {"authorities": {"freeze": "me"}}}]}, "authorities freeze are not base58"),
    ({"mainnet": [{**TOKEN, "declared": {"authorities": {"ruler": MINT}}}]}, "not a token with symbol"),
    ({"mainnet": [{**TOKEN, "declared": {"transfer_fee_max_bps": 10_001}}]}, "transfer fee is outside 0 to 10000"),
    ({"mainnet": [{**USDC, "declared": {}}]}, "USDC has the mint of USDC"),
    ({"mainnet": [{**TOKEN, "symbol": ""}]}, "the symbol is not 1 to 16"),
    ({"mainnet": [{**TOKEN, "symbol": "US\u200bDC"}]}, "the symbol is not 1 to 16"),
    ({"mainnet": [{**TOKEN, "symbol": "2b1kV6\u2026u24GXo"}]}, "like those of tokens that no list has"),
    ({"mainnet": [{**TOKEN, "symbol": "S\u041eL"}]}, "mixes scripts: it holds U+041E CYRILLIC CAPITAL LETTER O"),
    ({"mainnet": [{**TOKEN, "symbol": "B\uff34C"}]}, "mixes scripts: it holds U+FF34 FULLWIDTH LATIN CAPITAL LETTER T"),
    ({"mainnet": [{**TOKEN, "symbol": "usdc"}]}, "the symbol usdc is taken by another mint"),
    ({"mainnet": [TOKEN, {**TOKEN, "symbol": "TWO"}]}, "TWO has the mint of MYRO"),
    ({"mainnet": [TOKEN, {**TOKEN, "decimals": 6}]}, "MYRO has the mint of MYRO"),
    ({"devnet": [{**TOKEN, "decimals": 19}]}, "decimals are outside 0 to 18"),
]


@pytest.mark.parametrize(("content", "reason"), REFUSED)
def test_a_token_file_is_refused(desk: DeskOnDisk, content: object, reason: str) -> None:
    path = desk.write("tokens.json", json.dumps(content))
    (problem,) = desk.problems(OVERMIND_TOKENS_FILE=str(path))
    assert problem.where.startswith(f"OVERMIND_TOKENS_FILE: {path}")
    assert reason in problem.problem
    assert problem.fix


def test_a_file_declares_who_may_do_what_with_a_token(desk: DeskOnDisk) -> None:
    """Of a token of its own, and of a shipped one that is not declared yet."""
    declared = {"authorities": {"mint": MINT, "freeze": MINT}, "transfer_fee_max_bps": 25}
    shipped = next(token for token in desk.load().desk.tokens.values() if token.symbol == "JUP")
    entries = [{**TOKEN, "declared": declared}, {**msgspec.structs.asdict(shipped), "declared": declared}]
    path = desk.write("tokens.json", json.dumps({"mainnet": entries}))
    found = desk.load(OVERMIND_TOKENS_FILE=str(path)).desk.tokens
    wanted = DeclaredMint(Authorities(mint=MINT, freeze=MINT), 25)
    assert found[Mint(MINT)].declared == found[shipped.mint].declared == wanted


def test_on_a_test_cluster_own_tokens_take_the_place_of_shipped_ones(desk: DeskOnDisk) -> None:
    """`overmind venue --create-mints` makes a USDC of its own."""
    path = desk.write("tokens.json", json.dumps({"devnet": [{**TOKEN, "symbol": "USDC", "decimals": 6}]}))
    live = {"SNIPER_TRADING_MODE": "live", "OVERMIND_CLUSTER": "devnet", "OVERMIND_TOKENS_FILE": str(path)}
    assert desk.load(**live).desk.quote.mint == MINT
