from __future__ import annotations

import gzip
import io
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from recommend.article import Article
from recommend.errors import SourceError
from recommend.sources import feed
from recommend.sources.feed import read_feed
from recommend.sources.row import Reject, Row
from recommend.sources.stream import ByteStream

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>The Harbour Post</title><link>https://www.harbour.example/news/</link><language>en-gb</language>
<item>
  <guid isPermaLink="false">hp-1</guid><title>Ferry &amp;amp; port: strike ends</title>
  <link>https://www.harbour.example/news/1</link>
  <description>Crews return on &lt;b&gt;Monday&lt;/b&gt;.</description>
  <content:encoded><![CDATA[<p>Crews return.</p><p>Ports reopen.</p>]]></content:encoded>
  <pubDate>Mon, 05 Jan 2026 10:00:00 +0200</pubDate>
  <category>Transport</category><category>Labour</category>
  <dc:creator>Jane Doe</dc:creator><dc:creator>Joe Roe</dc:creator>
  <media:content url="https://img.example/1.mp4" type="video/mp4"/>
  <media:content url="//img.example/1.jpg" medium="image"/>
</item>
<item>
  <title>Lighthouse to reopen</title><link>https://www.harbour.example/news/2</link>
  <description>Only a description.</description>
  <enclosure url="https://img.example/2.jpg" type="image/jpeg" length="9"/>
</item>
</channel></rss>"""

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xmlns:media="http://search.yahoo.com/mrss/">
<title>Hafenpost</title><link href="https://hafen.example/"/><id>urn:hafen</id><updated>2026-01-05T00:00:00Z</updated>
<entry>
  <id>urn:hafen:1</id><title type="html">Streik &amp;lt;beendet&amp;gt;</title><link href="https://hafen.example/1"/>
  <published>2026-01-04T23:30:00-01:00</published><updated>2026-01-05T12:00:00Z</updated>
  <author><name>Jana Dorn</name></author><category term="port" label="Häfen"/>
  <content type="html">&lt;p&gt;Die Häfen öffnen.&lt;/p&gt;</content>
  <media:thumbnail url="https://img.example/3.jpg"/>
</entry>
<entry xml:lang="fr">
  <id>urn:hafen:2</id><title>La grève est finie</title><updated>2026-01-05T12:00:00Z</updated>
  <summary>Les ports rouvrent.</summary>
</entry>
</feed>"""


def entries(data: str | bytes) -> list[Row]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_feed(ByteStream(io.BytesIO(raw), "a.xml")))


def rss(*items: str) -> str:
    joined = "".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="2.0"><channel><link>https://a.example/</link>{joined}</channel></rss>'


def ids(rows: Iterable[Row]) -> list[str]:
    return [row.id for row in rows if isinstance(row, Article)]


def test_an_rss_item_is_an_article() -> None:
    row, _ = entries(RSS)
    assert row == Article(
        id="hp-1",
        title="Ferry & port: strike ends",
        text="Crews return.\n\nPorts reopen.",
        summary="Crews return on Monday.",
        url="https://www.harbour.example/news/1",
        image_url="https://img.example/1.jpg",
        published_at=datetime(2026, 1, 5, 8, tzinfo=UTC),
        tags=["Transport", "Labour"],
        authors=["Jane Doe", "Joe Roe"],
        language="en-gb",
        site="www.harbour.example",
    )


def test_an_rss_item_without_an_id_is_named_by_its_link() -> None:
    _, row = entries(RSS)
    assert isinstance(row, Article)
    assert row.id == row.url == "https://www.harbour.example/news/2"
    assert (row.text, row.summary) == ("", "Only a description.")
    assert row.image_url == "https://img.example/2.jpg"


def test_an_atom_entry_is_an_article() -> None:
    row, _ = entries(ATOM)
    assert row == Article(
        id="urn:hafen:1",
        title="Streik &lt;beendet&gt;",
        text="Die Häfen öffnen.",
        url="https://hafen.example/1",
        image_url="https://img.example/3.jpg",
        published_at=datetime(2026, 1, 5, 0, 30, tzinfo=UTC),
        updated_at=datetime(2026, 1, 5, 12, tzinfo=UTC),
        tags=["Häfen"],
        authors=["Jana Dorn"],
        language="de",
        site="hafen.example",
    )


def test_an_atom_entry_without_link_and_publication_date_has_no_url_and_the_date_of_its_update() -> None:
    _, row = entries(ATOM)
    assert isinstance(row, Article)
    assert (row.id, row.url, row.language) == ("urn:hafen:2", None, "fr")
    assert row.published_at == row.updated_at == datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_a_whole_article_in_the_description_is_its_text() -> None:
    body = "A sentence of the story. " * 300
    (row,) = entries(rss(f"<guid>1</guid><title>x</title><description>{body}</description>"))
    assert isinstance(row, Article)
    assert (row.text, row.summary) == (body.strip(), None)


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        ("<title>x</title>", "id", "is missing"),
        ("<guid>b</guid>", "title", "is missing"),
        ("<guid>b</guid><title>x</title><pubDate>soon</pubDate>", "published_at", "is neither an RFC 822 nor"),
        ("<guid>b</guid><title>x</title><link>javascript:1</link>", "url", "is neither an http(s) URL"),
    ],
)
def test_a_bad_entry_is_rejected_with_its_number_and_costs_no_other(bad: str, field: str, reason: str) -> None:
    good = "<guid>g</guid><title>x</title>"
    first, reject, last = entries(rss(good, bad, good))
    assert ids([first, last]) == ["g", "g"]
    assert isinstance(reject, Reject)
    assert (reject.line, reject.field) == (2, field)
    assert reject.article_id == (None if field == "id" else "b")
    assert reject.reason.startswith(reason)


@pytest.mark.parametrize("reference", ["&#xd83d;", "&#55357;&#56842;", "&#99999999;", "& ", "&nbsp;"])
def test_an_impossible_character_does_not_cost_the_feed(reference: str) -> None:
    rows = entries(rss(f"<guid>1</guid><title>x {reference}</title>", "<guid>2</guid><title>y</title>"))
    assert ids(rows) == ["1", "2"]


def test_a_feed_that_is_cut_gives_the_entries_before_the_cut_and_one_reject() -> None:
    *rows, last = entries(RSS[: RSS.index("Only a desc")])
    assert ids(rows) == ["hp-1"]
    assert isinstance(last, Reject)
    assert (last.line, last.reason.split(",")[0]) == (2, "breaks off here")


def test_a_truncated_gzip_gives_the_entries_before_the_break_and_one_reject() -> None:
    items = [f"<guid>{number}</guid><title>Title {number**7}</title>" for number in range(2_000)]
    packed = gzip.compress(rss(*items).encode())
    *rows, last = read_feed(ByteStream(io.BytesIO(packed[: len(packed) // 2]), "a.xml.gz", gzipped=True))
    assert ids(rows) == [str(number) for number in range(len(rows))]
    assert len(rows) > 300
    assert isinstance(last, Reject)
    assert last.line == len(rows) + 1


@pytest.mark.parametrize(
    "data",
    [
        "",
        "plain text",
        "<html><body>No feed</body></html>",
        "<urlset></urlset>",
        "<a",
        '<?xml version="1" encoding="é"?>',
    ],
)
def test_what_is_no_feed_is_refused(data: str) -> None:
    with pytest.raises(SourceError, match=r"a\.xml (is neither an RSS nor an Atom feed|cannot be parsed as a feed)"):
        entries(data)


def test_a_feed_without_entries_holds_nothing() -> None:
    assert entries(rss()) == []


def test_a_feed_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "FEED_LIMIT", 1_000)
    with pytest.raises(SourceError, match="larger than 1,000 bytes"):
        entries(RSS)
