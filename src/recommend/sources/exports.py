"""Exports and interfaces of publishing systems that are JSON: Ghost, Drupal and WordPress, as rows of articles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from recommend.sources.row import UNSORTED

Document = Mapping[str, Any]

_GHOST_ALONE = frozenset({"custom_excerpt", "mobiledoc", "lexical", "comment_id", "plaintext"})
_GHOST_STATUS = {"published": "published", "scheduled": "published"}
_GHOST_ACCESS = {"public": "public", "members": "members"}
_WORDPRESS_STATUS = {"publish": "published", "future": "published", "trash": "unpublished"}


def find_posts(document: object) -> Iterator[dict[str, object]] | None:
    """The rows of an export; None for a document of another kind."""
    if not isinstance(document, Mapping):
        return None
    if str(document.get("version", "")).startswith("https://jsonfeed.org/") and _is_rows(document.get("items")):
        return _feed_items(document)
    database, data = _mapping(_first(document.get("db"))), document.get("data")
    for tables in (_mapping(database.get("data")), _mapping(data), document):
        if _is_rows(tables.get("posts")) and (database or _is_of_ghost(tables)):
            return _ghost_posts(tables)
    nodes = _rows(data)
    if nodes and all("attributes" in node and str(node.get("type")).startswith("node--") for node in nodes):
        return _drupal_nodes(nodes, document.get("included"))
    return None


def as_row(element: object) -> object:
    """An element of a JSON array as a row: a post as the REST interface of WordPress gives it, what Sanity or Strapi
    have of a draft as one, or what it was."""
    if not isinstance(element, Mapping):
        return element
    title = element.get("title")
    if isinstance(title, Mapping) and "rendered" in title:
        return _wordpress_post(element)
    return {**element, "status": "draft"} if _is_draft(element) else element


def _is_draft(element: Document) -> bool:
    """Whether that is told otherwise than by a status: by the id in Sanity, by a date that is null in Strapi."""
    if "_type" in element and str(element.get("_id")).startswith("drafts."):
        return True
    attributes = element.get("attributes")
    told = attributes if isinstance(attributes, Mapping) else element if "documentId" in element else {}
    return told.get("publishedAt", "") is None


def _feed_items(feed: Document) -> Iterator[dict[str, object]]:
    """The items of a JSON Feed (https://www.jsonfeed.org/version/1.1/); their ids are unique within the feed."""
    home = str(feed.get("home_page_url") or feed.get("feed_url") or "")
    host = urlsplit(home).hostname
    for item in _rows(feed["items"]):
        link, name = item.get("url") or item.get("external_url"), str(item.get("id") or "")
        if name and host and "://" not in name:
            name = f"{host.removeprefix('www.')}:{name}"
        authors = item.get("authors") or feed.get("authors") or [item.get("author") or feed.get("author") or {}]
        yield {
            "id": name or link,
            "title": item.get("title"),
            "text": item.get("content_html") or item.get("content_text"),
            "summary": item.get("summary"),
            "url": link,
            "image_url": item.get("image") or item.get("banner_image"),
            "published_at": item.get("date_published"),
            "updated_at": item.get("date_modified"),
            "tags": item.get("tags"),
            "authors": _names(_rows(authors)),
            "language": item.get("language") or feed.get("language"),
            "site": host,
        }


def _wordpress_post(post: Document) -> dict[str, object]:
    content, embedded = post.get("content"), _mapping(post.get("_embedded"))
    groups = embedded.get("wp:term")
    terms = [term for group in (groups if isinstance(groups, list) else []) for term in _rows(group)]
    categories = [term for term in terms if term.get("taxonomy") == "category"]
    sections = [name for name in _names(categories) if name.lower() not in UNSORTED]
    published = post.get("date_gmt") or post.get("date")
    status = _WORDPRESS_STATUS.get(str(post.get("status", "publish")), "draft")
    if _mapping(content).get("protected"):
        status = "unpublished"
    elif post.get("status") == "future" and not published:
        status = "draft"
    return {
        "id": _rendered(post.get("guid")) or post.get("link") or post.get("id"),
        "title": _rendered(post.get("title")),
        "text": _rendered(content),
        "summary": _rendered(post.get("excerpt")),
        "url": post.get("link"),
        "image_url": _mapping(_first(embedded.get("wp:featuredmedia"))).get("source_url"),
        "published_at": published,
        "updated_at": post.get("modified_gmt") or post.get("modified"),
        "section": next(iter(sections), None),
        "tags": sections[1:] + _names(term for term in terms if term.get("taxonomy") == "post_tag"),
        "authors": _names(_rows(embedded.get("author"))),
        "status": status,
    }


def _is_of_ghost(tables: Document) -> bool:
    """Whether they are Ghost's, by names that nobody else has: of other posts, what Ghost lacks would be lost."""
    return "posts_tags" in tables or any(_GHOST_ALONE & post.keys() for post in _rows(tables["posts"]))


def _ghost_posts(tables: Document) -> Iterator[dict[str, object]]:
    tags = _linked(tables, "posts_tags", "tag_id", tables.get("tags"))
    authors = _linked(tables, "posts_authors", "author_id", tables.get("users"))
    for post in _rows(tables["posts"]):
        if post.get("type", "post") != "post" or post.get("page") in (True, 1):
            continue
        named = _names(_rows(post.get("tags"))) or tags(post.get("id"))
        public = [name for name in named if not name.startswith("#")]  # the others are Ghost's own
        published, status = post.get("published_at"), str(post.get("status", "published"))
        slug = post.get("slug")
        yield {
            "id": post.get("uuid") or post.get("id"),
            "title": post.get("title"),
            "text": _placed(post.get("html") or post.get("plaintext")),
            "summary": post.get("custom_excerpt") or post.get("excerpt"),
            "url": _placed(post.get("url")) or (f"/{slug}/" if slug else None),
            "image_url": _placed(post.get("feature_image")),
            "published_at": published,
            "updated_at": post.get("updated_at"),
            "section": next(iter(public), None),
            "tags": public[1:],
            "authors": _names(_rows(post.get("authors"))) or authors(post.get("id")),
            "language": post.get("locale"),
            "access": _GHOST_ACCESS.get(str(post.get("visibility") or "public"), "paid"),
            "status": _GHOST_STATUS.get(status, "draft") if published or status == "published" else "draft",
        }


def _linked(tables: Document, table: str, key: str, named: object) -> Callable[[object], list[str]]:
    """The names that a table of pairs links to a post, in their order."""
    names = {str(row.get("id")): str(row.get("name")) for row in _rows(named) if row.get("name")}
    linked: dict[str, list[str]] = {}
    for pair in sorted(_rows(tables.get(table)), key=_order):
        if (end := str(pair.get(key))) in names:
            linked.setdefault(str(pair.get("post_id")), []).append(names[end])
    return lambda post: linked.get(str(post), [])


def _order(pair: Document) -> int:
    place = pair.get("sort_order")
    return place if isinstance(place, int) else 0


def _placed(value: object) -> object:
    """An address, or a text with some, without the mark that stands in an export of Ghost for the site."""
    return value.replace("__GHOST_URL__", "") if isinstance(value, str) and value else None


def _drupal_nodes(nodes: Sequence[Document], included: object) -> Iterator[dict[str, object]]:
    others = {str(other.get("id")): _mapping(other.get("attributes")) for other in _rows(included)}
    kinds = {str(other.get("id")): str(other.get("type")) for other in _rows(included)}
    for node in nodes:
        if not str(node["type"]).startswith("node--") or node["type"] == "node--page":
            continue
        attributes, links = _mapping(node["attributes"]), _mapping(node.get("relationships"))
        body = _mapping(attributes.get("body"))
        ends = [str(end.get("id")) for link in links.values() for end in _ends(_mapping(link).get("data"))]
        named = {
            kind: [others[end] for end in ends if kinds.get(end, "").startswith(kind)]
            for kind in ("taxonomy", "user", "file")
        }
        uri = _mapping(_mapping(_first(named["file"])).get("uri")).get("url")
        yield {
            "id": node.get("id"),
            "title": attributes.get("title"),
            "text": body.get("processed") or body.get("value"),
            "summary": body.get("summary"),
            "url": _mapping(attributes.get("path")).get("alias"),
            "image_url": uri,
            "published_at": attributes.get("created"),
            "updated_at": attributes.get("changed"),
            "tags": _names(named["taxonomy"]),
            "authors": [str(user.get("display_name") or user.get("name")) for user in named["user"]],
            "language": attributes.get("langcode"),
            "status": "published" if attributes.get("status") is True else "draft",
        }


def _ends(data: object) -> list[Document]:
    return _rows(data if isinstance(data, list) else [data])


def _rendered(value: object) -> object:
    return value.get("rendered") if isinstance(value, Mapping) else value


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _rows(value: object) -> list[Any]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _mapping(value: object) -> Document:
    return value if isinstance(value, Mapping) else {}


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


def _names(rows: Any) -> list[str]:
    return [str(row["name"]) for row in rows if isinstance(row, Mapping) and row.get("name")]
