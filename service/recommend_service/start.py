"""Where each process of ``recommend serve`` begins."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app() -> FastAPI:
    """The service by the settings of the environment; see :func:`recommend_service.app.create_app`."""
    gc.disable()  # nothing that is imported is garbage: looking for some was a tenth of the start
    try:
        from recommend_service.app import create_app as create
    finally:
        gc.enable()
    return create()
