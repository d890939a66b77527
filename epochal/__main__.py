"""`python -m epochal`: the same as the `epochal` command."""

from spec.importing import importing

if __name__ == "__main__":
    with importing():
        from .cli import app
    app(prog_name="epochal")
