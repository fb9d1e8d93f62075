"""The learner's report: what it learned, how well it forecasts, what it would have gained, and what may come next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor
from typing import Final

from overmind.core.model.events import Entry
from overmind.core.model.units import DAY_NS
from overmind.core.model.value import Value
from overmind.views.learner import LearnerRow, learner
from overmind.views.learning.beliefs import Believed, believed
from overmind.views.learning.canary import CanaryTest, canary_test
from overmind.views.learning.ladder import Rung, ladder
from overmind.views.learning.off_policy import OffPolicy, off_policy
from overmind.views.learning.samples import Sample, Samples

BINS: Final = 10


class Bin(Value, frozen=True):
    """Landing forecasts of one size, and how often such entries landed."""

    low: float
    high: float
    entries: int
    forecast: float
    landed: float


class Calibration(Value, frozen=True):
    """Brier scores of all finished entries; lower is better."""

    learned: float
    configured: float
    bins: tuple[Bin, ...]


class SlotErrors(Value, frozen=True):
    """How far landings were from their forecasts, in slots; lower is better."""

    entries: int
    learned: float  # mean absolute error
    configured: float  # the same of the configuration
    late: float  # mean of the slots beyond the forecast; negative: earlier


class Choices(Value, frozen=True):
    """What the learner would have chosen, by its own forecasts. That is no evidence."""

    entries: int
    agrees: int
    gain_bps: float  # per entry


class LearnerReport(Value, frozen=True):
    stands: LearnerRow
    entries: int  # finished ones with a forecast
    days: float
    believed: tuple[Believed, ...]
    calibration: Calibration | None  # null: nothing has finished yet
    slots: SlotErrors | None  # null: no landing is known by its slot
    choices: Choices
    off_policy: OffPolicy
    canary: CanaryTest
    ladder: tuple[Rung, ...]


def learner_report(entries: Iterable[Entry]) -> LearnerReport | None:
    """Reads a whole journal. None: it is of no desk that was ever configured."""
    samples = Samples()
    samples.follow(entries)
    if samples.state.desk is None:
        return None
    found, compared = samples.found, off_policy(samples.found)
    days = (found[-1].at_ns - found[0].at_ns) / DAY_NS if found else 0.0
    calibration = _calibration(found) if found else None
    worse = calibration is not None and calibration.learned > calibration.configured
    return LearnerReport(
        stands=learner(samples.state),
        entries=len(found),
        days=days,
        believed=believed(samples.state),
        calibration=calibration,
        slots=_slot_errors(found),
        choices=_choices(found),
        off_policy=compared,
        canary=canary_test(found),
        ladder=ladder(len(found), days, worse, compared, samples.state.learner_mode),
    )


def _choices(found: Sequence[Sample]) -> Choices:
    gains = sum(one.gain for one in found)
    return Choices(len(found), sum(one.agrees for one in found), gains / max(1, len(found)))


def _slot_errors(found: Sequence[Sample]) -> SlotErrors | None:
    known = [one.slots for one in found if one.slots is not None]
    if not known:
        return None
    learned = sum(abs(one.taken - one.forecast) for one in known) / len(known)
    configured = sum(abs(one.taken - one.configured) for one in known) / len(known)
    return SlotErrors(len(known), learned, configured, sum(one.taken - one.forecast for one in known) / len(known))


def _calibration(found: Sequence[Sample]) -> Calibration:
    count = len(found)
    learned = sum((one.landing - one.landed) ** 2 for one in found) / count
    configured = sum((one.configured - one.landed) ** 2 for one in found) / count
    return Calibration(learned, configured, tuple(_bins(found)))


def _bins(found: Sequence[Sample]) -> Iterable[Bin]:
    """Those that have entries."""
    by_size: dict[int, list[Sample]] = {}
    for one in found:
        by_size.setdefault(min(BINS - 1, floor(one.landing * BINS)), []).append(one)
    for size, ones in sorted(by_size.items()):
        forecast, landed = sum(one.landing for one in ones), sum(one.landed for one in ones)
        yield Bin(size / BINS, (size + 1) / BINS, len(ones), forecast / len(ones), landed / len(ones))
