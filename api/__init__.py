"""The HTTP API: thin Flask views over the record."""
