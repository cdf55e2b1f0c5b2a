"""Snapshots: immutable folders that readers map into memory, published by replacing one file."""
