"""The whole related table in one file, for static sites, caches and warehouses."""
