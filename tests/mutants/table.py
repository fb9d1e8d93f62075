"""All bugs to plant, by subject. A new bug goes into the module of its subject."""

from __future__ import annotations

from typing import Final

from tests.mutants.access import ACCESS
from tests.mutants.admission import ADMISSION
from tests.mutants.answers import ANSWER_BUGS
from tests.mutants.backup import BACKUP
from tests.mutants.books import BOOKS
from tests.mutants.capital import CAPITAL
from tests.mutants.chain import CHAIN
from tests.mutants.clock import CLOCK_BUGS
from tests.mutants.door import DOOR_BUGS
from tests.mutants.durability import DURABILITY
from tests.mutants.entries import ENTRIES
from tests.mutants.firewall import FIREWALL_BUGS
from tests.mutants.history import HISTORY
from tests.mutants.hooks import HOOK_BUGS
from tests.mutants.limits import LIMITS
from tests.mutants.lots import LOTS
from tests.mutants.metrics import METRICS
from tests.mutants.mutation import Mutation
from tests.mutants.notices import NOTICES
from tests.mutants.numbers import NUMBERS
from tests.mutants.page import PAGE_BUGS
from tests.mutants.prices import PRICES
from tests.mutants.relay import RELAY_BUGS
from tests.mutants.reports import REPORT_BUGS
from tests.mutants.restored import RESTORED
from tests.mutants.routing import ROUTING_BUGS
from tests.mutants.sending import SENDING_BUGS
from tests.mutants.shipping import SHIPPING
from tests.mutants.splits import SPLITS
from tests.mutants.storage import STORAGE_BUGS
from tests.mutants.terminal import TERMINAL_BUGS
from tests.mutants.unlisted import UNLISTED
from tests.mutants.waiting import WAITING

SUBJECTS: Final[dict[str, tuple[Mutation, ...]]] = {
    "books": BOOKS,
    "entries": ENTRIES,
    "splits": SPLITS,
    "limits": LIMITS,
    "durability": DURABILITY,
    "sending": SENDING_BUGS,
    "chain": CHAIN,
    "firewall": FIREWALL_BUGS,
    "relay": RELAY_BUGS,
    "capital": CAPITAL,
    "numbers": NUMBERS,
    "door": DOOR_BUGS,
    "access": ACCESS,
    "page": PAGE_BUGS,
    "prices": PRICES,
    "admission": ADMISSION,
    "terminal": TERMINAL_BUGS,
    "unlisted": UNLISTED,
    "storage": STORAGE_BUGS,
    "lots": LOTS,
    "restored": RESTORED,
    "routing": ROUTING_BUGS,
    "backup": BACKUP,
    "shipping": SHIPPING,
    "clock": CLOCK_BUGS,
    "waiting": WAITING,
    "metrics": METRICS,
    "answers": ANSWER_BUGS,
    "notices": NOTICES,
    "history": HISTORY,
    "reports": REPORT_BUGS,
    "hooks": HOOK_BUGS,
}
MUTATIONS: Final = tuple(one for bugs in SUBJECTS.values() for one in bugs)
