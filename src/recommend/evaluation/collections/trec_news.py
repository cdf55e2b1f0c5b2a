"""TREC News background linking: topics and judgements are NIST's to download, the Washington Post's articles those of
who has its licence.

Formats: https://trec.nist.gov/data/news.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recommend.errors import EvaluationError, truncated_repr
from recommend.evaluation.collections.collection import Collection, Row, json_lines, lines, wanted
from recommend.evaluation.judgements import Qrels, read_qrels

_TOPIC = re.compile(r"<top>(.*?)</top>", re.DOTALL | re.IGNORECASE)
_FIELD = re.compile(r"<(num|docid)>\s*(?:Number:)?\s*([^<\s]+)", re.IGNORECASE)
_OPINION = {"opinion", "opinions", "letters to the editor", "the post's view"}
"""Kickers that NIST's guidelines take for no background."""


def read_trec_news(folder: Path) -> Collection:
    """Articles of ``*.jl``, topics of ``*topics*``, judgements of ``*qrels*``, each plain or .gz, anywhere in a folder.

    Each topic is its article; grades are 0, 2, 4, 8 and 16.

    Raises:
        EvaluationError: when one of them is missing or malformed.
    """
    articles = wanted(folder, ["*.jl", "*.jl.gz"], "articles")
    topics: dict[str, str] = {}
    for path in wanted(folder, ["*topics*"], "topics"):
        topics |= read_topics(path)
    notes: list[str] = []
    qrels: Qrels = {}
    for path in wanted(folder, ["*qrels*"], "judgements"):
        for topic, grades in read_qrels(path).items():
            if topic not in topics:
                notes.append(f"topic {topic} of {path.name} is in no file of topics")
                continue
            qrels.setdefault(topics[topic], {}).update(grades)
    return Collection(_articles(articles, notes), qrels, notes)


def read_topics(path: Path) -> dict[str, str]:
    """The id of the article of each topic by its number.

    Raises:
        EvaluationError: when a topic lacks one of both, or there is none.
    """
    text = "\n".join(line for _, line in lines(path))
    topics = {}
    for found in _TOPIC.finditer(text):
        fields = {name.lower(): value for name, value in _FIELD.findall(found[1])}
        if fields.keys() != {"num", "docid"}:
            raise EvaluationError(f"{path}: topic {truncated_repr(found[1].strip())} lacks its <num> or <docid>")
        topics[fields["num"]] = fields["docid"]
    if not topics:
        raise EvaluationError(f"{path} holds no topics, as <top> … </top>")
    return topics


def _articles(paths: list[Path], notes: list[str]) -> Iterator[Row]:
    untitled = 0
    for path in paths:
        for number, one in json_lines(path):
            if not one.get("id"):
                raise EvaluationError(f"{path}:{number}: an article has no id")
            if not one.get("title"):
                untitled += 1
                continue
            yield _article(one)
    if untitled:
        notes.append(f"{untitled:,} articles have no title and were left out")


def _article(one: Row) -> Row:
    parts: list[dict[str, Any]] = [part for part in one.get("contents") or [] if isinstance(part, dict)]
    kicker = next(
        (str(part["content"]) for part in parts if part.get("type") == "kicker" and part.get("content")), None
    )
    html = [str(part["content"]) for part in parts if part.get("type") == "sanitized_html" and part.get("content")]
    published = one.get("published_date")
    return {
        "id": one["id"],
        "title": one["title"],
        "text": "\n".join(f"<p>{paragraph}</p>" for paragraph in html),
        "url": one.get("article_url"),
        "published_at": datetime.fromtimestamp(published / 1000, UTC) if isinstance(published, int | float) else None,
        "section": kicker,
        "authors": [one["author"]] if one.get("author") else [],
        "genre": "opinion" if kicker is not None and kicker.lower() in _OPINION else "news",
        "language": "en",
    }
