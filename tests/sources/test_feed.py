from __future__ import annotations

import gzip
import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from recommend.articles.article import Article
from recommend.errors import SourceError
from recommend.sources import feed, parsing
from recommend.sources.feed import read_feed
from recommend.sources.row import Reject, Row, RowWarning
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
        id="harbour.example:hp-1",
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
        section="Häfen",
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
    ],
)
def test_a_bad_entry_is_rejected_with_its_number_and_costs_no_other(bad: str, field: str, reason: str) -> None:
    first, reject, last = entries(rss("<guid>g</guid><title>x</title>", bad, "<guid>h</guid><title>x</title>"))
    assert ids([first, last]) == ["a.example:g", "a.example:h"]
    assert isinstance(reject, Reject)
    assert (reject.line, reject.field) == (2, field)
    assert reject.article_id == (None if field == "id" else "a.example:b")
    assert reject.reason.startswith(reason)


@pytest.mark.parametrize("reference", ["&#xd83d;", "&#55357;&#56842;", "&#99999999;", "& ", "&nbsp;"])
def test_an_impossible_character_does_not_cost_the_feed(reference: str) -> None:
    rows = entries(rss(f"<guid>1</guid><title>x {reference}</title>", "<guid>2</guid><title>y</title>"))
    assert ids(rows) == ["a.example:1", "a.example:2"]


def test_a_feed_that_is_cut_gives_the_entries_before_the_cut_and_one_reject() -> None:
    *rows, last = entries(RSS[: RSS.index("Only a desc")])
    assert ids(rows) == ["harbour.example:hp-1"]
    assert isinstance(last, Reject)
    assert (last.line, last.reason.split(",")[0]) == (2, "breaks off here")


def test_a_truncated_gzip_gives_the_entries_before_the_break_and_one_reject() -> None:
    items = [f"<guid>{number}</guid><title>Title {number**7}</title>" for number in range(2_000)]
    packed = gzip.compress(rss(*items).encode())
    *rows, last = read_feed(ByteStream(io.BytesIO(packed[: len(packed) // 2]), "a.xml.gz", gzipped=True))
    assert ids(rows) == [f"a.example:{number}" for number in range(len(rows))]
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


@pytest.mark.parametrize(
    ("guid", "link", "found"),
    [
        ("7", "https://b.example/7", "b.example:7"),
        ("7", "https://www.b.example/7", "b.example:7"),
        ("7", "", "a.example:7"),
        ("https://c.example/?p=7", "https://b.example/7", "https://c.example/?p=7"),
        ("urn:uuid:7", "https://b.example/7", "urn:uuid:7"),
        ("tag:c.example,2026:7", "https://b.example/7", "tag:c.example,2026:7"),
        ("6b4f7a52-0000-4000-8000-000000000001", "https://b.example/7", "6b4f7a52-0000-4000-8000-000000000001"),
    ],
)
def test_an_id_that_is_no_address_is_one_of_its_site_alone(guid: str, link: str, found: str) -> None:
    (row,) = entries(rss(f"<guid isPermaLink='false'>{guid}</guid><link>{link}</link><title>x</title>"))
    assert isinstance(row, Article)
    assert row.id == found


def test_two_entries_of_one_id_are_told_and_both_stay_where_their_links_differ() -> None:
    rows = entries(
        rss(*(f"<guid>7</guid><title>{n}</title><link>https://a.example/{n}</link>" for n in ("one", "two", "one")))
    )
    assert ids(rows) == ["a.example:7", "https://a.example/two"]
    warnings = [row for row in rows if isinstance(row, RowWarning)]
    assert [(row.line, row.field, row.value) for row in warnings] == [(n, "id", "'a.example:7'") for n in (2, 3)]
    assert warnings[0].reason == "is the id of entry 1 too: it goes by its link https://a.example/two"
    assert warnings[1].reason == "is the id of entry 1 too: it is passed over"


def test_an_entry_that_comes_twice_is_passed_over_with_a_warning() -> None:
    once = "<guid>https://a.example/7</guid><title>x</title><link>https://a.example/7</link>"
    first, warning = entries(rss(once, once))
    assert isinstance(first, Article)
    assert isinstance(warning, RowWarning)
    assert warning.reason == "is the id of entry 1 too: it is passed over"


@pytest.mark.parametrize(
    ("field", "odd", "name"),
    [
        ("language", "<dc:language>English (United States)</dc:language>", None),
        ("published_at", "<pubDate>soon</pubDate>", "published_at"),
        ("url", "<link>javascript:1</link>", "url"),
    ],
)
def test_an_optional_value_that_is_odd_costs_itself_alone(field: str, odd: str, name: str | None) -> None:
    row, *warnings = entries(
        rss(f"<guid>7</guid><title>x</title>{odd}").replace("<rss", '<rss xmlns:dc="http://purl.org/dc/elements/1.1/"')
    )
    assert isinstance(row, Article)
    assert [warning.field for warning in warnings if isinstance(warning, RowWarning)] == ([name] if name else [])
    assert name is None or getattr(row, field) is None


@pytest.mark.parametrize(
    ("categories", "section", "tags"),
    [
        (["Transport"], "Transport", []),
        (["Uncategorized", "Transport"], "Transport", []),
        (["Transport", "Labour"], None, ["Transport", "Labour"]),
        (["a phrase of more than four words"], None, ["a phrase of more than four words"]),
        (["Uncategorized"], None, []),
    ],
)
def test_a_single_category_is_the_section_and_several_are_tags(
    categories: list[str], section: str | None, tags: list[str]
) -> None:
    told = "".join(f"<category>{category}</category>" for category in categories)
    (row,) = entries(rss(f"<guid>7</guid><title>x</title>{told}"))
    assert isinstance(row, Article)
    assert (row.section, row.tags) == (section, tags)


@pytest.mark.parametrize(
    ("feed", "sections"),
    [
        ([["Science", "Bees"], ["Sport", "Rowing"], ["Science", "Moon"], ["Sport"]], ["Science", "Sport"] * 2),
        ([["Science", "Bees"], ["Science"], ["Opinion", "Science"]], ["Science", "Science", None]),
        ([["Bees", "Meadows"], ["Meadows", "Bees"], ["Bees", "Rain"], ["Rain", "Bees"]], [None] * 4),
        ([["Uncategorized", "Bees", "Rain"], ["Uncategorized", "Moon", "Rain"]], [None] * 2),
        ([["more than four words here", "Bees"], ["more than four words here", "Rain"]], [None] * 2),
    ],
)
def test_a_first_category_that_comes_again_is_the_section_and_the_others_are_tags(
    feed: list[list[str]], sections: list[str | None]
) -> None:
    items = [
        f"<guid>{number}</guid><title>x</title>" + "".join(f"<category>{name}</category>" for name in categories)
        for number, categories in enumerate(feed)
    ]
    rows = [row for row in entries(rss(*items)) if isinstance(row, Article)]
    assert [row.section for row in rows] == sections
    for row, categories in zip(rows, feed, strict=True):
        assert row.tags == [name for name in categories if name not in {row.section, "Uncategorized"}]


@pytest.mark.parametrize(
    ("told", "image"),
    [
        ('<media:content url="pictures/1.jpg" medium="image"/>', "https://a.example/pictures/1.jpg"),
        ('<media:thumbnail url="data:image/gif;base64,R0lGODlhAQABAAAAACw="/>', None),
        ('<itunes:image href="https://img.example/2.jpg"/>', "https://img.example/2.jpg"),
        ("<description>&lt;img src='/3.jpg'&gt; Text</description>", "https://a.example/3.jpg"),
        ("<description>&lt;img width=1 height=1 src='/count.gif'&gt; Text</description>", None),
    ],
)
def test_the_image_of_an_entry_is_found_wherever_it_is_told(told: str, image: str | None) -> None:
    spaces = 'xmlns:media="http://search.yahoo.com/mrss/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    (row,) = entries(rss(f"<guid>7</guid><title>x</title>{told}").replace("<rss", f"<rss {spaces}"))
    assert isinstance(row, Article)
    assert row.image_url == image


@pytest.mark.parametrize("zone", ["JST", "CEST", "KST", "MSK", "AEST", "NZDT", "IST", "+0530", "GMT+9"])
def test_a_story_of_this_minute_is_not_hidden_by_its_zone(zone: str) -> None:
    hours = {"JST": 9, "CEST": 2, "KST": 9, "MSK": 3, "AEST": 10, "NZDT": 13, "IST": 5.5, "+0530": 5.5, "GMT+9": 9}[
        zone
    ]
    now = datetime.now(UTC).replace(microsecond=0)
    there = format_datetime(now + timedelta(hours=hours)).removesuffix("+0000")
    row, *_ = entries(rss(f"<guid>7</guid><title>x</title><pubDate>{there}{zone}</pubDate>"))
    assert isinstance(row, Article)
    assert row.is_public(now)
    assert row.published_at == now


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "windows-1251", "koi8-r"])
def test_a_feed_in_another_encoding_is_read(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + rss("<guid>7</guid><title>Порт закрыт</title>")
    (row,) = entries(text.encode(encoding))
    assert isinstance(row, Article)
    assert row.title == "Порт закрыт"


def test_white_space_before_the_declaration_does_not_matter() -> None:
    assert len(entries(f"\n \n{RSS}")) == 2


def test_entries_without_a_site_keep_their_ids() -> None:
    assert ids(entries("<rss><channel><item><guid>7</guid><title>x</title></item></channel></rss>")) == ["7"]


def test_a_feed_that_takes_too_long_to_parse_is_refused_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = "<rss><channel><item>" + "".join(f"<category>{n}</category>" for n in range(60_000))
    with monkeypatch.context() as patched:
        patched.setattr(parsing, "SECONDS", 0.5)
        patched.setattr(parsing, "SECONDS_A_MEGABYTE", 0.0)
        with pytest.raises(SourceError, match=r"a\.xml takes more than \d+ seconds, or too much memory, to parse"):
            entries(endless)
    assert len(entries(RSS)) == 2
