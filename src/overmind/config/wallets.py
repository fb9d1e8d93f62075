"""The managed wallets: joins each entry of the list with its key source, and checks the wallets together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from overmind.config.environment import Environment, Origin
from overmind.config.problems import Findings
from overmind.config.secrecy import shown
from overmind.config.settings import Settings
from overmind.config.variables.chain import Cluster
from overmind.config.variables.service import API_TOKEN
from overmind.config.variables.wallets import KEYSTORE_PASSPHRASE, MANAGED_WALLETS
from overmind.config.wallet_files import Source, read_source, variable_of
from overmind.config.wallet_lines import WalletLine, read_lines
from overmind.core.model import defaults
from overmind.core.model.enums import WalletStatus, WalletType
from overmind.core.model.ids import WalletId
from overmind.core.model.wallet import Wallet
from overmind.keys.secret_key import SecretKey

# Of `.env.example` and wallets/*.example.json.
EXAMPLE_PUBLIC_KEYS: Final = frozenset(
    {
        "6j41GGyMkoU17mjEWVJWjCpB9tT6wiEgzvRz7me86Yh6",  # hft_wallet
        "73qwyavecJiHff8vJoaP3u5iZmUx63NX6g84hU9Cs6bZ",  # conservative_wallet
        "D8wydLcAXQZDi2iyBuk8xJiFGi11w4DMnKUx2piAiMoX",  # experimental_wallet
        "Dyc9stfENjJB1YPczQphNEBp9VtU59mE5j7TjNbRT9W4",  # primary_wallet
    }
)


class WalletConfig(msgspec.Struct, frozen=True):
    wallet: Wallet
    key: SecretKey
    source: str  # where the key came from, safe to print


class Managed(msgspec.Struct, frozen=True):
    """The wallets of the list. Broken entries are in `statuses` too, so that they do not count as missing."""

    wallets: dict[WalletId, WalletConfig]
    statuses: Mapping[WalletId, WalletStatus]
    key_variables: frozenset[str]


def read_wallets(cluster: Cluster, settings: Settings, environment: Environment, findings: Findings) -> Managed:
    before = len(findings.problems)
    listed = settings.get(MANAGED_WALLETS)
    lines = read_lines(listed, findings) if len(findings.problems) == before else []
    sealed = settings.get(KEYSTORE_PASSPHRASE)
    passphrase = None if sealed is None else sealed.reveal()
    pairs = [(line, _source(line, environment, passphrase, findings)) for line in lines]
    managed = Managed(
        wallets={config.wallet.id: config for line, source in pairs if (config := _join(line, source, findings))},
        statuses={line.id: source.status for line, source in pairs if line.id is not None},
        key_variables=frozenset(name for line in lines if (name := variable_of(line.source))),
    )
    _refuse_shared_keys(pairs, findings)
    _refuse_example_keys(cluster, pairs, findings)
    _check_readers(cluster, environment, pairs, managed.key_variables, findings)
    return managed


def _source(line: WalletLine, environment: Environment, passphrase: str | None, findings: Findings) -> Source:
    if not line.source:
        return Source("")
    return read_source(line.source, line.where, environment, passphrase, findings)


def _join(line: WalletLine, source: Source, findings: Findings) -> WalletConfig | None:
    """None: a part of it was wrong and recorded."""
    _refuse_contradictions(line, source, findings)
    if line.id is None or line.type is None or line.profile is None:
        return None
    if line.allocation_ppm is None or source.key is None:
        return None
    strategies = defaults.default_strategies(line.type) if source.strategies is None else source.strategies
    if line.type is WalletType.EMERGENCY and any(share.enabled for share in strategies.values()):
        findings.warn(source.shown, "an Emergency wallet takes no entries; its strategies never run", "take them out")
    usual = defaults.default_limits(line.type, line.profile)
    wallet = Wallet(
        id=line.id,
        type=line.type,
        profile=line.profile,
        public_key=source.key.public_key,
        allocation_ppm=line.allocation_ppm,
        limits=usual if source.limits is None else msgspec.structs.replace(usual, **source.limits),
        strategies=strategies,
        status=source.status,
        name=source.name,
        exits=source.exits,
    )
    _warn_of_no_stop(wallet, source.shown, findings)
    return WalletConfig(wallet, source.key, source.shown)


def _warn_of_no_stop(wallet: Wallet, file: str, findings: Findings) -> None:
    """The day's loss limit counts what positions can lose down to their stops. Without a stop it can count nothing."""
    trails = wallet.exits is not None and wallet.exits.trailing_ppm is not None
    if wallet.limits.stop_loss_ppm == 0 and not trails and wallet.type is not WalletType.EMERGENCY:
        findings.warn(
            f"{file}: risk_limits.stop_loss_threshold",
            f"{wallet.id} has no stop loss, so its day's loss can exceed max_daily_loss without bound",
            "set it above 0",
        )


def _refuse_contradictions(line: WalletLine, source: Source, findings: Findings) -> None:
    if line.id is not None and source.wallet_id not in (None, line.id):
        findings.refuse(
            f"{source.shown}: wallet_id",
            f"{shown(str(source.wallet_id))!r} contradicts {line.where}",
            "write the same id in both places, or name the right file",
        )
    if line.type is not None and source.wallet_type not in (None, line.type):
        findings.refuse(
            f"{source.shown}: wallet_type",
            f"{source.wallet_type} contradicts {line.type} in {line.where}",
            "write the same type in both places, or name the right file",
        )


def _refuse_shared_keys(pairs: Sequence[tuple[WalletLine, Source]], findings: Findings) -> None:
    holders = defaultdict(list)
    for line, source in pairs:
        if source.key is not None:
            holders[source.key].append(line.id or line.where)
    for key, names in holders.items():
        if len(names) > 1:
            findings.refuse(
                MANAGED_WALLETS.name,
                f"{' and '.join(map(shown, names))} have the same key {key.public_key}",
                "give every wallet its own key: two would spend the same money",
            )


def _refuse_example_keys(cluster: Cluster, pairs: Sequence[tuple[WalletLine, Source]], findings: Findings) -> None:
    if cluster is not Cluster.MAINNET:
        return
    for _, source in pairs:
        if source.key is not None and source.key.public_key in EXAMPLE_PUBLIC_KEYS:
            findings.refuse(
                source.shown,
                f"{source.key.public_key} is an example whose private key everybody can read",
                "make a key of your own with `overmind keys new FILE`",
            )


def _check_readers(
    cluster: Cluster,
    environment: Environment,
    pairs: Sequence[tuple[WalletLine, Source]],
    key_variables: frozenset[str],
    findings: Findings,
) -> None:
    """A key file that others can read is an error in live mode, and a warning in paper mode."""
    secrets = {*key_variables, API_TOKEN.name, KEYSTORE_PASSPHRASE.name}
    files = {source.shown for _, source in pairs if source.open_to_others}
    if environment.open_to_others and any(environment.origin(name) is Origin.FILE for name in secrets):
        files.add(shown(str(environment.dotenv)))
    note = findings.warn if cluster is Cluster.PAPER else findings.refuse
    for file in sorted(files):
        note(file, "holds a secret and can be read by others", f"chmod 600 {file}")
