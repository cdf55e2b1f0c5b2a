"""Which column is which field of an article: what was asked for, what is understood, and what is said of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256

from recommend.articles.links import RELATED_FIELDS
from recommend.errors import SourceError, truncated_repr
from recommend.sources.column_map import ColumnMap
from recommend.sources.json_path import is_known_list, path_of_list, values_at
from recommend.sources.limits import COLUMNS, NAMES
from recommend.sources.names import FIELDS, field_by_value, field_of, flat, is_decided_by_value, is_slug, nearest
from recommend.sources.row import Row, cell_rows, rows

_WRAPPERS = ("fields", "attributes", "_source")
_TOLD = 20
_DATES = 1_000

MADE = "title and date"
"""What ids are made of where nothing in a source could be one."""


class Columns:
    """Turns rows as they are written into rows by field, and remembers what it made of them.

    Attributes:
        asked: what the user says.
        understood: the field of each column that was taken for one under another name.
        unused: columns that went to ``extra``, with the field that each resembles.
        ids: what stands in for ids, of sources that have none: a column, or :data:`MADE`.
        items: where the articles were found in each JSON document that is no list.
        dates: the first dates of publication, as they are written.
    """

    def __init__(self, asked: ColumnMap = ColumnMap()) -> None:
        self.asked = asked
        self.understood: dict[str, str] = {}
        self.unused: dict[str, str | None] = {}
        self.ids: dict[str, str] = {}
        self.items: dict[str, str] = {}
        self.missing = dict(asked.fields)
        self.dates: list[str] = []
        self._roles: dict[str, tuple[str, int] | None] = {}
        self._flags: set[str] = set()
        self._plain = not asked.fields and not asked.constants
        self._source: str | None = None
        self._stand_in = ""

    def header(self, names: Collection[str], source: str) -> list[str]:
        """The columns of a table as keys of its rows.

        Raises:
            SourceError: they cannot hold articles: none is the title, a name stands twice, or there are too many.
        """
        if len(names) > COLUMNS:
            raise SourceError(f"{source} has {len(names):,} columns, more than {COLUMNS:,}")
        columns = [lower if (lower := name.lower()) in FIELDS and lower not in names else name for name in names]
        for name, times in Counter(columns).items():
            if name and times > 1:
                raise SourceError(f"{source} has {times} columns {name!r}: rename all but one")
        self._begin(columns, source)
        held = {role[0] for name in columns if (role := self._roles.get(name))} | {*self.asked.constants}
        held |= {name for path, name in self.asked.fields.items() if path in columns}
        if "title" not in held:
            named = ", ".join(name for name in names if name) or "none"
            some = next((name for name in columns if name and self._roles.get(name) is None), "COLUMN")
            raise SourceError(
                f"{source} has no column that is the title (found: {truncated_repr(named)}): say which one is, "
                f"as --map {some}=title"
            )
        return columns

    def rows(self, row: object, source: str, line: int, *, original: object = None) -> Iterator[Row]:
        """The article of a row of JSON, or its reject, then warnings.

        Args:
            row: as a reader of exports made it.
            source: where it is from.
            line: the number of the line or record.
            original: as it was written, for paths; by default the row.
        """
        fields = self._by_field(row, source, original) if isinstance(row, Mapping) else row
        if isinstance(fields, Mapping):
            self._note_date(fields)
        return rows(fields, source, line, date_order=self.asked.date_order)

    def cell_rows(self, cells: dict[str, object], source: str, line: int) -> Iterator[Row]:
        """The same for a row of a table."""
        for name in self._flags - cells.keys():
            cells[name] = ""
        fields = self._by_field(cells, source)
        self._note_date(fields)
        return cell_rows(fields, source, line, date_order=self.asked.date_order)

    def find_items(self, document: object, source: str) -> list[object] | None:
        """The list of articles in a JSON document; None where there is none, or several.

        Raises:
            SourceError: the path that the user names leads to no list.
        """
        if self.asked.items:
            path = self.asked.items if self.asked.items.endswith("[*]") else f"{self.asked.items}[*]"
            items = list(values_at(document, path))
            if not items:
                keys = ", ".join(document) if isinstance(document, Mapping) else type(document).__name__
                raise SourceError(f"{source} has nothing at {path} (found: {truncated_repr(keys)})")
        elif isinstance(document, Mapping):
            held = _fields_of(document)
            path = path_of_list(document) or ""
            items = list(values_at(document, path)) if path else []
            if "title" in held and ("text" in held or not is_known_list(path) or not all(map(_is_titled, items))):
                return None  # it is an article itself, whatever lists it has
        else:
            return None
        if items:
            self.items[source] = path
        return items or None

    def messages(self) -> list[str]:
        """What is to be said of it all: one line about each matter, none where nothing is to be said."""
        lines = []
        where = [*dict.fromkeys(self.items.values())]
        pairs = [f"{name} → {known}" for name, known in self.understood.items()]
        if where or pairs:
            at = f"the articles at {', '.join(where)}" if where else ""
            lines.append("read as " + ": ".join(part for part in (at, _list(pairs)) if part))
        for stand_in in dict.fromkeys(self.ids.values()):
            if stand_in == MADE:
                lines.append(
                    f"no column is the id: each is made of {MADE}, so that a changed title makes another story; "
                    "--map COLUMN=id names one"
                )
            else:
                lines.append(f"no column is the id: {stand_in} stands in; --map COLUMN=id names another")
        if self.asked.items and not self.items:
            lines.append(f"--items {self.asked.items} is for a JSON document: it was not used here")
        if self._source is None and (self.missing or self.asked.constants):
            lines.append("the mapping is for JSON, CSV, Parquet and databases: it was not used here")
        elif self.missing:
            lines.append("mapped, but in no row: " + _list(self.missing))
        if self.unused:
            named = [f"{name} ({near}?)" if near else name for name, near in self.unused.items()]
            lines.append(f"kept in extra, not used: {_list(named)}")
        return lines

    def as_json(self) -> dict[str, object]:
        """The same for machines."""
        return {"columns": self.understood, "unused": self.unused, "ids": self.ids, "unmapped": [*self.missing]}

    def _begin(self, names: Iterable[str], source: str) -> None:
        """A source begins: what its ids are is told by the names that come first."""
        self._source = source
        names = [*names]
        reversed_ = [f"{left}={right}" for left, right in self.asked.constants.items() if right in names]
        if reversed_:
            left, _, right = reversed_[0].partition("=")
            raise SourceError(f"mapping {reversed_[0]}: the column comes first, then its field: --map {right}={left}")
        self._learn(names)
        held = {role[0] for name in names if (role := self._roles.get(name))}
        held |= {name for path, name in self.asked.fields.items()}
        slug = next((name for name in names if is_slug(name)), None)
        self._stand_in = "" if "id" in held else "url" if "url" in held else slug or MADE

    def _note_date(self, fields: Mapping[str, object]) -> None:
        if len(self.dates) < _DATES and isinstance(date := fields.get("published_at"), str):
            self.dates.append(date)

    def _learn(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._roles or len(self._roles) >= NAMES:
                continue
            if name in self.asked.fields:
                role: tuple[str, int] | None = (self.asked.fields[name], -2)
            elif is_decided_by_value(name):
                self._flags.add(name)
                self._plain, role = False, ("", 0)
            else:
                role = field_of(name)
            self._roles[name] = role
            self._plain = self._plain and (role is None or role[0] == name)
            used = role is not None or is_slug(name) or name in RELATED_FIELDS or self._reaches(name)
            if name and not used and len(self.unused) < NAMES:
                self.unused[name] = nearest(name)

    def _reaches(self, name: str) -> bool:
        return any(path.startswith((f"{name}.", f"{name}[")) for path in self.asked.fields)

    def _by_field(self, row: Mapping[str, object], source: str, original: object = None) -> Mapping[str, object]:
        if "title" not in row:
            inner = next((row[name] for name in _WRAPPERS if isinstance(row.get(name), Mapping)), None)
            if isinstance(inner, Mapping):
                row = {**{name: value for name, value in row.items() if name not in _WRAPPERS}, **inner}
        if source != self._source:
            self._begin(row, source)
        if row.keys() - self._roles.keys():
            self._learn(row)
        if self._plain and ("id" in row or not self._stand_in):
            return row
        taken, rest = self._taken(row if original is None else original, row)
        for name, value in self.asked.constants.items():
            if taken.get(name) in (None, ""):
                taken[name] = value
        if taken.get("id") in (None, "") and self._stand_in and (made := self._made_id(taken, row)):
            taken["id"] = made
            self.ids[source] = self._stand_in
        return {**rest, **taken}

    def _taken(self, original: object, row: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
        """What a row says of each field, as its most trusted column has it, and the columns that are no fields."""
        offers: dict[str, tuple[int, str, object]] = {}
        rest: dict[str, object] = {}

        def offer(name: str, known: str, rank: int, value: object) -> None:
            before = offers.get(known)
            if before is None or rank < before[0]:
                offers[known] = rank, name, value
                name, value = ("", None) if before is None else before[1:]
            if name and name not in FIELDS:
                rest[name] = value

        for name, value in row.items():
            role = self._roles.get(name)
            if role is None or (value in (None, "") and name not in self._flags and name not in FIELDS):
                rest[name] = value
            elif name in self._flags and name not in self.asked.fields:
                told = field_by_value(name, value)
                if told is None:
                    rest[name] = value
                    continue
                known, meant, keeps = told
                offer(name, known, -1 if keeps else 99, meant)
            else:
                offer(
                    name,
                    role[0],
                    98 if value in (None, "") else role[1],
                    flat(*(role[0], value)) if role[0] != name else value,
                )
        for path, known in self.asked.fields.items():
            if path not in row and (values := [*values_at(original, path)]):
                offer(path, known, -2, values if "[*]" in path else values[0])
        for known, (_, name, _value) in offers.items():
            self.missing.pop(name, None)
            if name != known and len(self.understood) < NAMES and name not in self.asked.fields:
                self.understood.setdefault(name, known)
        return {known: value for known, (_, _, value) in offers.items()}, rest

    def _made_id(self, taken: Mapping[str, object], row: Mapping[str, object]) -> str | None:
        if self._stand_in != MADE:
            value = taken.get("url") if self._stand_in == "url" else row.get(self._stand_in)
            return value if isinstance(value, str) and value else None
        title = taken.get("title")
        if not isinstance(title, str) or not title.strip():
            return None
        slug = "-".join(re.findall(r"\w+", title.lower()))[:60].strip("-_")
        content = f"{title}\x00{taken.get('published_at') or ''}"
        return f"{slug}-{sha256(content.encode(errors='replace')).hexdigest()[:8]}"


def _fields_of(row: Mapping[str, object]) -> set[str]:
    return {role[0] for name in row if (role := field_of(name))}


def _is_titled(item: object) -> bool:
    return isinstance(item, Mapping) and "title" in _fields_of(item)


def _list(names: Iterable[str]) -> str:
    all_names = [*names]
    rest = len(all_names) - _TOLD
    return ", ".join(all_names[:_TOLD]) + (f" and {rest:,} more" if rest > 0 else "")
