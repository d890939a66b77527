"""`python -m epochal`: the same as the `epochal` command."""

from .cli import app

app(prog_name="epochal")
