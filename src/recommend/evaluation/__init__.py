"""Offline evaluation: whether the stories in the box are the ones that belong there."""
