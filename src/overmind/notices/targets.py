"""The targets of notices: apprise's services. They are named by number and scheme, never by their address."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Final, Protocol
from urllib.parse import urlsplit

from overmind.config import ConfigError, Problem
from overmind.config.secrecy import Secret
from overmind.config.variables.notices import NOTICES
from overmind.core.model.value import Value

INSTALL: Final = "pip install overmind[notices]"
TYPES: Final = {"info": "info", "warning": "warning", "critical": "failure"}  # of Severity, as apprise names them


class Service(Protocol):
    """What we use of apprise."""

    def add(self, servers: str) -> bool: ...

    def notify(self, body: str, title: str, notify_type: str, body_format: str) -> object: ...


class Target(Value, frozen=True):
    number: int  # its place in OVERMIND_NOTICES, from 1
    scheme: str
    send: Callable[[str, str, str], bool]  # title, text, severity; may hang, and is called in a thread

    @property
    def name(self) -> str:
        """Nothing of it is secret."""
        return f"{self.number} ({self.scheme})"


def targets_of(urls: Sequence[Secret]) -> tuple[Target, ...]:
    """Raises ConfigError for each address that apprise refuses, and where apprise is not installed."""
    if not urls:
        return ()
    try:
        apprise = importlib.import_module("apprise")
    except ModuleNotFoundError:
        raise ConfigError((Problem(NOTICES.name, "notices need a package that is not installed", INSTALL),)) from None
    _silence()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that its services import
        return _added(apprise, urls)


def _added(apprise: ModuleType, urls: Sequence[Secret]) -> tuple[Target, ...]:
    found, problems = list[Target](), list[Problem]()
    for number, url in enumerate(urls, 1):
        scheme = urlsplit(url.reveal()).scheme.lower()[:32]
        service: Service = apprise.Apprise(asset=apprise.AppriseAsset(http_redirects=False, async_mode=False))
        if service.add(url.reveal()):
            found.append(Target(number, scheme, _sending(service)))
        else:
            where = f"{NOTICES.name}: target {number}"
            fix = "write it as the documentation of apprise shows it for this service"
            problems.append(Problem(where, f"apprise refuses this {scheme}:// address", fix))
    if problems:
        raise ConfigError(tuple(problems))
    return tuple(found)


def _sending(service: Service) -> Callable[[str, str, str], bool]:
    def send(title: str, text: str, severity: str) -> bool:
        # As text: a service that shows HTML or Markdown gets it escaped, so that nothing in a reason is one.
        return bool(service.notify(body=text, title=title, notify_type=TYPES[severity], body_format="text"))

    return send


def _silence() -> None:
    """Its log may show addresses. What became of a notice is logged by us."""
    logger = logging.getLogger("apprise")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
