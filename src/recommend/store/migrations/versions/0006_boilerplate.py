"""The sentences that many headlines of a site share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "boilerplate",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("identities", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("boilerplate")  # embeddings of texts that had any are then made again
