"""Tables of a generation, each generation in a schema of its own, and of the catalog that names the live one."""

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
CREATE TABLE {schema}.articles (
    number integer NOT NULL,
    id text NOT NULL,
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
ALTER TABLE {schema}.articles ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE TABLE {schema}.records (
    number integer NOT NULL,
    neighbours integer[] NOT NULL,
    vectors bytea NOT NULL,
    card bytea NOT NULL
);
ALTER TABLE {schema}.records ALTER COLUMN vectors SET STORAGE EXTERNAL;
CREATE TABLE {schema}.postings (term integer NOT NULL, part integer NOT NULL, entries bytea NOT NULL);
ALTER TABLE {schema}.postings ALTER COLUMN entries SET STORAGE EXTERNAL;
CREATE TABLE {schema}.statistics (file text PRIMARY KEY, content bytea NOT NULL);
"""

_KEYS = """
ALTER TABLE {schema}.articles ADD PRIMARY KEY (number);
CREATE UNIQUE INDEX ON {schema}.articles USING btree (id);
CREATE INDEX ON {schema}.articles USING btree (published_at, number);
CREATE INDEX ON {schema}.articles USING btree (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX ON {schema}.articles USING btree (section, published_at);
CREATE INDEX ON {schema}.articles USING btree (site, published_at);
CREATE INDEX ON {schema}.articles USING gin (tags);
CREATE INDEX ON {schema}.articles USING hash (duplicates);
ALTER TABLE {schema}.records ADD PRIMARY KEY (number);
ALTER TABLE {schema}.postings ADD PRIMARY KEY (term, part);
"""

_GRAPH = "CREATE INDEX ON {schema}.articles USING hnsw (embedding halfvec_ip_ops) WITH (m = 24, ef_construction = 200)"


def schema_of(name: str) -> sql.Identifier:
    """The schema of a generation."""
    return sql.Identifier(f"{CATALOG}_{name}")


def tables(name: str, dimension: int) -> sql.Composed:
    """Creates the tables of a generation."""
    return sql.SQL(_TABLES).format(schema=schema_of(name), dimension=sql.Literal(dimension))


def keys(name: str) -> sql.Composed:
    """Indexes what is loaded, but for embeddings."""
    return sql.SQL(_KEYS).format(schema=schema_of(name))


def graph(name: str) -> sql.Composed:
    """Indexes the embeddings."""
    return sql.SQL(_GRAPH).format(schema=schema_of(name))
