"""Reads uploaded files: CSV, Parquet and NPZ become one table of numbers with a schema.

It runs as a process of its own, `python -m ingest`, with limits on its memory and time: a file that is hostile or huge
can hurt nobody. Nobody imports it. Knows the contract, pyarrow and numpy.
"""
