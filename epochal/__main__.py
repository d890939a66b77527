"""`python -m epochal`: the same as the `epochal` command."""

from .command import main

if __name__ == "__main__":
    main()
