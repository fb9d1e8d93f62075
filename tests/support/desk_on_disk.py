"""A desk's files: four wallets with generated keys, named as in the example. Tests change one thing and load it."""

from __future__ import annotations

import json
from pathlib import Path

from overmind.config import ConfigError, MultiWalletConfig, Problem
from overmind.keys.secret_key import SecretKey


class DeskOnDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env: dict[str, str] = {}
        self.keys = {name: SecretKey.generate() for name in ("primary", "hft", "conservative", "experimental")}
        self.env["WALLET1_KEY"] = str(self.keys["primary"].reveal())
        entries = ["primary_wallet:env:WALLET1_KEY:primary:medium:0.4"]
        for name, profile, share in (
            ("hft", "high", "0.3"),
            ("conservative", "low", "0.2"),
            ("experimental", "experimental", "0.1"),
        ):
            path = self.write(f"{name}.json", json.dumps(self.wallet(name)))
            entries.append(f"{name}_wallet:{path}:{name}:{profile}:{share}")
        self.env["OVERMIND_MANAGED_WALLETS"] = ",".join(entries)

    def wallet(self, name: str, **fields: object) -> dict[str, object]:
        return {"wallet_id": f"{name}_wallet", "private_key": str(self.keys[name].reveal()), **fields}

    def write(self, name: str, content: str | bytes, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def lines(self, text: str) -> None:
        """Sets the list of managed wallets; `F` stands for the folder."""
        self.env["OVERMIND_MANAGED_WALLETS"] = text.replace("F/", f"{self.folder}/")

    def load(self, dotenv: Path | None = None, /, **env: str) -> MultiWalletConfig:
        return MultiWalletConfig.from_env({**self.env, **env}, dotenv)

    def problems(self, dotenv: Path | None = None, /, **env: str) -> tuple[Problem, ...]:
        try:
            self.load(dotenv, **env)
        except ConfigError as refused:
            return refused.problems
        return ()
