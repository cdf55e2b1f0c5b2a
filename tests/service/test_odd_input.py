"""One input of each odd kind that publishers have, read from files and asked for over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.settings import Settings
from recommend.sources import read
from recommend.store import Store

NOTICE = "This story is for members of the Brunmoor Courier. Join for 4 a month and read all we print."
HEADLINES = {
    "lock": ("jams its gate", "gate freed by divers", "closed for barges", "to get a new gate"),
    "orchard": ("loses its blossom to frost", "frost hits growers", "growers ask for help", "harvest will be small"),
    "tram": ("drivers go on strike", "strike enters second week", "strike ends with a deal", "fares rise after strike"),
    "museum": ("robbed of old coins", "coin thieves on film", "coins found in a barn", "coin thieves in court"),
    "school": ("roof falls in", "roof: builder questioned", "pupils learn in the town hall", "gets a new roof"),
    "comet": ("seen over the hills", "brings crowds to the hills", "fades from the sky", "photograph wins a prize"),
}
FEED = """<rss version="2.0"><channel><link>https://{site}.example/</link><language>English (United States)</language>
<item><guid isPermaLink="false">0</guid><title>{title}</title><link>https://{site}.example/first</link>
<description>{title}.</description><pubDate>{date}</pubDate></item></channel></rss>"""
POST = """<item><title>Mayor {name}</title><link>https://post.example/{name}/</link>
<guid isPermaLink="false">https://post.example/?p={name}</guid><content:encoded>The mayor {name}.</content:encoded>
<wp:post_name>{name}</wp:post_name><wp:status>{status}</wp:status><wp:post_type>post</wp:post_type>
<wp:post_date_gmt>{date}</wp:post_date_gmt><wp:post_password>{password}</wp:post_password></item>"""
EXPORT = """ <?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:wp="http://wordpress.org/export/1.2/"
xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><link>https://post.example</link>{posts}</channel></rss>"""


def stories() -> list[dict[str, object]]:
    """Rows of JSON lines."""
    rows: list[dict[str, object]] = [
        {"id": f"{name}-{number}", "title": f"Brunmoor {name} {said}", "text": NOTICE, "site": "courier.example"}
        for name, told in HEADLINES.items()
        for number, said in enumerate(told)
    ]
    bridges = [
        ("Bridge at Ostry shut after crack is found", "An inspector saw the crack at dawn and stopped all cars."),
        ("Crack in Ostry bridge grows, engineers say", "Lorries must go by the ford while steel is brought in."),
        ("Ostry bridge opens to cars again", "Welders closed the crack in nine days, sooner than planned."),
        ("Who built the cracked bridge at Ostry", "The firm of 1931 is long gone; its drawings were found in a loft."),
    ]
    ids, languages = ["ostry/related", "ostry/curation", "ostry/3", "ostry/4"], ["English", "und", "en_US.UTF-8", "mul"]
    rows += [
        {
            "id": name,
            "title": title,
            "text": text,
            "language": language,
            "url": f"https://post.example/read.php?{number}",
            "image_url": "//cdn.example/1.jpg",
            "published_at": "1741003200000",
        }
        for number, (name, (title, text), language) in enumerate(zip(ids, bridges, languages, strict=True))
    ]
    rows += [
        {
            "id": "soft",
            "title": "Die Schleu\u00adsen\u00adverwaltung baut",
            "text": "Ein Damm.",
            "language": "ger",
        },
        {"id": "hard", "title": "Die Schleusenverwaltung baut um", "text": "Ein Deich.", "language": "de-DE"},
        {"id": "बारिश-1", "title": "दिल्ली में भारी बारिश से स्कूल बंद", "text": "सड़कों पर पानी भर गया।", "language": "hi"},
        {"id": "बारिश-2", "title": "दिल्ली की बारिश: सड़कों पर पानी", "text": "स्कूल बंद रहेंगे।", "language": "hin"},
    ]
    return rows


def files(folder: Path) -> Iterator[Path]:
    """Each kind of file, written."""

    def write(name: str, text: str, encoding: str = "utf-8") -> Path:
        path = folder / name
        path.write_bytes(text.encode(encoding))
        return path

    yield write("stories.jsonl", "".join(json.dumps(row) + "\n" for row in stories()))
    minute = datetime.now(UTC) + timedelta(hours=9)
    yield write("east.rss", FEED.format(site="east", title="Squid glut", date=f"{minute:%a, %d %b %Y %H:%M:%S} JST"))
    yield write("west.rss", FEED.format(site="west", title="Walnut fair", date="Mon, 3 Mar 2025 9:00:00 XYZ"), "utf-16")
    planned = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d %H:%M:%S}"
    posts = [
        POST.format(name="speaks", status="publish", date="2025-03-03 08:00:00", password=""),
        POST.format(name="whispers", status="publish", date="2025-03-03 08:00:00", password="open sesame"),
        POST.format(name="plans", status="future", date=planned, password=""),
        POST.format(name="dreams", status="future", date="0000-00-00 00:00:00", password=""),
    ]
    yield write("export.xml", EXPORT.format(posts="".join(posts)))
    yield write("sheet.csv", 'sep=;\r\nID;Title;Tags;Date\r\nsheet;Fähre legt ab;"Fähre, Hafen";\\N\r\n', "utf-16")


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, models: Path, sample: Settings, encoder: Encoder, serve: Any
) -> Iterator[Any]:
    """A service of all that was read."""
    from conftest import Newsroom

    folder = tmp_path_factory.mktemp("odd")
    settings = Settings.model_validate(
        {"store": f"sqlite:///{folder / 'recommend.db'}", "index": folder / "index", "models": models}
    ).model_copy(update={"service": sample.service})
    found = [row for path in files(folder) for row in read(path)]
    with closing(Store(settings.store)) as store:
        newsroom = Newsroom(store, settings, encoder)
        newsroom.take(*(row for row in found if isinstance(row, Article)))
        newsroom.reindex()
        serving: Callable[..., AbstractContextManager[Any]] = serve
        with serving(settings) as one:
            yield one


def test_what_might_not_be_public_is_not_shown(service: Any) -> None:
    names = {name: f"https://post.example/?p={name}" for name in ("speaks", "whispers", "plans", "dreams")}
    answers = {name: service.reader.article("GET", article_id).status_code for name, article_id in names.items()}
    assert answers == {"speaks": 200, "whispers": 404, "plans": 404, "dreams": 404}


def test_addresses_told_apart_by_a_bare_query_are_two_stories_and_tracking_makes_none(service: Any) -> None:
    for number, name in enumerate(["ostry/related", "ostry/curation", "ostry/3", "ostry/4"]):
        url = f"HTTP://Post.Example:80/read.php?{number}&utm_source=mail&fbclid=x"
        assert service.reader.get("/v1/related", params={"url": url}).json()["article_id"] == name


def test_a_language_in_other_words_or_none_hides_no_story(service: Any) -> None:
    names = {"ostry/related", "ostry/curation", "ostry/3", "ostry/4"}
    for name in names:
        assert names - {name} <= {*service.reader.shown(name)}
    assert service.reader.article("GET", "ostry/3").json()["language"] == "en-US"
    assert service.reader.article("GET", "ostry/3").json()["image_url"] == "https://cdn.example/1.jpg"


def test_two_feeds_that_count_from_nought_keep_their_stories_and_their_zones_hide_none(service: Any) -> None:
    assert service.reader.article("GET", "east.example:0").json()["title"] == "Squid glut"
    assert service.reader.article("GET", "west.example:0").json()["title"] == "Walnut fair"


def test_a_notice_in_place_of_the_text_is_no_evidence(service: Any) -> None:
    hits = 0
    for name in HEADLINES:
        for number in range(4):
            box = service.reader.shown(f"{name}-{number}")
            assert len(box) > 3
            hits += sum(other.startswith(f"{name}-") for other in box[:3])
    assert hits >= 54  # of 72


def test_words_are_whole_in_every_script(service: Any) -> None:
    assert service.reader.shown("soft")[0] == "hard"
    assert service.reader.shown("बारिश-1")[0] == "बारिश-2"


def test_a_spreadsheets_own_way_of_writing_is_understood(service: Any) -> None:
    article = service.writer.article("GET", "sheet").json()
    assert (article["title"], article["tags"], article["published_at"]) == ("Fähre legt ab", ["Fähre", "Hafen"], None)
