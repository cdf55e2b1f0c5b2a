"""Commands on what clicks tell: events ctr, events compare, events examination, events replay, events prefer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import err, out, plain, print_json
from recommend.cli.events import Since, events
from recommend.errors import EvaluationError
from recommend.evaluation.arms import PLANNED, arm_shares, compare_arms, shared_clusters
from recommend.evaluation.clicks import click_through
from recommend.evaluation.impressions import Clusters, ImpressionLog, impression_log
from recommend.evaluation.interleaving import preference
from recommend.evaluation.judgements import read_run
from recommend.evaluation.off_policy import SMALL, Value, off_policy
from recommend.evaluation.position_bias import Examination, examination
from recommend.settings import Settings
from recommend.store import Store

Positions = Annotated[int, typer.Option("-k", min=1, max=50, help="Positions that count.")]
By = Annotated[
    str,
    typer.Option(
        "--cluster-by",
        metavar="unit|view|impression",
        help="What intervals are over: readers, where events.units keeps them, else looks; looks; days of an article.",
    ),
]
app.add_typer(events, name="events")

_GROUPS = ("arm", "position", "section")


def read_log(settings: Settings, since: datetime | None) -> ImpressionLog:
    """The log of impressions of a store; what cannot be counted is told.

    Raises:
        EvaluationError: when it holds no impression.
    """
    with closing(Store(settings.store, readonly=True)) as store:
        log = impression_log(store.events.read(since))
    if log.unsigned:
        err.print(f"{log.unsigned:,} events name no impression and do not count")
    if log.unseen_clicks:
        err.print(f"{log.unseen_clicks:,} clicks on what was not seen in the same look do not count")
    if not log.seen.any():
        raise EvaluationError("there are no impressions to count; pages tell of them by POST /v1/events")
    return log


@events.command()
def ctr(
    context: typer.Context,
    k: Positions = 5,
    group_by: Annotated[str, typer.Option("--by", metavar="|".join(_GROUPS), help="Groups.")] = "arm",
    cluster_by: By = "unit",
    since: Since = None,
    json: Json = False,
) -> None:
    """Prints clicks per item seen by arm, position or section, with 95 % intervals over readers."""
    settings = read_settings(context)
    by = _clusters(cluster_by)
    if group_by not in _GROUPS:
        raise typer.BadParameter(f"{group_by!r} is not one of {', '.join(_GROUPS)}", param_hint="--by")
    log = read_log(settings, since)
    groups: Sequence[str] = log.arms
    codes = log.arm
    if group_by == "position":
        groups, codes = [str(position) for position in range(51)], log.position
    elif group_by == "section":
        with closing(Store(settings.store, readonly=True)) as store:
            groups, codes = log.sections(store.events.sections())
    rates = click_through(log, groups, codes, by, k)
    if json:
        print_json([{group_by: name or None, **asdict(rate)} for name, rate in rates.items()])
        return
    _tell_clusters(log, by)
    for name, rate in rates.items():
        out.print(
            f"{plain(name or '(none)'):<16} CTR@{k} {rate.rate:.4f}   95 % {rate.low:.4f} … {rate.high:.4f}   "
            f"{rate.clicks:,} of {rate.seen:,}, worth {rate.effective:,.0f} independent ones"
        )


@events.command()
def compare(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="A variant; '' for the service's own settings.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    k: Positions = 5,
    cluster_by: By = "unit",
    detect: Annotated[
        float | None, typer.Option(min=1e-6, max=1.0, help="Difference of click-through that is to be found.")
    ] = None,
    planned: Annotated[
        int,
        typer.Option(min=2, help="Readers of both at which repeated looks are sharpest; choose it before the first."),
    ] = PLANNED,
    since: Since = None,
    json: Json = False,
) -> None:
    """Tells whether readers of variant B click more than those of A, and for how long to go on.

    "one look" holds for a single look that was planned beforehand; "any look" however often one looks.
    """
    settings = read_settings(context)
    by = _clusters(cluster_by)
    log = read_log(settings, since)
    for arm in (a, b):
        if arm not in log.arms:
            known = ", ".join(sorted(repr(one) for one in log.arms))
            raise EvaluationError(f"no impression is of variant {arm!r}; there are {known}")
    result = compare_arms(log, a, b, by=by, k=k, wanted=detect, planned=planned)
    variants = settings.service.variants
    weights = {arm: variants[arm].weight if arm in variants else 1.0 for arm in (a, b)}
    shares, both = arm_shares(log, weights, by), shared_clusters(log, (a, b), by)
    if json:
        print_json({"a": a, "b": b, **_finite(asdict(result)), "shares": asdict(shares), "saw_both": both})
        return
    _tell_clusters(log, by)
    out.print(f"CTR@{k}   {plain(a) or '(none)'} {result.rate_a:.4f}   {plain(b) or '(none)'} {result.rate_b:.4f}")
    out.print(f"one look   {_range(result.difference, result.low, result.high)}   p = {result.p_value:.4f}")
    out.print(
        f"any look   {_range(result.difference, result.always_low, result.always_high)}   p = {result.always_p:.4f}"
    )
    counts = " and ".join(f"{count:,}" for count in shares.counts.values())
    out.print(f"shares     {counts}, p = {shares.p_value:.4f}" + ("" if not both else f"; {both:,} saw both"))
    if shares.mismatch:
        out.print("           these are not the shares of the weights: something loses readers of one arm, so do not "
                  "believe the difference")  # fmt: skip
    out.print(f"power      {result.detectable:.4f} is found in four of five such tests")
    if result.needed is not None:
        aim = "the difference asked for" if detect else "this difference"
        more = max(0, result.needed - result.clusters_a - result.clusters_b)
        days = _days(log, since, settings)
        rate = (result.clusters_a + result.clusters_b) / days if days else 0.0
        how_long = f", about {more / rate:,.0f} days more" if more and rate else ""
        out.print(
            f"           {aim} needs {result.needed:,} readers: {f'{more:,} more{how_long}' if more else 'there'}"
        )
    out.print(_verdict(result.always_p, result.difference, a, b, mismatch=shares.mismatch))


@events.command(name="examination")
def examination_command(context: typer.Context, k: Positions = 5, since: Since = None, json: Json = False) -> None:
    """Tells how much less readers look at lower positions, from neighbours that service.swaps exchanged."""
    curve = _curve(read_log(read_settings(context), since), k)
    if json:
        print_json({name: [None if not isfinite(v) else v for v in values.tolist()] for name, values in
                    zip(("curve", "low", "high"), (curve.curve, curve.low, curve.high), strict=True)})  # fmt: skip
        return
    for i in range(k):
        interval = f"95 % {curve.low[i]:.3f} … {curve.high[i]:.3f}" if isfinite(curve.curve[i]) else "nothing exchanged"
        looks = f"   {curve.exchanged[i - 1]:,} looks with it exchanged" if i else ""
        out.print(f"{i + 1:>3}   {curve.curve[i]:.3f}   {interval}{looks}")


@events.command()
def replay(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Another ranking: a TREC run.")],
    k: Positions = 5,
    since: Since = None,
    json: Json = False,
) -> None:
    """Estimates what readers would have clicked of another ranking, from what they clicked of the one shown."""
    log = read_log(read_settings(context), since)
    ranking = {article: [item for item, _ in items[:k]] for article, items in read_run(run).items()}
    if not ranking.keys() & {*log.articles}:
        raise EvaluationError(f"{run} ranks no article whose box was seen; its queries must be ids of the store")
    values = off_policy(log, ranking, _curve(log, k).filled())
    if json:
        print_json(_finite(asdict(values)))
        return
    out.print(f"clicks a look at the box, over {values.looks:,} looks")
    for name, value in (
        ("shown", values.logged), ("IPS", values.ips), ("SNIPS", values.snips), ("doubly robust", values.doubly_robust)
    ):  # fmt: skip
        out.print(f"{name:<14} {_value(value)}")
    out.print(f"{values.covered:.0%} of what this ranking would have had looked at was shown; the rest only the doubly "
              f"robust estimate speaks of, by a model")  # fmt: skip
    out.print(f"the weighted clicks are worth {values.effective:,.0f}" + (
        f": fewer than {SMALL}, so do not rely on this" if values.small else ""
    ))  # fmt: skip


@events.command()
def prefer(
    context: typer.Context,
    arm: Annotated[str, typer.Argument(metavar="VARIANT", help="One that interleaves two others.")],
    since: Since = None,
    json: Json = False,
) -> None:
    """Tells which of two interleaved variants readers prefer."""
    settings = read_settings(context)
    result = preference(read_log(settings, since), arm)
    if json:
        print_json(_finite(asdict(result)))
        return
    if not result.first + result.second + result.ties:
        raise EvaluationError(f"nothing was clicked of items that variant {arm!r} interleaves")
    named = settings.service.variants[arm].interleave if arm in settings.service.variants else []
    first, second = named if len(named) == 2 else ("the first", "the second")
    out.print(f"{plain(first)} {result.first:,}   {plain(second)} {result.second:,}   ties {result.ties:,}")
    out.print(f"margin of {plain(second)} {_range(result.margin, result.low, result.high)}   p = {result.p_value:.4f}")


def _curve(log: ImpressionLog, k: int) -> Examination:
    if not (log.up + log.down > 0).any():
        raise EvaluationError(
            "no neighbours were exchanged, so what a position is worth is unknown; service.swaps = 0.05 exchanges two "
            "on one day of an article in twenty"
        )
    return examination(log, k)


def _clusters(given: str) -> Clusters:
    if given not in get_args(Clusters):
        raise typer.BadParameter(f"{given!r} is not one of {', '.join(get_args(Clusters))}", param_hint="--cluster-by")
    return cast("Clusters", given)


def _tell_clusters(log: ImpressionLog, by: Clusters) -> None:
    if by == "unit" and log.with_units < 1:
        err.print(f"{1 - log.with_units:.0%} of looks name no reader's unit and are taken for independent; where "
                  "readers come back, intervals are too narrow (events.units keeps units)")  # fmt: skip


def _range(value: float, low: float, high: float) -> str:
    return f"{value:+.4f}   95 % {low:+.4f} … {high:+.4f}"


def _value(value: Value) -> str:
    return f"{value.mean:.4f}   95 % {value.low:.4f} … {value.high:.4f}"


def _verdict(p_value: float, difference: float, a: str, b: str, *, mismatch: bool) -> str:
    if mismatch:
        return "No verdict: the shares of readers are not those that were set."
    if p_value >= 0.05:
        return "No difference is shown yet; stopping now decides nothing."
    better, worse = (b, a) if difference > 0 else (a, b)
    return f"Readers click more of {better or 'the service’s own settings'} than of {worse or 'the service’s own'}."


def _days(log: ImpressionLog, since: datetime | None, settings: Settings) -> float:
    with closing(Store(settings.store, readonly=True)) as store:
        first, last = store.events.span(since)
    return 0.0 if first is None or last is None or len(log) == 0 else max((last - first).total_seconds() / 86_400, 1.0)


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """The same with None for what is no number, which JSON cannot write."""
    return {
        name: _finite(v) if isinstance(v, dict) else None if isinstance(v, float) and not isfinite(v) else v
        for name, v in values.items()
    }
