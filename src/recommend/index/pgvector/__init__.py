"""Generations: what a snapshot holds, kept and searched by PostgreSQL with pgvector."""
