"""Addresses under which articles are looked up, by the rule of this release: a query without ``=`` names a page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from recommend.articles.addresses import canonical_url

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BATCH = 1_000


def upgrade() -> None:
    articles = sa.table("articles", *(sa.column(name) for name in ("id", "url", "canonical_url")))
    change = sa.update(articles).where(articles.c.id == sa.bindparam("which"))
    change = change.values(canonical_url=sa.bindparam("address"))
    after = ""
    while True:
        some = sa.select(articles).where(articles.c.url.is_not(None), articles.c.id > after).order_by(articles.c.id)
        rows = op.get_bind().execute(some.limit(_BATCH)).all()
        if not rows:
            return
        after = rows[-1].id
        addresses = [(row, canonical_url(row.url)) for row in rows]
        stale = [{"which": row.id, "address": address} for row, address in addresses if address != row.canonical_url]
        if stale:
            op.get_bind().execute(change, stale)


def downgrade() -> None:
    pass  # the release before finds what both rules agree on, and the rest once it is ingested anew
