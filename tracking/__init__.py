"""The mirror: copies the record to MLflow; the only code that imports it."""
