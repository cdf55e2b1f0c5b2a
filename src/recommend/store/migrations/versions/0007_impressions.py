"""Events that name their impression, counts of those that are refused, and the secret that signs impressions."""

from __future__ import annotations

from secrets import token_bytes

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COLUMNS = ("impression", "view", "unit", "settings", "base", "up", "down", "team", "identity")


def upgrade() -> None:
    for name in _COLUMNS[:4]:
        op.add_column("events", sa.Column(name, sa.Text))
    op.add_column("events", sa.Column("base", sa.Integer))
    for name, kind in (("up", sa.Float), ("down", sa.Float), ("team", sa.Integer)):
        op.add_column("events", sa.Column(name, kind, nullable=False, server_default="0"))
    op.add_column("events", sa.Column("identity", sa.LargeBinary(16)))
    op.create_index("events_by_identity", "events", ["identity"], unique=True)
    op.create_table(
        "refused_events",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("reason", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    table = op.create_table(
        "secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary(32), nullable=False),
    )
    op.bulk_insert(table, [{"name": "impressions", "value": token_bytes(32)}])


def downgrade() -> None:
    op.drop_table("secrets")
    op.drop_table("refused_events")
    op.drop_index("events_by_identity", "events")
    for name in _COLUMNS:
        op.drop_column("events", name)
