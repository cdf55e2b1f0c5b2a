"""Commands for the rules of editors: rules show, rules try, rules put, rules history, rules undo."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from recommend.articles.card import Card
from recommend.articles.rule_documents import read_toml, written
from recommend.articles.rules import NO_RULES, RuleBook
from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import err, out, plain, print_json
from recommend.cli.opened import open_store
from recommend.cli.output import existing
from recommend.cli.text import read_text
from recommend.errors import RulesError, SnapshotError
from recommend.evaluation.differences import Difference, compare
from recommend.evaluation.experiment import rank_queries
from recommend.evaluation.judgements import read_qrels
from recommend.evaluation.metrics import per_query
from recommend.index.dense import set_threads
from recommend.ranking.rule_check import Checked
from recommend.ranking.trial import Change, Tally, Trial
from recommend.recommender import Recommender
from recommend.rule_trial import check, ruled_by, try_rules
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.rules import RulesChange, restored

rules = typer.Typer(no_args_is_help=True, help="What boxes show under kinds of stories, as editors want it.")
app.add_typer(rules, name="rules")

_MEASURE = "nDCG@5"
_MARKS = {"same": " ", "moved": "↕", "came": "+", "left": "−"}
_File = Annotated[Path, typer.Argument(metavar="FILE", help="The rules, as TOML; - for the standard input.")]
_By = Annotated[str, typer.Option("--by", help="Who it was, as history tells.")]


@rules.command()
def show(context: typer.Context, json: Json = False) -> None:
    """Prints the rules that hold, as a document that can be changed and put back."""
    with closing(Store(existing(read_settings(context)), readonly=True)) as store:
        present = store.rules.get()
    if json:
        book = NO_RULES if present is None else present.book
        print_json({"revision": 0 if present is None else present.revision, **book.document()})
    elif present is None or not present.book:
        err.print("there are no rules yet; recommend rules put FILE adds some")
    else:
        out.print(written(present.book), markup=False, highlight=False, soft_wrap=True, end="")


@rules.command("try")
def try_(
    context: typer.Context,
    file: _File,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]…", help="Articles to try them on; else some that they mean.")
    ] = None,
    boxes: Annotated[int, typer.Option(min=0, max=1000, help="How many boxes, where no articles are named.")] = 5,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="Items of a box.")] = 5,
    qrels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TREC judgements: what the rules do to the boxes' nDCG.")
    ] = None,
    json: Json = False,
) -> None:
    """Shows what rules would come to, and boxes before and after; nobody else sees any of it."""
    book = read_toml(read_text(file, "rules"))
    settings = read_settings(context)
    recommender = _recommender(context, settings)
    checked = check(recommender, book)
    tried = try_rules(recommender, book, ids or (), boxes=boxes, k=k) if boxes or ids else []
    tally = Tally.of([trial for _, trial in tried])
    measured = None if qrels is None else _measured(recommender, book, qrels)
    if json:
        print_json(
            {
                "checked": [asdict(one) for one in checked],
                "boxes": [_as_json(card, trial) for card, trial in tried],
                "tally": asdict(tally),
                "measured": None if measured is None else {"measure": _MEASURE, **asdict(measured)},
            }
        )
        return
    _print_checked(checked)
    for card, trial in tried:
        _print_trial(card, trial)
    if tried:
        out.print(f"\n{tally}")
    if measured is not None:
        difference = measured.difference
        counts = f"{measured.better:,} boxes better, {measured.worse:,} worse"
        out.print(f"{_MEASURE} {difference.mean:+.4f}   95 % {difference}   {counts}, p = {measured.p_value:.3f}")


@rules.command()
def put(
    context: typer.Context,
    file: _File,
    by: _By = "command line",
    strict: Annotated[bool, typer.Option("--strict", help="Put none where there is anything to be looked at.")] = False,
    json: Json = False,
) -> None:
    """Puts these rules in the place of all that hold, in every worker from its next answer on."""
    book = read_toml(read_text(file, "rules"))
    settings = read_settings(context)
    with closing(Store(existing(settings))) as store:
        checked = _checked(store, settings, book)
        if not json:
            _print_checked(checked)
        warnings = [f"{one.rule!r} {warning}" for one in checked for warning in one.warnings]
        if strict and warnings:
            raise RulesError(f"rules: none are put, as --strict wants no warnings: {'; '.join(warnings)}")
        revision = store.rules.put(book, by)
    if json:
        print_json({"revision": revision, "checked": [asdict(one) for one in checked]})
        return
    count = len(book.rules)
    summary = "1 rule holds" if count == 1 else f"{count} rules hold" if count else "no rules hold"
    out.print(f"{summary} from revision {revision} on")


@rules.command()
def history(context: typer.Context, json: Json = False) -> None:
    """Who changed the rules when, the latest first; what holds is the first."""
    with closing(Store(existing(read_settings(context)), readonly=True)) as store:
        log = store.rules.history()
    if json:
        print_json([_change(change, earlier) for change, earlier in zip(log, restored(log), strict=True)])
        return
    for change, earlier in zip(log, restored(log), strict=True):
        names = ", ".join(f"{rule.name} ({rule.then.action})" for rule in change.book.rules) or "none"
        moment = f"{change.changed_at:%Y-%m-%d %H:%M} UTC"
        again = "" if earlier is None else f"  [dim]again, as from revision {earlier.revision} on[/dim]"
        out.print(f"{change.revision}  {moment}  {plain(change.changed_by)}  {plain(names)}{again}")
    if not log:
        err.print("nobody has put any rules yet")


@rules.command()
def undo(
    context: typer.Context,
    revision: Annotated[int, typer.Argument(help="Of the change, as recommend rules history lists it.")],
    by: _By = "command line",
) -> None:
    """Puts back what held before a change, and so takes back what came after it, too."""
    with closing(Store(existing(read_settings(context)))) as store:
        held = store.rules.undo(revision, by)
    out.print(f"what held before revision {revision} holds again, from revision {held} on")


def _change(change: RulesChange, earlier: RulesChange | None) -> dict[str, Any]:
    entry = {"revision": change.revision, "changed_at": change.changed_at, "changed_by": change.changed_by}
    return {**entry, "same_as": None if earlier is None else earlier.revision, **change.book.document()}


def _recommender(context: typer.Context, settings: Settings) -> Recommender:
    set_threads(1)
    return Recommender(open_store(context, existing(settings), readonly=True), settings)


def _checked(store: Store, settings: Settings, book: RuleBook) -> list[Checked]:
    try:
        return check(Recommender(store, settings), book)
    except SnapshotError as problem:  # rules may be put before there is anything to hold them against
        err.print(f"what the rules come to is not known yet: {plain(str(problem))}")
        return []


def _measured(recommender: Recommender, book: RuleBook, path: Path) -> Difference:
    """How boxes with the rules differ from those without any, both after policy."""
    qrels = read_qrels(path)
    without, with_them = (
        per_query(qrels, rank_queries(ruled_by(recommender, one), qrels, depth=10), [_MEASURE])[_MEASURE]
        for one in (NO_RULES, book)
    )
    return compare(without, with_them)


def _print_checked(checked: Sequence[Checked]) -> None:
    for one in checked:
        candidates = "" if one.candidates is None else f", {one.candidates:,} candidates"
        out.print(f"[bold]{plain(one.rule)}[/bold]  {one.stories:,} stories{candidates}")
        for warning in one.warnings:
            out.print(f"    [yellow]![/yellow] {plain(warning)}")


def _print_trial(card: Card, trial: Trial) -> None:
    out.print(f"\n[bold]{plain(card.title)}[/bold]  [dim]{plain(card.id)}[/dim]")
    if not trial.changed:
        out.print("    stays as it is")
        return
    if trial.after_fallback and not trial.before_fallback:
        out.print(f"    nothing is left; what stands in, fallback: {trial.after_fallback}", style="yellow")
    gone = [change for change in trial.before if change.step == "left"]
    for change in (*trial.after, *gone):
        names = ", ".join(getattr(change.item.reason, "rules", ())) if change.step != "left" else ""
        why = f"  [dim]{plain(names)}[/dim]" if names else ""
        out.print(f"  {_MARKS[change.step]} {change.item.score:.2f}  {plain(change.item.title)}{why}")


def _as_json(card: Card, trial: Trial) -> dict[str, Any]:
    sides = {name: [_item(change) for change in getattr(trial, name)] for name in ("before", "after")}
    fallbacks = {name: getattr(trial, name) for name in ("before_fallback", "after_fallback")}
    return {"id": card.id, "title": card.title, "changed": trial.changed, **sides, **fallbacks}


def _item(change: Change) -> dict[str, Any]:
    rules_ = getattr(change.item.reason, "rules", ())
    return {"id": change.item.id, "title": change.item.title, "step": change.step, "rules": list(rules_)}
