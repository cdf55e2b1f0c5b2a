"""The HTTP service: a thin adapter over :mod:`recommend`."""
