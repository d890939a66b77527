"""The spec reference: `python -m spec > docs/spec.md`."""

from .reference import reference

if __name__ == "__main__":
    print(reference(), end="")
