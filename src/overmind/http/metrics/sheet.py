"""The samples of one scrape. What is in no row of the table cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from overmind.core.model.units import MICROS, NS
from overmind.desk.times import Times
from overmind.http.metrics.family import PREFIX, Family, Kind
from overmind.http.metrics.table import FAMILIES

INFINITE: Final = "+Inf"


class Sheet:
    """`collect` makes it a collector of prometheus-client."""

    def __init__(self) -> None:
        self._samples: dict[str, list[Sample]] = {family.name: [] for family in FAMILIES}

    def add(self, family: Family, value: float, *labels: str) -> None:
        """Labels in the order of the family's."""
        named = dict(zip(family.labels, labels, strict=True))
        self._samples[family.name].append(Sample(family.full_name, named, value))

    def add_usd(self, family: Family, micros: int, *labels: str) -> None:
        self.add(family, micros / MICROS, *labels)

    def add_seconds(self, family: Family, ns: int, *labels: str) -> None:
        self.add(family, ns / NS, *labels)

    def add_known(self, family: Family, value: float | None, *labels: str) -> None:
        """None: it is not known, and not told."""
        if value is not None:
            self.add(family, value, *labels)

    def add_times(self, family: Family, times: Times, *labels: str) -> None:
        assert family.kind is Kind.HISTOGRAM, family
        name, samples = family.full_name, self._samples[family.name]
        named = dict(zip(family.labels, labels, strict=True))
        bounds = (*(str(bound / NS) for bound in times.bounds_ns), INFINITE)
        for bound, count in zip(bounds, accumulate(times.counts), strict=True):
            samples.append(Sample(f"{name}_bucket", {**named, "le": bound}, count))
        samples.append(Sample(f"{name}_count", named, sum(times.counts)))
        samples.append(Sample(f"{name}_sum", named, times.sum_ns / NS))

    def collect(self) -> Iterator[Metric]:
        for family in FAMILIES:
            metric = Metric(f"{PREFIX}{family.name}", family.meaning, family.kind.value)
            metric.samples = self._samples[family.name]
            yield metric
