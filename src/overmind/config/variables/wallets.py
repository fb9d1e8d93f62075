"""Settings of the wallets and the tokens that they trade."""

from __future__ import annotations

from overmind.config import kinds
from overmind.config.variables.variable import Variable

MANAGED_WALLETS = Variable(
    "OVERMIND_MANAGED_WALLETS",
    kinds.words("comma list of wallet_id:path:type:risk:allocation"),
    "",
    "The wallets. path is a wallet JSON, a Solana keypair file, a keystore, or env:NAME for a variable with the "
    "key. allocation is the target share of the capital, 0 to 1; all together are at most 1.",
)
DEFAULT_WALLET = Variable(
    "OVERMIND_DEFAULT_WALLET",
    kinds.words("wallet_id"),
    "",
    "The fallback wallet. It passes the same gate as the others.",
)
MULTI_WALLET_ENABLED = Variable(
    "OVERMIND_MULTI_WALLET_ENABLED", kinds.flag(), "true", "false: only the default wallet takes entries."
)
KEYSTORE_PASSPHRASE = Variable(
    "OVERMIND_KEYSTORE_PASSPHRASE",
    kinds.optional(kinds.secret()),
    "",
    "Opens encrypted keystore files.",
    secret=True,
)
TOKENS_FILE = Variable(
    "OVERMIND_TOKENS_FILE",
    kinds.optional(kinds.path()),
    "",
    "JSON file with more tokens, in the shape of the shipped list: {cluster: [{symbol, mint, decimals, program}]}.",
)
