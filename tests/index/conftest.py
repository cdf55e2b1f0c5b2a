"""The servers of an index on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from recommend.index.opening import open_servers
from recommend.index.pgvector.servers import Servers
from recommend.settings import Settings


@pytest.fixture
def servers(settings: Settings) -> Iterator[Servers]:
    """Those that the test's settings name."""
    opened = open_servers(settings)
    assert opened is not None
    with closing(opened):
        yield opened
