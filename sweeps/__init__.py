"""Sweeps: which configurations are tried next, and what their results say. Pure: history in, proposals out."""
