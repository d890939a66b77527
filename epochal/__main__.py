"""`python -m epochal`: the same as the `epochal` command."""

import gc

if __name__ == "__main__":
    gc.disable()  # it would look through what is imported again and again, for a sixth of the time of most commands
    from .cli import app

    gc.freeze()  # imported modules stay: nobody need search them for garbage
    gc.enable()
    app(prog_name="epochal")
