"""What a user says of the columns of a source: which one, or which path within JSON, is which field of an article."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from recommend.articles.dates import DateOrder
from recommend.errors import SettingsError, truncated_repr
from recommend.sources.names import FIELDS, nearest

_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)
_PARTS = re.compile(r"""((?:"[^"]*"|'[^']*'|[^,"'])+)(?:,|$)""")
_NO_CONSTANT = ("id", "title", "text", "url", "extra")


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """What a user says of the columns of a source.

    Attributes:
        fields: the field of each column; within JSON, of each path: ``fields.headline``, ``authors[0].name``.
        constants: for fields of which a row says nothing.
        items: path to the list of articles within a JSON document: ``data.articles[*]``; empty: it is looked for.
        date_order: of day, month and year in 3/4/2025.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    items: str = ""
    date_order: DateOrder | None = None

    @classmethod
    def of(cls, pairs: Mapping[str, str], items: str = "", date_order: DateOrder | None = None) -> ColumnMap:
        """From pairs as in ``[sources.map]``: ``column = field``, or ``field = constant`` where that is no field.

        Raises:
            SettingsError: naming the pair that is neither.
        """
        fields, constants = dict[str, str](), dict[str, str]()
        for left, right in pairs.items():
            quoted = _QUOTED.fullmatch(right)
            if right in FIELDS and quoted is None:
                fields[left] = right
            elif left in FIELDS and (quoted or left not in _NO_CONSTANT):
                constants[left] = quoted[2] if quoted else right
            else:
                raise SettingsError(_misread(left, right))
        return cls(fields, constants, items, date_order)


def read_pairs(text: str) -> dict[str, str]:
    """The pairs of ``headline=title,body=text,section="News"``, as ``--map`` takes them.

    Raises:
        SettingsError: naming the part that is no pair.
    """
    pairs = {}
    for part in _PARTS.findall(text) or [text]:
        left, equals, right = part.rpartition("=") if not _QUOTED.search(part) else part.partition("=")
        if not equals or not left.strip() or not right.strip():
            raise SettingsError(f"--map {truncated_repr(part)} is not of the form column=field, as headline=title")
        pairs[left.strip().strip("\"'")] = right.strip()
    return pairs


def _misread(left: str, right: str) -> str:
    if left in FIELDS:
        return f"mapping {left}={truncated_repr(right)}: the column comes first, then its field, as headline=title"
    near = nearest(right)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(FIELDS - {'extra'}))}"
    return f"mapping {truncated_repr(left)}={truncated_repr(right)}: no field has this name; {hint}"
