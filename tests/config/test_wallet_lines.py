"""OVERMIND_MANAGED_WALLETS, one line per case. The files behind it are sound; `F/` is their folder.

See specification §5.3.
"""

import pytest
from tests.support.desk_on_disk import DeskOnDisk

from overmind.core.model.ids import WalletId
from overmind.keys.secret_key import SecretKey

ACCEPTED = """
p:env:WALLET1_KEY:primary:medium:0.4                      | p Primary medium 400000
p:env:WALLET1_KEY:primary:medium:0.4,                     | p Primary medium 400000
 p : env:WALLET1_KEY : PRIMARY : Moderate : 0.4 ,         | p Primary medium 400000
p:F/hft-anon.json:hft:aggressive:1                        | p HFT high 1000000
p:F/a:b:c.json:mev:conservative:0                         | p MEVProtection low 0
p:F/hft-anon.json:MEVProtection:high:1.0                  | p MEVProtection high 1000000
p:F/hft-anon.json:emergency:experimental:0.000001         | p Emergency experimental 1
p:F/hft-anon.json:arbitrage:LOW:1e-1                      | p Arbitrage low 100000
p:F/hft-anon.json:secondary:low:.5                        | p Secondary low 500000
"""


@pytest.mark.parametrize("case", ACCEPTED.strip().splitlines())
def test_an_entry_is_read_from_both_ends(desk: DeskOnDisk, case: str) -> None:
    entry, expected = case.split("|")
    for name in ("hft-anon.json", "a:b:c.json"):
        desk.write(name, str(list(bytes(desk.keys["hft"].reveal()))))
    desk.lines(entry)
    (config,) = desk.load().wallets.values()
    wallet = config.wallet
    assert expected.split() == [wallet.id, wallet.type, wallet.profile, str(wallet.allocation_ppm)]


E = "env:WALLET1_KEY"
REFUSED = f"""
                                             | names no wallet
,                                            | the entry is empty
p:{E}:primary:medium:0.4,,                   | the entry is empty
p:primary:medium:0.4                         | has 4 parts, not 5
:{E}:primary:medium:0.4                      | the wallet id is empty
a b:{E}:primary:medium:0.4                   | not 1 to 64 letters, digits, _ and -
"p:{E}:primary:medium:0.4"                   | begins or ends with U+0022 QUOTATION MARK
p:F/"hft".json:primary:medium:0.4            | the path holds U+0022 QUOTATION MARK
é:{E}:primary:medium:0.4                     | not 1 to 64 letters, digits, _ and -
{"x" * 65}:{E}:primary:medium:0.4            | not 1 to 64 letters, digits, _ and -
p::primary:medium:0.4                        | the path is empty
p:env::primary:medium:0.4                    | is not set
p:env:NOT_THERE:primary:medium:0.4           | the variable that env:NOT_THERE names is not set
p:F/not-there.json:primary:medium:0.4        | the file does not exist
p:F/:primary:medium:0.4                      | not a regular file
p:{E}:primry:medium:0.4                      | wallet type 'primry' is not known
p:{E}:primary:middle:0.4                     | risk profile 'middle' is not known
p:{E}:primary:medium:x                       | allocation 'x' is not a number
p:{E}:primary:medium:                        | allocation '' is not a number
p:{E}:primary:medium:nan                     | allocation 'nan' is not a finite number
p:{E}:primary:medium:-inf                    | allocation '-inf' is not a finite number
p:{E}:primary:medium:-0.1                    | allocation -0.1 fraction is out of bounds
p:{E}:primary:medium:1.000001                | allocation 1.000001 fraction is out of bounds
p:{E}:primary:medium:40%                     | allocation '40%' is not a number
p:{E}:primary:medium:0.3333333               | more digits than can be kept
p:{E}:primary:medium:1e-999                  | '1e-999' has more than 64 decimals
p:{E}:prim:mid:2                             | wallet type; risk profile; allocation
p:{E}:primary:medium:.4,p:F/hft.json:hft:high:.3 | the wallet id occurs 2 times; contradicts
p:{E}:primary:medium:.4,q:{E}:hft:high:.3    | p and q have the same key
p:{E}:primary:medium:.7,hft_wallet:F/hft.json:hft:high:.300001 | the allocations sum to 1.000001
hft_wallet:F/hft.json:hft:high:.1,h2:F/hft.json:hft:high:.1 | contradicts ; have the same key
p:[1,2,3]:primary:medium:0.4                 | a private key has no place here
p:1,2,3,4,5,6,7,8,9,10,11:primary:medium:0.4 | a private key has no place here
"""


@pytest.mark.parametrize("case", REFUSED.strip("\n").splitlines())
def test_an_entry_is_refused(desk: DeskOnDisk, case: str) -> None:
    entries, expected = case.rsplit("|", 1)
    reasons = [reason.strip() for reason in expected.split(";")]
    desk.lines(entries)
    problems = desk.problems()
    assert len(problems) == len(reasons), problems
    for reason in reasons:
        assert any(reason in problem.problem for problem in problems), (reason, problems)
    assert all(problem.where and problem.fix for problem in problems)


def test_three_thirds_that_are_exact_sum_to_one(desk: DeskOnDisk) -> None:
    desk.lines(
        "a:env:WALLET1_KEY:primary:low:0.333333,hft_wallet:F/hft.json:hft:low:0.333333,"
        "conservative_wallet:F/conservative.json:conservative:low:0.333334"
    )
    assert sum(config.wallet.allocation_ppm for config in desk.load().wallets.values()) == 1_000_000


def test_a_key_pasted_as_a_path_is_not_repeated(desk: DeskOnDisk) -> None:
    secret = desk.env["WALLET1_KEY"]
    desk.lines(f"p:{secret}:primary:medium:0.4,{secret}:env:{secret}:{secret}:{secret}:{secret}")
    problems = desk.problems()
    assert len(problems) == 6
    assert secret not in str(problems)


def test_fifty_wallets_are_read(desk: DeskOnDisk) -> None:
    for number in range(50):
        desk.write(f"{number}.json", str(SecretKey.generate().reveal().to_json()))
    desk.lines(",".join(f"w{number}:F/{number}.json:primary:medium:0.02" for number in range(50)))
    assert list(desk.load().wallets) == [WalletId(f"w{number}") for number in range(50)]
