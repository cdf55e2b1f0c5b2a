"""Tables of generations, each in a schema of its own, and of the catalog that names the live one.

A generation that was loaded whole has the tables; one that came of changes since is a further *step* on them: its
schema has views that show the rows which hold from ``since`` until before ``until``.
"""

from __future__ import annotations

from psycopg import sql

from recommend.index.pgvector.server import CATALOG

CATALOG_TABLES = f"""
CREATE EXTENSION IF NOT EXISTS vector;
CREATE SCHEMA IF NOT EXISTS {CATALOG};
CREATE TABLE IF NOT EXISTS {CATALOG}.generations (
    name text PRIMARY KEY,
    manifest bytea NOT NULL,
    articles integer NOT NULL,
    accesses text[] NOT NULL,
    step integer NOT NULL,
    verified_at timestamptz,
    published_at timestamptz
);
CREATE TABLE IF NOT EXISTS {CATALOG}.live (
    singleton integer PRIMARY KEY CHECK (singleton = 1),
    name text NOT NULL REFERENCES {CATALOG}.generations
);
"""

# embeddings lie in the row itself: whoever compares a thousand does not look each up elsewhere
_TABLES = """
CREATE TABLE {schema}.rows (
    number integer NOT NULL,
    since integer NOT NULL,
    until integer NOT NULL DEFAULT 2147483647,
    id text COLLATE "C" NOT NULL,
    published_at bigint,
    expires_at bigint,
    section text,
    language text,
    site text,
    genre text,
    access text NOT NULL,
    evergreen boolean NOT NULL,
    tags text[] NOT NULL,
    duplicates bigint NOT NULL,
    embedding halfvec({dimension}) NOT NULL
);
ALTER TABLE {schema}.rows ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE TABLE {schema}.records (
    number integer NOT NULL,
    neighbours integer[] NOT NULL,
    vectors bytea NOT NULL,
    card bytea NOT NULL
);
ALTER TABLE {schema}.records ALTER COLUMN vectors SET STORAGE EXTERNAL;
CREATE TABLE {schema}.lists (
    number integer NOT NULL, made_by bytea NOT NULL, candidates integer[] NOT NULL, list bytea NOT NULL);
ALTER TABLE {schema}.lists ALTER COLUMN list SET STORAGE EXTERNAL;
CREATE TABLE {schema}.parts (
    term integer NOT NULL, since integer NOT NULL, part integer NOT NULL, entries bytea NOT NULL);
ALTER TABLE {schema}.parts ALTER COLUMN entries SET STORAGE EXTERNAL;
CREATE TABLE {schema}.statistics (file text PRIMARY KEY, content bytea NOT NULL);
"""

_KEYS = """
ALTER TABLE {schema}.rows ADD PRIMARY KEY (number);
CREATE UNIQUE INDEX ON {schema}.rows USING btree (id, since);
CREATE INDEX ON {schema}.rows USING btree (published_at DESC NULLS LAST, id);
CREATE INDEX ON {schema}.rows USING btree (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX ON {schema}.rows USING btree (section, published_at DESC NULLS LAST, id);
CREATE INDEX ON {schema}.rows USING btree (site, published_at);
CREATE INDEX ON {schema}.rows USING gin (tags);
CREATE INDEX ON {schema}.rows USING hash (duplicates);
ALTER TABLE {schema}.records ADD PRIMARY KEY (number);
ALTER TABLE {schema}.parts ADD PRIMARY KEY (term, since, part);
ALTER TABLE {schema}.lists ADD PRIMARY KEY (made_by, number);
"""

_VIEWS = """
CREATE VIEW {schema}.articles AS SELECT * FROM {base}.rows WHERE since <= {step} AND until > {step};
CREATE VIEW {schema}.postings AS SELECT term, since, part, entries FROM {base}.parts WHERE since <= {step};
CREATE VIEW {schema}.ready AS SELECT * FROM {base}.lists;
"""

_SHARED = """
CREATE VIEW {schema}.records AS SELECT * FROM {base}.records;
CREATE VIEW {schema}.statistics AS SELECT * FROM {base}.statistics;
"""

# what steps bring is searched by itself, beside ready lists
_GRAPH = """
CREATE INDEX ON {schema}.rows USING hnsw (embedding halfvec_ip_ops) WITH (m = 24, ef_construction = 200);
CREATE INDEX ON {schema}.rows USING hnsw (embedding halfvec_ip_ops) WITH (m = 16, ef_construction = 64) WHERE since > 0;
"""


def schema_of(name: str) -> sql.Identifier:
    """The schema of a generation."""
    return sql.Identifier(f"{CATALOG}_{name}")


def tables(name: str, dimension: int) -> sql.Composed:
    """Creates the tables of a generation that is loaded whole, and its views."""
    return sql.SQL(_TABLES + _VIEWS).format(
        schema=schema_of(name), base=schema_of(name), step=sql.Literal(0), dimension=sql.Literal(dimension)
    )


def views(name: str, base: str, step: int) -> sql.Composed:
    """Creates the views of a generation that is a step on the tables of another."""
    return sql.SQL("CREATE SCHEMA {schema};" + _VIEWS + _SHARED).format(
        schema=schema_of(name), base=schema_of(base), step=sql.Literal(step)
    )


def keys(name: str) -> sql.Composed:
    """Indexes what is loaded, but for embeddings."""
    return sql.SQL(_KEYS).format(schema=schema_of(name))


def graph(name: str) -> sql.Composed:
    """Indexes the embeddings."""
    return sql.SQL(_GRAPH).format(schema=schema_of(name))
