"""The operator's page: how store, snapshot and service stand, from the metrics that Prometheus reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from fastapi import HTTPException
from starlette.responses import Response

from recommend.errors import RecommendError
from recommend.jobs.status import Status, set_aside_summary
from recommend.recommender import Recommender
from recommend.store.event_counts import EventCounts, count_events
from recommend.store.keys import Scope
from recommend_service.desk.readings import Readings
from recommend_service.desk.visit import Visit, signed_in
from recommend_service.http.auth import may_operate

DAYS = 14
"""Of events that are counted."""

_STATUS_SECONDS = 2.0


@dataclass(frozen=True)
class Bar:
    """One bar of a plot: what it stands for, its size (0…1 of the longest), and what is written beside it."""

    name: str
    size: float
    written: str


@signed_in(None)
async def show(visit: Visit) -> Response:
    """How everything stands."""
    if Scope.READ not in visit.key.scopes and not may_operate(visit.request):
        raise HTTPException(
            HTTPStatus.FORBIDDEN, f"The key “{visit.key.name}” lacks the scope read, which this page needs."
        )
    state = visit.state
    status, problems = None, list[str]()
    try:
        status = await state.status(_STATUS_SECONDS)
    except RecommendError as problem:
        problems.append(str(problem))
    recommender = _open(visit)
    readings = Readings.of(state.metrics.render(status, recommender).decode())
    since = datetime.now(UTC) - timedelta(days=DAYS)
    counts = await state.threads.read(count_events, state.store.engine, since)
    problems += _problems(status, recommender)
    return visit.page(
        "status.html",
        stands=status,
        problems=problems,
        readings=readings,
        overlay=None if recommender is None else recommender.overlay_size,
        latencies=_latencies(readings),
        removed=bars(readings.by("recommend_removed_candidates_total", "rule")),
        shed=bars(readings.by("recommend_shed_requests_total", "reason")),
        statuses=bars(readings.by("recommend_request_seconds_count", "status")),
        counts=counts,
        days=_days(counts, since),
        last=DAYS,
    )


def _open(visit: Visit) -> Recommender | None:
    try:
        return visit.state.recommender()
    except RecommendError:
        return None  # the status says so


def _problems(status: Status | None, recommender: Recommender | None) -> list[str]:
    """What is wrong, most pressing first."""
    problems = [] if recommender is None or recommender.problem is None else [recommender.problem]
    if status is None:
        return problems
    if status.error is not None:
        problems.append(status.error)
    run = status.last_run
    if run is not None and run.outcome in ("failed", "killed"):
        problems.append(
            f"the last job {'failed' if run.outcome == 'failed' else 'was killed'}: {run.error or 'no reason told'}"
        )
    if status.encoder_matches is False:
        problems.append("the settings name another encoder than the snapshot has: recommend reindex")
    if status.due:
        problems.append(f"{status.changed:,} articles changed since the snapshot: recommend reindex")
    aside = {**status.set_aside, **(recommender.set_aside if recommender is not None else {})}
    return [*problems, set_aside_summary(aside)] if aside else problems


def bars(values: dict[str, float]) -> list[Bar]:
    """Counts as bars."""
    most = max(values.values(), default=0.0)
    return [Bar(name, value / most, f"{value:,.0f}") for name, value in values.items()]


def _latencies(readings: Readings) -> list[Bar]:
    buckets = readings.latencies()
    counted = [place for place, (_, count) in enumerate(buckets) if count]
    buckets = buckets[counted[0] : counted[-1] + 1] if counted else []
    most = max((count for _, count in buckets), default=1)
    return [Bar(_bound(bound), count / most, f"{count:,}") for bound, count in buckets]


def _bound(seconds: float) -> str:
    return "more" if seconds == float("inf") else f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


def _days(counts: EventCounts, since: datetime) -> list[Bar]:
    """Impressions of each day, be there none."""
    days = [since.date() + timedelta(days=n) for n in range(1, DAYS + 1)]
    most = max((counts.days[day].impressions for day in days if day in counts.days), default=0) or 1
    seen = [counts.days[day].impressions if day in counts.days else 0 for day in days]
    return [Bar(f"{day:%d %b}", number / most, f"{number:,}") for day, number in zip(days, seen, strict=True)]
