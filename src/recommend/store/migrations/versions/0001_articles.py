"""Articles, their embeddings and the revision counter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "articles",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("content_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("text_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("summary", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("canonical_url", sa.Text),
        sa.Column("image_url", sa.Text),
        sa.Column("published_at", sa.DateTime),
        sa.Column("updated_at", sa.DateTime),
        sa.Column("section", sa.Text),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("authors", sa.JSON, nullable=False),
        sa.Column("language", sa.Text),
        sa.Column("site", sa.Text),
        sa.Column("genre", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime),
        sa.Column("extra", sa.JSON, nullable=False),
        sa.Column("deleted_at", sa.DateTime),
    )
    op.create_index("articles_by_revision", "articles", ["revision"], unique=True)
    op.create_index("articles_by_canonical_url", "articles", ["canonical_url"], postgresql_using="hash")
    op.create_table(
        "embeddings",
        sa.Column("article_id", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, primary_key=True),
        sa.Column("text_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    revision_counter = op.create_table(
        "revision",
        sa.Column("singleton", sa.Integer, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(revision_counter, [{"singleton": 1, "value": 0}])


def downgrade() -> None:
    op.drop_table("revision")
    op.drop_table("embeddings")
    op.drop_table("articles")
