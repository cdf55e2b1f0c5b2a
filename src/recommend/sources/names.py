"""Field names of other systems, mapped to the fields of an article."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from recommend.articles.article import Article

FIELDS = frozenset(Article.model_fields)

_NAMES = {  # in the order in which they are believed
    "id": "id article_id post_id story_id uuid guid entry_id document_id doc_id record_id item_id content_id node_id "
    "nid object_id external_id",
    "title": "title headline post_title article_title story_title heading hed name subject",
    "text": "text body content html body_html content_html article_body post_content content_encoded full_text "
    "body_text article_text post_text main_text story_text story plaintext",
    "summary": "summary standfirst dek deck subtitle excerpt custom_excerpt post_excerpt teaser abstract lead lede "
    "intro description summary_html body_summary sub_headline subheading trail_text blurb meta_description",
    "url": "url link permalink canonical_url web_url article_url post_url page_url canonical href",
    "image_url": "image_url image featured_image feature_image lead_image hero_image main_image cover_image "
    "thumbnail_url thumbnail og_image image_src photo picture",
    "published_at": "published_at publish_at publish_date published_date publication_date date_published "
    "published_on published_time publish_time pub_date first_published_at first_published "
    "date_gmt post_date_gmt web_publication_date issue_date release_date go_live_date post_date "
    "date timestamp date_created created_at created_on created_time created_date "
    "created",
    "updated_at": "updated_at modified_at last_modified date_modified date_updated last_updated modified_date "
    "updated_date updated_on modified_gmt modified updated changed",
    "section": "section category section_name primary_category primary_section channel desk department rubric vertical "
    "blog_title topic",
    "tags": "tags keywords tag keyword labels topics tag_names subjects",
    "authors": "authors author byline author_name creator dc_creator writer writers contributors",
    "language": "language lang locale language_code",
    "site": "site site_name publication publisher newspaper masthead brand",
    "genre": "genre article_type story_type",
    "status": "status post_status publication_status publish_status article_status state",
    "expires_at": "expires_at expires expiry_date expiration_date expire_date unpublish_at unpublish_date",
    "access": "access audience access_level",
    "evergreen": "evergreen is_evergreen",
    "extra": "extra",
}
_SLUGS = ("slug", "handle", "urlhandle", "urlslug")
_FLAGS = {  # what a column of yes and no says
    "ispublished": ("status", "published", "draft"),
    "published": ("status", "published", "draft"),
    "live": ("status", "published", "draft"),
    "isdraft": ("status", "draft", "published"),
    "draft": ("status", "draft", "published"),
    "ispaid": ("access", "paid", "public"),
    "paid": ("access", "paid", "public"),
    "paywalled": ("access", "paid", "public"),
    "premium": ("access", "paid", "public"),
    "subscribersonly": ("access", "paid", "public"),
    "membersonly": ("access", "members", "public"),
    "isaccessibleforfree": ("access", "public", "paid"),
}
_AWAY = {  # which say that readers may not see it, and often since when
    "deleted", "isdeleted", "deletedat", "deletedon", "trashed", "istrashed", "trashedat", "archived", "isarchived",
    "archivedat", "private", "isprivate", "hidden", "ishidden", "unlisted", "isunlisted", "password", "postpassword",
    "passwordprotected",
}  # fmt: skip
_EMBARGO = {  # which say until when readers may not see it yet, or that
    "embargo", "embargodate", "embargountil", "embargoeduntil", "embargoed", "isembargoed", "underembargo",
}  # fmt: skip
_IN_SIGHT = {"public", "ispublic", "visible", "isvisible"}  # where they say yes or no
_OF_SIGHT = _AWAY | _EMBARGO | _IN_SIGHT
_YES = {"true", "yes", "on", "1", "1.0", "y", "x", "checked"}
_NO = {"", "false", "no", "off", "0", "0.0", "n"}
_NOTHING = re.compile(r"[\s0:.,TZ+-]*|null|none|nan|nat|n/a|\\n", re.IGNORECASE)
_ATTACHED = re.compile(r"[^()]{0,500}\((https?://[^()\s]{1,4000})\).{0,5000}", re.DOTALL)  # as Airtable has it
_HIDDEN = {"private", "password", "password protected", "hidden", "unlisted"}


def simplified(name: str) -> str:
    """'publisheddate' of 'Published Date', 'published_date' and 'publishedDate'."""
    return re.sub(r"[\W_]+", "", name.casefold())


_KNOWN = {simplified(name): (field, rank) for field, names in _NAMES.items() for rank, name in enumerate(names.split())}


def field_of(name: str) -> tuple[str, int] | None:
    """The field of a column name, and its priority among columns for the same field (0: first); None for no field."""
    if name in FIELDS:
        return name, 0
    return _KNOWN.get(simplified(name))


def is_slug(name: str) -> bool:
    """Whether a column holds the last part of an address, which is as good as an id."""
    return simplified(name) in _SLUGS


def field_by_value(name: str, value: object) -> tuple[str, object, bool] | None:
    """Field and value of a column whose field depends on its value, and whether the value hides something from readers;
    None for a value that says nothing of a field.

    Such are flags (an empty one says no), Ghost's and WordPress's visibility, and categories.
    """
    key = simplified(name)
    if key in _OF_SIGHT:
        return _of_sight(key, value)
    if key in _FLAGS:
        field, yes, no = _FLAGS[key]
        word = str(value or "").strip().lower()
        if word not in {*_YES, *_NO}:
            return ("published_at" if key == "published" else field), value, False  # a date, or no word that is known
        meant = yes if word in _YES else no
        return field, meant, meant not in {"published", "public"}
    if key == "visibility":
        hidden = str(value).strip().lower() in _HIDDEN
        return ("status", "unpublished", True) if hidden else ("access", value, False)
    parts = [part.strip() for part in re.split(r"[,;|]", value)] if isinstance(value, str) else value
    several = isinstance(parts, list) and len(parts) > 1
    return ("tags", value, False) if several else ("section", flat("section", parts), False)


def _of_sight(key: str, value: object) -> tuple[str, object, bool] | None:
    """The same of a column by which readers may not see an article, or not yet."""
    word = str("" if value in (None, [], {}) else value).strip().lower()
    says_no = word in _NO or bool(_NOTHING.fullmatch(word))
    if key in _EMBARGO:
        embargo = ("status", "draft", True) if word in _YES else ("published_at", value, True)
        return None if says_no else embargo
    if key in _IN_SIGHT and word not in {*_YES, *_NO} - {""}:
        return None
    hidden = says_no if key in _IN_SIGHT else not says_no
    return "status", "unpublished" if hidden else "published", hidden


def is_decided_by_value(name: str) -> bool:
    """Whether :func:`field_by_value` decides the field of a column."""
    return simplified(name) in {*_FLAGS, *_OF_SIGHT, "visibility", "categories"}


def nearest(name: str) -> str | None:
    """The field that a name resembles, or whose name elsewhere it resembles; None for none."""
    names = get_close_matches(simplified(name), _KNOWN, n=1, cutoff=0.8)
    return _KNOWN[names[0]][0] if names else None


def flat(field: str, value: object) -> object:
    """A value as a field takes it: the address of an image that is described, or attached; the first of sections."""
    if field in {"url", "image_url"}:
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, Mapping):
            return next((value[key] for key in ("url", "src", "href") if isinstance(value.get(key), str)), value)
        attached = _ATTACHED.fullmatch(value) if isinstance(value, str) else None
        return attached[1] if attached else value
    return value[0] if field == "section" and isinstance(value, list) and value else value
