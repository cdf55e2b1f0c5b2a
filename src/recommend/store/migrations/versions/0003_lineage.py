"""Which store this is, and which revisions restores undid."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    lineage = op.create_table(
        "lineage",
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("begun_at", sa.DateTime, nullable=False),
    )
    now = datetime.now(UTC).replace(tzinfo=None)
    op.bulk_insert(lineage, [{"revision": 0, "since": 0, "store": uuid4().hex, "begun_at": now}])


def downgrade() -> None:
    op.drop_table("lineage")
