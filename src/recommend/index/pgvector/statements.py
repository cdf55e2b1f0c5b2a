"""What is asked of a generation in one round trip, as SQL of psycopg with the generation's schema left open."""

CHOSEN = """,
chosen AS MATERIALIZED (SELECT number, bit_or(kind) AS kinds FROM found GROUP BY number),
had AS MATERIALIZED (
    SELECT c.number, c.kinds, halfvec_send(r.embedding) AS embedding, t.neighbours, t.vectors, t.card
    FROM chosen c JOIN {schema}.articles r USING (number) JOIN {schema}.records t USING (number))
SELECT number, kinds, embedding, vectors, card FROM had
"""

NEIGHBOURS = """
UNION ALL
SELECT number, 0, NULL, vectors, NULL FROM {schema}.records WHERE number IN (
    SELECT unnest(neighbours) FROM had EXCEPT SELECT number FROM had)
"""

SEARCH = """
WITH dense AS MATERIALIZED (
    SELECT r.number FROM {schema}.articles r WHERE {where} ORDER BY r.embedding <#> %(vector)s LIMIT %(count)s),
lexical AS MATERIALIZED (
    SELECT r.number FROM unnest(%(matches)s::integer[]) WITH ORDINALITY m(number, place)
    JOIN {schema}.articles r USING (number) WHERE {where} ORDER BY m.place LIMIT %(count)s),
{near}
found AS (
    SELECT number, 1 AS kind FROM dense UNION ALL SELECT number, 2 FROM lexical UNION ALL SELECT number, 4 FROM near)
"""

NEAR_IN_TIME = """
newer AS MATERIALIZED (SELECT number, row_number() OVER () AS place FROM (
    SELECT number FROM {schema}.articles WHERE published_at > %(published)s
    ORDER BY published_at NULLS FIRST, id DESC LIMIT %(near)s) n),
older AS MATERIALIZED (SELECT number, row_number() OVER () AS place FROM (
    SELECT number FROM {schema}.articles WHERE published_at <= %(published)s
    ORDER BY published_at DESC NULLS LAST, id LIMIT %(near)s) o),
beside AS MATERIALIZED (
    SELECT number FROM newer WHERE place <= greatest(%(near)s / 2, %(near)s - (SELECT count(*) FROM older))
    UNION ALL
    SELECT number FROM older WHERE place <= greatest(
        %(near)s - %(near)s / 2, %(near)s - (SELECT count(*) FROM newer))),
near AS MATERIALIZED (
    SELECT r.number FROM beside b JOIN {schema}.articles r USING (number) WHERE {where}
    ORDER BY r.embedding <#> %(vector)s, r.number LIMIT %(half)s),
"""
NOTHING_NEAR = "near AS (SELECT NULL::integer AS number WHERE false),"

LISTED = """
WITH list AS MATERIALIZED (
    SELECT candidates, list FROM {schema}.ready WHERE number = %(number)s AND made_by = %(made_by)s)
SELECT NULL, NULL, list, (SELECT string_agg(int4send(one), '') FROM unnest(candidates) one) FROM list
UNION ALL
SELECT number, halfvec_send(r.embedding), t.vectors, t.card
FROM {schema}.articles r JOIN {schema}.records t USING (number)
WHERE number = ANY((SELECT candidates FROM list)::integer[])
"""
