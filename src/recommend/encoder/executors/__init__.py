"""Executors spread the embedding of many articles: over this machine's cores, or over a Ray cluster."""
