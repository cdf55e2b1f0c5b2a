"""What runs beside the service: building and publishing snapshots, exports, backups, checks."""
