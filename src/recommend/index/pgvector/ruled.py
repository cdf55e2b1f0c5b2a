"""The matches of rules as SQL."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from recommend.articles.languages import primary_language
from recommend.articles.rules import Match
from recommend.index.conditions import Ruled

_DAY = 86_400
_NAMED = ("section", "site", "genre")


def of_rules(ruled: tuple[Ruled, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Conditions over a row ``r`` of a generation, and their parameters. A match that asks for authors, of whom rows do
    not tell, is left to the mask of the rows at hand."""
    numbers = count()
    for match, wanted, today in ruled:
        if any(part.author for part in match.parts()):
            continue
        given: dict[str, Any] = {}
        term = _term(match, today, given, numbers)
        yield (term if wanted else f"NOT {term}"), given


def _term(match: Match, today: int, given: dict[str, Any], numbers: Iterator[int]) -> str:
    terms = []

    def add(term: str, value: Any) -> None:
        name = f"rule_{next(numbers)}"
        given[name] = value
        terms.append(term.format(f"%({name})s"))

    if match.id:
        add("r.id = ANY({}::text[])", list(match.id))
    for name in _NAMED:
        if values := getattr(match, name):
            add(f"r.{name} = ANY({{}}::text[])", list(values))
    if match.language:
        add("r.language = ANY({}::text[])", sorted({primary_language(one) for one in match.language}))
    if match.tag:
        add("r.tags && {}::text[]", list(match.tag))
    if match.max_age is not None:
        add("r.published_at >= {}", today - match.max_age * _DAY)
    if match.min_age is not None:
        add("r.published_at <= {}", today - match.min_age * _DAY)
    if match.any:
        terms.append(" OR ".join(_term(part, today, given, numbers) for part in match.any))
    terms += [_term(part, today, given, numbers) for part in match.all]
    terms += [f"NOT {_term(part, today, given, numbers)}" for part in match.not_]
    return f"COALESCE({' AND '.join(f'({term})' for term in terms) or 'true'}, false)"
