"""Reads from where the service may be reached. A way that is not encrypted leads over the loopback, or to a proxy."""

from __future__ import annotations

import ipaddress
import ssl
import stat
from pathlib import Path
from typing import Final

from overmind.config.problems import Findings
from overmind.config.secrecy import shown_path
from overmind.config.settings import Settings
from overmind.config.variables.door import (
    ALLOWED_HOSTS,
    ANSWERS_NETWORKS,
    BIND,
    SESSION_IDLE,
    SESSION_MAX,
    TLS_CERT,
    TLS_KEY,
    TRUSTED_PROXY,
)
from overmind.core.model.enums import TradingMode
from overmind.core.model.value import Value

LOOPBACK: Final = "127.0.0.1"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class TlsFiles(Value, frozen=True):
    cert: Path
    key: Path


class DoorSettings(Value, frozen=True):
    bind: str = LOOPBACK
    tls: TlsFiles | None = None
    proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    answers_networks: tuple[str, ...] = ()
    session_idle_ns: int = 3_600 * 10**9
    session_max_ns: int = 43_200 * 10**9

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.bind).is_loopback


def read_door(settings: Settings, mode: TradingMode, findings: Findings) -> DoorSettings:
    door = DoorSettings(
        bind=settings.get(BIND),
        tls=_tls_files(settings, mode, findings),
        proxies=settings.get(TRUSTED_PROXY),
        hosts=settings.get(ALLOWED_HOSTS),
        answers_networks=settings.get(ANSWERS_NETWORKS),
        session_idle_ns=settings.get(SESSION_IDLE),
        session_max_ns=settings.get(SESSION_MAX),
    )
    named = settings.get(TLS_CERT) is not None or settings.get(TLS_KEY) is not None
    if not (door.is_loopback or named or door.proxies):
        findings.refuse(
            BIND.name,
            f"{door.bind} can be reached from other machines, and the way is not encrypted",
            f"set {TLS_CERT.name} and {TLS_KEY.name}, or {TRUSTED_PROXY.name}, or leave it at {LOOPBACK}",
        )
    return door


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """Raises OSError, of which SSLError is one."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key, password="")  # A key with a passphrase would wait for a terminal.
    return context


def _tls_files(settings: Settings, mode: TradingMode, findings: Findings) -> TlsFiles | None:
    cert, key = settings.get(TLS_CERT), settings.get(TLS_KEY)
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        missing, other = (TLS_CERT, TLS_KEY) if cert is None else (TLS_KEY, TLS_CERT)
        findings.refuse(missing.name, f"is not set, and {other.name} is", "set both, or none of them")
        return None
    files = TlsFiles(cert, key)
    try:
        tls_context(files)
        open_to_others = bool(key.stat().st_mode & _OTHERS)
    except ssl.SSLError:
        where = f"{TLS_CERT.name}: {shown_path(cert)}"
        findings.refuse(where, "is no certificate with this key", "name the PEM files of one certificate, unencrypted")
        return None
    except OSError as fault:
        where = f"{TLS_CERT.name} and {TLS_KEY.name}"
        findings.refuse(where, f"cannot be read: {fault.strerror}", "correct the paths or the permissions")
        return None
    if open_to_others:
        say = findings.refuse if mode is TradingMode.LIVE else findings.warn
        say(f"{TLS_KEY.name}: {shown_path(key)}", "others can read the key", f"chmod 600 {shown_path(key)}")
    return files
