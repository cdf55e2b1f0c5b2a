"""What is searched: tables, vectors and terms of articles, in snapshots and in the changes since."""
