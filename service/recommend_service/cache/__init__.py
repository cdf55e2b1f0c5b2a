"""Answers and articles that were made before, ready to be sent again."""
