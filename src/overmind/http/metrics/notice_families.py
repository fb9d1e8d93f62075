"""What became of the notices for each target of OVERMIND_NOTICES, which has its number and scheme as its label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from overmind.notices.delivery import TargetRow

TargetRows = Callable[[], Sequence[TargetRow]]


def notice_families(targets: Iterable[TargetRow]) -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "overmind_notices", "Notices by target and by what became of them.", labels=["target", "result"]
    )
    waiting = GaugeMetricFamily("overmind_notices_waiting", "Notices that wait for a target.", labels=["target"])
    stalled = GaugeMetricFamily(
        "overmind_notices_stalled_seconds", "For how long a target has hung; 0 while it does not.", labels=["target"]
    )
    for row in targets:
        ended.add_metric([row.target, "delivered"], row.delivered)
        ended.add_metric([row.target, "failed"], row.failed)
        ended.add_metric([row.target, "dropped"], row.dropped)
        waiting.add_metric([row.target], row.waiting)
        stalled.add_metric([row.target], row.stalled_s)
    yield from (ended, waiting, stalled)
