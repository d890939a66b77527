"""The record: the only code that writes the database."""
