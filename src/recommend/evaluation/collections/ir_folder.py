"""A folder as ``ir_datasets export`` and BEIR write one: documents, queries and judgements.

Formats: https://ir-datasets.com/cli.html, https://github.com/beir-cellar/beir/wiki/Load-your-custom-dataset
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recommend.errors import EvaluationError
from recommend.evaluation.collections.collection import Collection, Row, json_lines, lines, matching, wanted
from recommend.evaluation.judgements import Qrels, read_qrels

_DOCUMENTS = ["docs.jsonl", "docs.jsonl.gz", "docs.tsv", "docs.tsv.gz", "corpus.jsonl", "corpus.jsonl.gz"]
_QUERIES = ["queries.jsonl", "queries.jsonl.gz", "queries.tsv", "queries.tsv.gz"]
_QRELS = ["qrels", "qrels.*", "*.qrels", "qrels/*.tsv", "qrels/*.txt"]
_IDS = ("doc_id", "_id", "id", "docno")
_TEXTS = ("text", "body", "main_content", "abstract", "contents", "default_text")


def read_ir_folder(folder: Path) -> Collection:
    """Documents of ``docs.jsonl``, ``docs.tsv`` or ``corpus.jsonl``, queries and judgements, plain or .gz.

    A query that names a document (``doc_id``, as those of background linking do) is that document. A query of words
    becomes an article of that title, under the id ``query:ID``.

    Raises:
        EvaluationError: when documents or judgements are missing, or one is malformed.
    """
    documents = wanted(folder, _DOCUMENTS, "documents")
    queries, extra = _queries(folder)
    notes: list[str] = []
    qrels: Qrels = {}
    for path in wanted(folder, _QRELS, "judgements"):
        for query, grades in _judgements(path).items():
            qrels.setdefault(queries.get(query, query), {}).update(grades)
    asked = [row for row in extra if row["id"] in qrels]
    if asked:
        notes.append(f"{len(asked):,} queries are words, not documents: each is an article of that title")
    return Collection(_articles(documents, asked), qrels, notes)


def _judgements(path: Path) -> Qrels:
    first = next((line for _, line in lines(path)), "")
    if first.split("\t")[:2] != ["query-id", "corpus-id"]:
        return read_qrels(path)
    qrels: Qrels = {}
    for number, line in lines(path):
        fields = line.split("\t")
        if number == 1:
            continue
        if len(fields) != 3 or not fields[2].lstrip("-").isdecimal():
            raise EvaluationError(f"{path}:{number}: {line!r} is not 'query-id corpus-id score'")
        qrels.setdefault(fields[0], {})[fields[1]] = int(fields[2])
    return qrels


def _queries(folder: Path) -> tuple[dict[str, str], list[Row]]:
    """The article of each query, and articles that queries of words become."""
    named: dict[str, str] = {}
    words: list[Row] = []
    for path in matching(folder, _QUERIES):
        if ".tsv" in path.suffixes:
            rows = [dict(zip(("query_id", "text"), line.split("\t", 1), strict=False)) for _, line in lines(path)]
        else:
            rows = [row for _, row in json_lines(path)]
        for row in rows:
            query = next((str(row[name]) for name in ("query_id", "_id", "id") if row.get(name)), None)
            if query is None:
                raise EvaluationError(f"{path}: a query has no query_id")
            if row.get("doc_id"):
                named[query] = str(row["doc_id"])
                continue
            text = row.get("text") or row.get("title") or row.get("default_text")
            if text:
                named[query] = f"query:{query}"
                words.append({"id": named[query], "title": str(text)})
    return named, words


def _articles(paths: list[Path], asked: list[Row]) -> Iterator[Row]:
    for path in paths:
        if ".tsv" in path.suffixes:
            for number, line in lines(path):
                name, _, text = line.partition("\t")
                if not text:
                    raise EvaluationError(f"{path}:{number}: a document has no text")
                yield {"id": name, "title": _headline(text), "text": text}
            continue
        for number, row in json_lines(path):
            name = next((str(row[key]) for key in _IDS if row.get(key)), "")
            if not name:
                raise EvaluationError(f"{path}:{number}: a document has no doc_id")
            text = next((str(row[key]) for key in _TEXTS if row.get(key)), "")
            rest = {key: value for key, value in row.items() if key not in {*_IDS, *_TEXTS, "metadata"}}
            yield {**rest, "id": name, "title": row.get("title") or _headline(text), "text": text}
    yield from asked


def _headline(text: str) -> str:
    """The first words of a text that has no title."""
    first = text.strip().partition("\n")[0]
    return first if len(first) <= 120 else first[:120].rpartition(" ")[0] or first[:120]
