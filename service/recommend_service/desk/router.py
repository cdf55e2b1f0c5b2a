"""The pages of the desk by their paths."""

from __future__ import annotations

from fastapi import APIRouter

from recommend_service.desk import changes, drafts, exposure, eyes, operations, rules, sign_in, stories, trials
from recommend_service.http.paths import ARTICLE
from recommend_service.http.sessions import DESK

router = APIRouter()
for path, get, post in (
    ("/sign-in", sign_in.show, sign_in.enter),
    ("/sign-out", None, sign_in.leave),
    ("", stories.find, None),
    (f"/stories/{ARTICLE}/curation", None, stories.act),
    (f"/stories/{ARTICLE}", stories.show, None),
    ("/draft", drafts.show, drafts.preview),
    ("/try", trials.show, None),
    ("/rules", rules.show, rules.act),
    ("/eyes", eyes.show, None),
    ("/exposure", exposure.show, None),
    ("/exposure.csv", exposure.as_csv, None),
    ("/exposure.json", exposure.as_json, None),
    ("/history", changes.show, changes.undo),
    ("/status", operations.show, None),
):
    if get is not None:
        router.add_route(f"{DESK}{path}", get, methods=["GET", "HEAD"], include_in_schema=False)
    if post is not None:
        router.add_route(f"{DESK}{path}", post, methods=["POST"], include_in_schema=False)
