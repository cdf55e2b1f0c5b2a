"""MIND, Microsoft's news data set: titles, abstracts and what readers clicked (Wu et al., ACL 2020).

Format: https://github.com/msnews/msnews.github.io/blob/master/assets/doc/introduction.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from recommend.errors import EvaluationError
from recommend.evaluation.collections.collection import Collection, Row, lines, matching, wanted
from recommend.evaluation.judgements import Qrels

_NEWS, _BEHAVIOURS = 8, 5


def read_mind(folder: Path, least: int = 2) -> Collection:
    """Articles of ``news.tsv`` and judgements of ``behaviors.tsv``, anywhere in a folder.

    What was clicked next by at least ``least`` readers of an article, the last of their history, is related to it (1);
    what was shown as often and never clicked is not (0). That is what readers went on to, not what is about the same.

    Raises:
        EvaluationError: when there is no news.tsv, or a line is malformed.
    """
    news = wanted(folder, ["news.tsv"], "articles")
    clicked: Counter[tuple[str, str]] = Counter()
    shown: Counter[tuple[str, str]] = Counter()
    for path in matching(folder, ["behaviors.tsv"]):
        for number, line in lines(path):
            fields = line.split("\t")
            if len(fields) != _BEHAVIOURS:
                raise EvaluationError(f"{path}:{number}: {len(fields)} != {_BEHAVIOURS} fields of an impression")
            history, impressions = fields[3].split(), fields[4].split()
            if not history:
                continue
            for one in impressions:
                item, _, label = one.rpartition("-")
                if not item:  # a test set has no labels
                    continue
                (clicked if label == "1" else shown)[history[-1], item] += 1
    qrels: Qrels = {}
    for (query, item), count in sorted(clicked.items()):
        if count >= least and query != item:
            qrels.setdefault(query, {})[item] = 1
    for (query, item), count in sorted(shown.items()):
        if query in qrels and count >= least and (query, item) not in clicked:
            qrels[query][item] = 0
    return Collection(_articles(news), qrels)


def _articles(paths: list[Path]) -> Iterator[Row]:
    seen: set[str] = set()
    for path in paths:
        for number, line in lines(path):
            fields = line.split("\t")
            if len(fields) != _NEWS:
                raise EvaluationError(f"{path}:{number}: {len(fields)} != {_NEWS} fields of an article")
            if fields[0] in seen or not fields[3]:
                continue
            seen.add(fields[0])
            yield {
                "id": fields[0], "section": fields[1], "tags": [fields[2]] if fields[2] else [], "title": fields[3],
                "text": fields[4], "summary": fields[4], "url": fields[5], "language": "en",
            }  # fmt: skip
