"""Signals that tell a process to stop, heard by a thread, or left to the parent.

A handler of Python runs in the main thread, between two of its steps. That is not good enough here. The kernel may give
a signal to another thread, and then a main thread that waits for a lock or an event goes on waiting: on a busy machine
this happens to some of a hundred processes that get two signals at once. And a handler that sets an event while the
main thread holds the lock of this event waits for ever. So Python writes the number of each signal into a socket, at
once and whichever thread has it (`signal.set_wakeup_fd`), and a thread of ours reads it and may do what threads may.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def heard(numbers: Sequence[signal.Signals], then: Callable[[int], None]) -> Iterator[None]:
    """Call `then` with the number of each of these signals that comes meanwhile, one after the other, in a thread.

    To be entered in the main thread; other signals keep their handlers. Raises `ValueError` in another thread.
    """
    ours, of_python = socket.socketpair()
    of_python.setblocking(False)

    def hear() -> None:
        while said := ours.recv(64):
            for number in said:
                if number in numbers:
                    then(number)

    with ours:
        with of_python:
            fd_before = signal.set_wakeup_fd(of_python.fileno(), warn_on_full_buffer=False)
            before = [signal.signal(number, lambda *_: None) for number in numbers]
            thread = threading.Thread(target=hear, name="signals", daemon=True)
            thread.start()
            try:
                yield
            finally:
                for number, handler in zip(numbers, before, strict=True):
                    signal.signal(number, handler)
                signal.set_wakeup_fd(fd_before)
        thread.join()


def leave_to_parent() -> None:
    """Ignore what a machine, a session or a job of Slurm that ends tells each of its processes: the parent heeds it."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
