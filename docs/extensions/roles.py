"""Shows Sphinx's roles, which editors follow in docstrings, as plain code in the reference."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_ROLE = re.compile(r":(?:func|class|meth|attr|mod):`~?([^`]+)`")


class Roles(Extension):
    """``:func:`~recommend.ingest.ingest``` becomes ``ingest``."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrites the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(lambda match: f"`{match[1].rpartition('.')[2]}`", obj.docstring.value)
