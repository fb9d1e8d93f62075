"""Two private files in the data directory: the address of the running service, and its API token."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import ssl
from pathlib import Path
from typing import Final

import msgspec

from overmind.config import ConfigError, MultiWalletConfig, Problem
from overmind.config.files import FileText, read_file
from overmind.config.secrecy import Secret
from overmind.config.variables.service import API_TOKEN, TOKEN_LENGTH_MIN
from overmind.core.model.enums import TradingMode
from overmind.core.model.numbers import digits
from overmind.core.model.value import Value
from overmind.keys.private_file import write_private

TOKEN_FILE: Final = "api_token"
TOKEN_BYTES: Final = 32
SERVICE_FILE: Final = "service.json"
LOCK_FILE: Final = "overmind.lock"  # the journal's lock; it holds the pid of its owner
PID_BYTES_MAX: Final = 32
PID_MAX: Final = 2**31 - 1
PEM_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
PEM_END: Final = "-----END CERTIFICATE-----"


class RunningService(Value, frozen=True):
    """A running `overmind run`."""

    url: str
    pid: int
    certificate: str = ""  # the SHA-256 of its certificate, if it speaks https: other commands know it by this


def fingerprint(certificate: Path) -> str:
    """Of the first certificate in a PEM file. Raises OSError, ValueError."""
    first = certificate.read_text(encoding="ascii").partition(PEM_END)[0] + PEM_END
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first[first.index(PEM_BEGIN) :])).hexdigest()


def publish(data_dir: Path, service: RunningService) -> None:
    write_private(data_dir / SERVICE_FILE, msgspec.json.encode(service) + b"\n")


def withdraw(data_dir: Path) -> None:
    """Leaves the file of another service alone: the folder may have been replaced under this one."""
    if (service := last_service(data_dir)) is None or service.pid == os.getpid():
        (data_dir / SERVICE_FILE).unlink(missing_ok=True)


def last_service(data_dir: Path) -> RunningService | None:
    """The service that published itself last and has not withdrawn: it runs, or it was killed."""
    file = read_file(data_dir / SERVICE_FILE)
    with contextlib.suppress(msgspec.DecodeError):
        return msgspec.json.decode(file.text, type=RunningService) if isinstance(file, FileText) else None
    return None


def find_service(data_dir: Path) -> RunningService | None:
    """The service that owns the journal there. A file left by a crash names a process that does not own it."""
    service = last_service(data_dir)
    with contextlib.suppress(OSError):
        if service is not None and _owner(data_dir / LOCK_FILE) == service.pid:
            return service
    return None


def _owner(lock: Path) -> int | None:
    """The pid that holds a lock. Raises OSError if there is no lock, or its process is gone or not ours."""
    descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        written = os.pread(descriptor, PID_BYTES_MAX, 0).strip()
        if (pid := digits(written.decode(errors="replace"), PID_MAX)) is None:
            return None
        os.kill(pid, 0)  # A dead process holds no lock: then do not touch it.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return pid
    finally:
        os.close(descriptor)
    return None


def token_of_service(config: MultiWalletConfig) -> tuple[Secret, tuple[Problem, ...]]:
    """The token that callers must send, and warnings about it. Creates one if there is none. Raises ConfigError.

    Only the owner of the journal calls this, so nobody else creates one at the same time.
    """
    if config.api_token is not None:
        return config.api_token, ()
    path = config.data_dir / TOKEN_FILE
    if not path.exists():
        write_private(path, secrets.token_urlsafe(TOKEN_BYTES).encode() + b"\n")
    file = _token_file(path)
    if not file.open_to_others:
        return Secret(file.text.strip()), ()
    problem = Problem(str(path), "others can read the token", f"chmod 600 {path}; better, remove it: a new one is made")
    if config.mode is TradingMode.LIVE:
        raise ConfigError((problem,))
    return Secret(file.text.strip()), (problem,)


def token_of_caller(data_dir: Path, configured: Secret | None) -> Secret:
    """The token of the service that runs there. Raises ConfigError."""
    return configured if configured is not None else Secret(_token_file(data_dir / TOKEN_FILE).text.strip())


def _token_file(path: Path) -> FileText:
    file = read_file(path)
    if not isinstance(file, FileText):
        raise ConfigError((Problem(str(path), file.problem, f"{file.fix}, or set {API_TOKEN.name}"),))
    if len(file.text.strip()) < TOKEN_LENGTH_MIN or not file.text.strip().isascii():
        problem = f"holds no token of {TOKEN_LENGTH_MIN} or more plain characters"
        raise ConfigError((Problem(str(path), problem, "remove it: a new one is made at the next start"),))
    return file
