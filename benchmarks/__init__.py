"""What is measured, and how: ``python -m benchmarks [NAME …]`` runs benchmarks and rewrites their tables in docs/."""
