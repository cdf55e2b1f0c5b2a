"""Conditions as SQL: what a mask says of rows at hand, said of all rows of a generation."""

from __future__ import annotations

import math
from typing import Any

from recommend.articles.article import Access
from recommend.articles.languages import primary_language
from recommend.index.conditions import Conditions
from recommend.index.dates import MISSING, seconds
from recommend.index.filters import NAMED, Filters, all_of, alternatives
from recommend.index.pgvector.ruled import of_rules

_DAY = 86_400


def where(conditions: Conditions) -> tuple[str, dict[str, Any]]:
    """A condition over a row ``r`` of a generation, and its parameters; ``true`` where all pass."""
    terms: list[str] = []
    given: dict[str, Any] = {}

    def add(term: str, **values: Any) -> None:
        terms.append(term)
        given.update(values)

    _of_filters(conditions.filters, add)
    if conditions.now is not None:
        add("(r.expires_at IS NULL OR r.expires_at > %(now)s)", now=conditions.now)
    if conditions.embargo is not None:
        add("(r.published_at IS NULL OR r.published_at <= %(embargo)s)", embargo=conditions.embargo)
    if conditions.hidden_genres:
        add("(r.genre IS NULL OR r.genre <> ALL(%(genres)s))", genres=sorted(conditions.hidden_genres))
    if conditions.language is not None and (primary := primary_language(conditions.language)):
        add("(r.language IS NULL OR r.language = %(own_language)s)", own_language=primary)
    if conditions.max_age and conditions.moment != MISSING:
        _of_age(conditions, add)
    if conditions.before != MISSING:
        add("r.published_at < %(before)s", before=conditions.before)
    if conditions.access is not None:
        add("r.access = ANY(%(readable)s)", readable=_values(conditions.access))
    if conditions.without:
        add("r.id <> ALL(%(without)s)", without=sorted(conditions.without))
    for term, values in of_rules(conditions.ruled):
        add(term, **values)
    if conditions.after is not None:
        listed = "(-(COALESCE(r.published_at, %(missing)s)::float8), r.id) > (%(age)s::float8, %(after)s)"
        add(listed, missing=int(MISSING), age=conditions.after[0], after=conditions.after[1])
    return " AND ".join(terms) or "true", given


def _of_filters(filters: Filters, add: Any) -> None:
    for name in NAMED:
        if (wanted := getattr(filters, name)) is not None:
            term, values = _holding(name, alternatives(wanted), name)
            if name == "language":
                every = any(not primary_language(value) for value in alternatives(wanted))
                term = "true" if every else f"(r.language IS NULL OR {term})"
            add(term, **values)
        if (unwanted := getattr(filters, f"not_{name}")) is not None:
            term, values = _holding(name, alternatives(unwanted), f"not_{name}")
            add(f"({term}) IS NOT TRUE", **values)
    if filters.access:
        add("r.access = ANY(%(access)s)", access=_values(filters.access))
    if filters.since is not None:
        add("r.published_at >= %(since)s", since=seconds(filters.since))
    if filters.until is not None:
        add("r.published_at <= %(until)s", until=seconds(filters.until))
    if filters.exclude:
        add("r.id <> ALL(%(exclude)s)", exclude=sorted(filters.exclude))


def _holding(name: str, values: list[str], label: str) -> tuple[str, dict[str, Any]]:
    """That a row is known to have one of the values."""
    if name == "tag":
        sets = [[value] for value in values] + [parts for value in values if (parts := all_of(value))]
        terms = [f"r.tags @> %({label}_{number})s::text[]" for number in range(len(sets))]
        return f"({' OR '.join(terms)})", {f"{label}_{number}": tags for number, tags in enumerate(sets)}
    if name == "language":
        values = sorted({primary for value in values if (primary := primary_language(value))})
    return f"r.{name} = ANY(%({label})s::text[])", {label: values}


def _of_age(conditions: Conditions, add: Any) -> None:
    """How old a section's stories may be; of one that names no limit, any age."""
    most = dict(conditions.max_age)
    otherwise = most.pop("*", math.inf)
    finite = {section: int(days * _DAY) for section, days in most.items() if math.isfinite(days)}
    known = sorted(most)
    limits = [finite.get(section) for section in known]
    add(
        "(r.published_at IS NULL OR r.evergreen OR COALESCE(%(moment)s - r.published_at <= CASE"
        " WHEN r.section = ANY(%(aged)s) THEN (%(limits)s::bigint[])[array_position(%(aged)s, r.section)]"
        " ELSE %(otherwise)s::bigint END, true))",
        moment=conditions.moment,
        aged=known,
        limits=limits,
        otherwise=int(otherwise * _DAY) if math.isfinite(otherwise) else None,
    )


def _values(accesses: frozenset[Access]) -> list[str]:
    return sorted(access.value for access in accesses)
