"""Where articles come from: files, feeds, sites, databases, object stores; read as articles, rejects, warnings."""

from recommend.sources.column_map import ColumnMap
from recommend.sources.columns import Columns
from recommend.sources.files import Format
from recommend.sources.location import read, size
from recommend.sources.query import is_database
from recommend.sources.row import Reject, Row, RowWarning
from recommend.sources.web import Web

__all__ = ["ColumnMap", "Columns", "Format", "Reject", "Row", "RowWarning", "Web", "is_database", "read", "size"]
