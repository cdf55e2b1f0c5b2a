"""Where articles come from: files, folders, globs, standard input and feeds, all read as articles and rejects."""

from recommend.sources.location import Format, read, size
from recommend.sources.row import Reject, Row

__all__ = ["Format", "Reject", "Row", "read", "size"]
