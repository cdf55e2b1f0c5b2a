"""Who announces itself as a robot."""

from __future__ import annotations

import re
from functools import cache, lru_cache

_LIBRARIES = ["http-library"]  # by which a site may well pass on what its readers did
_READ = 512  # characters of a name
_KEPT = 4_096


@lru_cache(_KEPT)
def is_robot(user_agent: str) -> bool:
    """Whether a User-Agent is that of a crawler, a monitor or an automated browser, as the list of
    crawler-user-agents has them; libraries that programs ask by are none."""
    shown = user_agent[:_READ]
    return any(pattern.search(shown) for pattern in _patterns())


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # type: ignore[import-untyped]  # megabytes, for those who are told of clicks

    named = [one["pattern"] for one in CRAWLER_USER_AGENTS_DATA if one.get("tags") != _LIBRARIES]
    return tuple(re.compile("|".join(named[i : i + 25])) for i in range(0, len(named), 25))
