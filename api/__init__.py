"""The HTTP face: thin Flask views over the record."""
