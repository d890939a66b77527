"""Benchmarks: one script per claim of the README; each prints a table and can write it into docs/benchmarks.md."""
