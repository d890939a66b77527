"""Celery and devices: claims packs, runs them in child processes, writes what came of them."""
