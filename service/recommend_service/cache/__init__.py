"""Caches of answers and articles, as bytes that are ready to be sent."""
