"""Where articles come from: files, feeds, sites, databases, object stores, all read as articles and rejects."""

from recommend.sources.location import Format, read, size
from recommend.sources.row import Reject, Row
from recommend.sources.web import Web

__all__ = ["Format", "Reject", "Row", "Web", "read", "size"]
