"""Who may read an article, and whether it stays of use. Where a source told the first in a column of its own, that
stands in ``extra``, and is believed: what might not be public is not made so by a release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PUBLIC = ("", "public", "free", "true", "everyone")
_TOLD = {"access": _PUBLIC, "visibility": _PUBLIC, "isAccessibleForFree": (*_PUBLIC, "1")}  # SQLite's true is 1
_MEMBERS = ("members", "member", "subscribers")


def upgrade() -> None:
    op.add_column("articles", sa.Column("access", sa.Text, nullable=False, server_default="public"))
    op.add_column("articles", sa.Column("evergreen", sa.Boolean, nullable=False, server_default=sa.false()))
    articles = sa.table("articles", sa.column("access"), sa.column("extra", sa.JSON))
    for name, public in reversed(_TOLD.items()):
        told = articles.c.extra[name].as_string()
        given = sa.func.lower(sa.func.trim(told))
        access = sa.case((given.in_(_MEMBERS), "members"), else_="paid")
        op.execute(sa.update(articles).where(told.is_not(None), given.not_in(public)).values(access=access))


def downgrade() -> None:
    op.drop_column("articles", "evergreen")
    op.drop_column("articles", "access")
