"""Keeps libraries from calling home, by what each of them reads from the environment when it is first imported.

Processes that this one starts inherit it. A variable that is set already stays as it is: who sets one by name means it.
"""

from __future__ import annotations

import os

_TELEMETRY = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime looks up Microsoft, and keeps a device id in the user's cache folder
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",  # what others go by
}


def disable_telemetry() -> None:
    """To be called before anything else is imported: nothing tells anybody that it is used."""
    for name, value in _TELEMETRY.items():
        os.environ.setdefault(name, value)


def use_local_models() -> None:
    """To be called before transformers is imported: a model by the name of a hub is one that is on this machine, unless
    ``HF_HUB_OFFLINE=0`` asks for the network."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
