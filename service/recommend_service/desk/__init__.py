"""The desk: pages by which editors look after boxes, and operators after the service."""
