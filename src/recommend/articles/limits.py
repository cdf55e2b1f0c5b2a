"""The bounds of an article, in one place.

Work on text grows in proportion to its length, so that the length is what needs a bound. Each is far above what
articles have and far below what would hold a process up. What lies beyond one is a single refused row where the
article makes no sense without it (id, title, text), else left out with a warning.
"""

from __future__ import annotations

ID_LIMIT = 512
"""Characters of an id: it is part of keys, paths and logs."""

LINE_LIMIT = 5_000
"""Characters of a title, a summary, an address or any other single line, markup included."""

TEXT_LIMIT = 1_000_000
"""Characters of a text, markup included: a novel of 180,000 words."""

MOST_STRINGS = 200
"""Tags, authors or links of one article; those behind it are left out."""

STRING_LIMIT = 500
"""Characters of one tag or author, or of an address or id that an article links to."""

EXTRA_BYTES = 1_000_000
"""Bytes of all unknown fields together, written as JSON."""

EXTRA_VALUES = 10_000
"""Values in all unknown fields together, those in lists and objects included."""

EXTRA_DEPTH = 64
"""How deep lists and objects may be nested in an unknown field."""

MARKS_A_LETTER = 30
"""Combining marks behind one letter; more are dropped. The number is that of Unicode's stream-safe text format
(UAX 15): putting marks in order takes time that grows with the square of their number."""

WORD_LIMIT = 64
"""Characters of a word that search looks at: its beginning tells it from all others."""

DATE_LIMIT = 100
"""Characters of a date."""

LANGUAGE_LIMIT = 200
"""Characters of a language or a list of languages."""
