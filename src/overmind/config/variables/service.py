"""Settings of the HTTP service, its folders and its log."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from overmind.config import kinds
from overmind.config.kinds import measured
from overmind.config.variables.variable import Variable

TOKEN_LENGTH_MIN: Final = 16


class LogLevel(enum.StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_LEVELS: Final[Mapping[str, LogLevel]] = {
    "debug": LogLevel.DEBUG,
    "info": LogLevel.INFO,
    "warning": LogLevel.WARNING,
    "error": LogLevel.ERROR,
    "trace": LogLevel.DEBUG,
    "warn": LogLevel.WARNING,
}
SERVER_PORT = Variable(
    "SNIPER_SERVER_PORT",
    measured(kinds.whole("port", 0, 65_535)),
    "8080",
    "Port of the HTTP API. 0 takes any free port.",
)
LOG_LEVEL = Variable("SNIPER_LOG_LEVEL", kinds.choice(_LEVELS), "info", "The least important message that is logged.")
API_TOKEN = Variable(
    "OVERMIND_API_TOKEN",
    kinds.optional(kinds.secret(TOKEN_LENGTH_MIN)),
    "",
    "Bearer token of the HTTP API. Not set: the first run makes one, in api_token in the data directory.",
    secret=True,
)
DATA_DIR = Variable(
    "OVERMIND_DATA_DIR",
    kinds.path(),
    "./data",
    "The folder of the journal, its snapshots, the API token and the STOP file.",
)
STEP_TELL = Variable(
    "OVERMIND_STEP_TELL_MS",
    measured(kinds.milliseconds(100, 60_000)),
    "1000",
    "A step of the event loop that takes longer is logged with the place where it is.",
)
STEP_MAX = Variable(
    "OVERMIND_STEP_MAX_SEC",
    measured(kinds.seconds(2, 3_600)),
    "30",
    "A step of the event loop that takes longer ends the process, so that a supervisor starts it again. Time in which "
    "the machine was suspended does not count.",
)
CLOCK_CORRECTION_MAX = Variable(
    "OVERMIND_CLOCK_CORRECTION_MAX_SEC",
    measured(kinds.seconds(0, 86_400)),
    "900",
    "After the machine's clock jumped, the hold `clock` ends by itself if the clock is set right within this time. "
    "Later an operator has to accept it, or block time where there is a chain.",
)
CLOCK_DRIFT_MAX = Variable(
    "OVERMIND_CLOCK_DRIFT_MAX_SEC",
    measured(kinds.seconds(5, 300)),
    "30",
    "How far the machine's clock may be from the chain's block time before it is an alarm. A jump of the clock that "
    "brings it this near is confirmed.",
)
SEGMENT_ENTRIES = Variable(
    "OVERMIND_SEGMENT_ENTRIES",
    measured(kinds.whole("entries", 0, 1_000_000)),
    "100000",
    "A running service moves its journal's old entries into sealed segments of this many. 0: none are moved.",
)
SEGMENT_DAYS_MAX = Variable(
    "OVERMIND_SEGMENT_DAYS_MAX",
    measured(kinds.whole("days", 0, 3_650)),
    "7",
    "Entries that are older are sealed although they fill no segment, within two days. 0: only full segments are made.",
)
DISK_DAYS_MIN = Variable(
    "OVERMIND_DISK_DAYS_MIN",
    measured(kinds.whole("days", 0, 365)),
    "7",
    "The log and `overmind risk` of the service alarm when the room on the disk of the data folder lasts less than so "
    "many days at the rate of the last hour or day. 0: only when nearly nothing is left.",
)
LOCK_DIR = Variable(
    "OVERMIND_LOCK_DIR",
    kinds.path(),
    "/var/lock/overmind",
    "A folder of the machine, in which live desks lock their keys: one desk for each key and cluster.",
)
ANCHOR_DIR = Variable(
    "OVERMIND_ANCHOR_DIR",
    kinds.optional(kinds.path()),
    "",
    "Where a live desk remembers its journal's newest entry, outside of the data directory, with the key of the MAC."
    " Not set: ~/.local/state/overmind.",
)
LOG_DAYS_MAX = Variable(
    "OVERMIND_LOG_DAYS_MAX",
    measured(kinds.whole("days", 0, 3_650)),
    "30",
    "How long a line stays in the log's files. They also take 120 MB at most, whatever this says. 0: until then.",
)
LOGS_DIR = Variable(
    "OVERMIND_LOGS_DIR", kinds.path(), "./logs", "The folder in which overmind.log is written and rotated."
)
