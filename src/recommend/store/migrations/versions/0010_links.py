"""What articles link to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("articles", sa.Column("links_to", sa.JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("articles", "links_to")
