"""The command that takes collections of others: collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from recommend.cli.app import Json, app, read_settings
from recommend.cli.console import err, out, plain, print_json
from recommend.cli.output import Force, check_target
from recommend.evaluation.collections.collection import Collection
from recommend.evaluation.collections.huggingface import read_huggingface
from recommend.evaluation.collections.ir_folder import read_ir_folder
from recommend.evaluation.collections.mind import read_mind
from recommend.evaluation.collections.trec_news import read_trec_news
from recommend.evaluation.judgements import QRELS
from recommend.files import Kind, first_line

KINDS: Mapping[str, Callable[[Path], Collection]] = {
    "trec-news": read_trec_news,
    "mind": read_mind,
    "ir-datasets": read_ir_folder,
    "huggingface": read_huggingface,
}
ARTICLES = Kind("articles that were written so", lambda path: first_line(path).startswith("{"))


@app.command()
def collection(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="|".join(KINDS), help="The form that it comes in.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="Where its files lie.")],
    articles: Annotated[
        Path, typer.Option("--out", metavar="FILE.jsonl", help="The articles, for ingest and evaluate --articles.")
    ] = Path("collection.jsonl"),
    qrels: Annotated[
        Path, typer.Option("--qrels", metavar="FILE", help="The judgements, for evaluate --qrels.")
    ] = Path("collection.qrels"),
    force: Force = False,
    json: Json = False,
) -> None:
    """Makes articles and judgements of a collection that others published."""
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is not one of {', '.join(KINDS)}", param_hint="KIND")
    settings = read_settings(context)
    check_target(context, "--out", articles, ARTICLES, settings, inputs=[folder], force=force)
    check_target(context, "--qrels", qrels, QRELS, settings, inputs=[folder], force=force)
    opened = KINDS[kind](folder)
    count = opened.write(articles, qrels)
    pairs = sum(map(len, opened.qrels.values()))
    if json:
        print_json({"articles": count, "queries": len(opened.qrels), "judgements": pairs, "notes": opened.notes})
        return
    for note in opened.notes:
        err.print(plain(note))
    out.print(f"{count:,} articles written to {plain(str(articles))}")
    if pairs:
        out.print(f"{pairs:,} judgements of {len(opened.qrels):,} articles written to {plain(str(qrels))}")
