"""The `epochal` command, before its commands are imported."""

import os
import signal
import sys

from spec.importing import importing

INTERRUPTED = 130
"""The exit code after Ctrl-C, as of any program."""


def main() -> None:
    """Run the command line. Ctrl-C ends it without a traceback, also in the second that its imports take."""
    ordinary = signal.getsignal(signal.SIGINT)
    if ordinary is signal.default_int_handler:  # a shell's background job ignores Ctrl-C
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    with importing():
        from .cli import app
    signal.signal(signal.SIGINT, ordinary)
    try:
        app(prog_name="epochal")
    except KeyboardInterrupt:  # before a command began, or after it ended
        sys.exit(INTERRUPTED)
