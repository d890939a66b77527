"""Benchmarks: one script per claim of the README; each prints its table, `--write` puts it into docs/benchmarks.md."""
