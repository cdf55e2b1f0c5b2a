"""Metrics parsed from the Prometheus text of this service, for the desk's plots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

BOXES = ("/v1/articles/{article_id}/related", "/v1/related")
"""Routes that answer with a box."""


@dataclass(frozen=True)
class Readings:
    """Metrics of one moment.

    Attributes:
        samples: by name.
    """

    samples: dict[str, list[Sample]]

    @classmethod
    def of(cls, text: str) -> Readings:
        """What a text in the Prometheus format says."""
        samples = dict[str, list[Sample]]()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                samples.setdefault(sample.name, []).append(sample)
        return cls(samples)

    def value(self, name: str) -> float | None:
        """The sum of a metric over all labels; None where it is not told."""
        known = self.samples.get(name)
        return None if known is None else sum(sample.value for sample in known)

    def by(self, name: str, label: str) -> dict[str, float]:
        """A metric by one of its labels, most first; what is 0 is left out."""
        sums = dict[str, float]()
        for sample in self.samples.get(name, ()):
            sums[sample.labels[label]] = sums.get(sample.labels[label], 0.0) + sample.value
        return dict(sorted(((k, v) for k, v in sums.items() if v), key=lambda item: (-item[1], item[0])))

    def latencies(self) -> list[tuple[float, int]]:
        """How many boxes took up to so many seconds and more than the bound before, in the order of bounds."""
        sums = dict[float, float]()
        for sample in self._of_boxes("recommend_request_seconds_bucket"):
            bound = float(sample.labels["le"])
            sums[bound] = sums.get(bound, 0.0) + sample.value
        found, below = [], 0.0
        for bound in sorted(sums):
            found.append((bound, round(sums[bound] - below)))
            below = sums[bound]
        return found

    def quantile(self, share: float) -> float | None:
        """The bound in seconds below which a share (0…1) of the boxes were answered; None where there were none, or
        none of the bounds says."""
        buckets = self.latencies()
        total, seen = sum(count for _, count in buckets), 0
        for bound, count in buckets:
            seen += count
            if total and seen >= share * total:
                return None if bound == inf else bound
        return None

    def cached(self) -> float | None:
        """Which share (0…1) of the boxes was kept ready; None where there were none."""
        counts = {"hit": 0.0, "miss": 0.0}
        for sample in self._of_boxes("recommend_request_seconds_count"):
            if sample.labels["cache"] in counts:
                counts[sample.labels["cache"]] += sample.value
        total = sum(counts.values())
        return counts["hit"] / total if total else None

    def _of_boxes(self, name: str) -> Iterator[Sample]:
        return (sample for sample in self.samples.get(name, ()) if sample.labels["route"] in BOXES)
