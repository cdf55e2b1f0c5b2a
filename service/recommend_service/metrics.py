"""What operators watch, in the Prometheus text format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from recommend_service import counters

counters.reserve()

# ruff: noqa: E402  # what follows looks at once for the files that were reserved
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from recommend.jobs.status import Status
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_OTHER = ("other", "other", "other", "other")
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """The counters of one worker, in a registry of their own.

    Where ``PROMETHEUS_MULTIPROC_DIR`` names a folder, as ``recommend serve --workers`` arranges, workers share their
    counts through it, and any of them answers for all. One that found no room there keeps its own.

    Attributes:
        fallbacks: answers in which the latest articles stand in for related ones.
        shed: requests that were refused to protect the service, by reason.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "recommend_request_seconds",
            "Time from a request to the end of its answer",
            ("method", "route", "status", "cache"),
            registry=self._registry,
            buckets=_SECONDS,
        )
        self.fallbacks = Counter(
            "recommend_fallbacks", "Answers of latest instead of related articles", registry=self._registry
        )
        self._partial = Counter(
            "recommend_partial_answers",
            "Answers without what a server of the index holds that did not answer",
            registry=self._registry,
        )
        self.shed = Counter(
            "recommend_shed_requests", "Requests refused to protect the service", ("reason",), registry=self._registry
        )
        self._removed = Counter(
            "recommend_removed_candidates",
            "Candidates that a rule of the policy took away, in answers that were made anew",
            ("rule",),
            registry=self._registry,
        )
        self._events = Counter(
            "recommend_events", "Impressions and clicks that were told, by what became of them", ("outcome",),
            registry=self._registry,
        )  # fmt: skip
        self._observers: dict[tuple[str, str, int | str, str], Histogram] = {}

    def observe(self, method: str, route: str, status: int, cache: str, seconds: float) -> None:
        """Counts a request under its route's template; ``cache`` is hit, miss or none."""
        labels: tuple[str, str, int | str, str] = method, route, status, cache
        observer = self._observers.get(labels)
        if observer is None:
            if len(self._observers) >= counters.MOST_SERIES - 1:
                labels = _OTHER
            observer = self._observers[labels] = self._requests.labels(*labels)
        observer.observe(seconds)

    def count_removed(self, removed: Mapping[str, int]) -> None:
        """Counts what each rule of the policy took away."""
        for rule, count in removed.items():
            self._removed.labels(rule).inc(count)

    def count_partial(self, *answers: Answer) -> None:
        """Counts those that are partial."""
        self._partial.inc(sum(answer.partial for answer in answers))

    def count_events(self, outcomes: Mapping[str, int]) -> None:
        """Counts events that were kept, were repeated, or refused for a reason."""
        for outcome, count in outcomes.items():
            self._events.labels(outcome).inc(count)

    def render(self, status: Status | None, recommender: Recommender | None) -> bytes:
        """The text of all metrics.

        Args:
            status: of store and index; None when it cannot be read.
            recommender: None while there is none.
        """
        counted = self._registry
        if os.environ.get(counters.FOLDER):
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        present = CollectorRegistry()
        present.register(_State(status, recommender))
        return generate_latest(counted) + generate_latest(present)


class _State(Collector):
    """How store and index stand at this moment; what is not known is left out."""

    def __init__(self, status: Status | None, recommender: Recommender | None) -> None:
        self._status = status
        self._recommender = recommender

    def collect(self) -> Iterable[Metric]:
        """The gauges."""
        status, recommender = self._status, self._recommender
        failing = status is None or recommender is None or bool(status.error or recommender.problem)
        yield _gauge("problem", "1: store or published snapshot cannot be used, see /v1/status", failing)
        if status is not None:
            yield _gauge("revision", "Latest revision of the store", status.revision)
            if status.revision_lag is not None:
                yield _gauge("revision_lag", "Changes since the published snapshot was made", status.revision_lag)
            yield _gauge("unembedded_articles", "Articles without an embedding", status.articles["unembedded"])
            if status.snapshot_age is not None:
                yield _gauge("snapshot_age_seconds", "Age of the published snapshot", status.snapshot_age)
        if recommender is not None:
            view = recommender.view()
            manifest = view.snapshot.manifest
            served = {"name": manifest.name, "encoder": manifest.encoder, "kind": manifest.kind}
            yield InfoMetricFamily("recommend_snapshot", "The snapshot that is served", value=served)
            yield _gauge("articles", "Articles that can be recommended", len(view))
            yield _gauge(
                "overlay_articles", "Articles served from changes since the snapshot", recommender.overlay_size
            )


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"recommend_{name}", meaning, value=float(value))
