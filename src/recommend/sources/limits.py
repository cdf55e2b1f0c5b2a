"""How much of one source is taken in: what is larger is one rejected row, or one refused source, and never the run."""

from __future__ import annotations

LINE_LIMIT = 16 * 2**20
"""Bytes of one line (or one record of a CSV file, one element of a JSON array, one row of Parquet, one post)."""

FEED_LIMIT = 64 * 2**20
"""Bytes of one feed, unpacked."""

PAGE_LIMIT = 16 * 2**20
"""Bytes of one page."""

SITEMAP_LIMIT = 50 * 2**20
"""Bytes of one sitemap, unpacked, as the protocol has it."""

EXPORT_LIMIT = 256 * 2**20
"""Bytes of an export that is one JSON document, unpacked."""

FRONT_MATTER_LIMIT = 64 * 2**10
"""Bytes of the front matter of a Markdown file."""

COLUMNS = 1_000
"""Columns of one table."""

RATIO, RATIO_FROM = 200, 64 * 2**20
"""Packed data may unpack to ``RATIO`` times its size, or to ``RATIO_FROM`` bytes where that is more."""

TAG_LIMIT = 2**20
"""Bytes of one tag, comment or declaration of an XML file."""

DEPTH_LIMIT = 1_000
"""Elements of an XML file, or objects of a JSON array, that are open within each other."""

NODES = 100_000
"""Elements and attributes within one element that is read as a whole (a post, a URL of a sitemap)."""

NAMES = 10_000
"""Different names of elements and attributes in one XML file."""

NAMESPACE_LIMIT = 2_048
"""Characters of the address of an XML namespace."""

VALUES = 2**26
"""Values of one column within one row group of Parquet."""

SECONDS, SECONDS_A_MEGABYTE = 20.0, 5.0
"""How long one feed or page may take to parse, and how much longer for each megabyte."""

MEMORY = 2 * 2**30
"""Bytes of memory that the process which parses feeds and pages may take."""
