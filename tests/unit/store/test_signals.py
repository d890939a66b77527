import os
import signal
import threading
from queue import SimpleQueue

from store.signals import heard


def test_signals_are_heard_one_after_the_other_in_a_thread_and_handlers_come_back() -> None:
    heard_here: SimpleQueue[tuple[int, str]] = SimpleQueue()
    before = signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR2)
    with heard((signal.SIGUSR1, signal.SIGUSR2), lambda n: heard_here.put((n, threading.current_thread().name))):
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
            os.kill(os.getpid(), number)
            assert heard_here.get(timeout=10.0) == (number, "signals")
    assert (signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR2)) == before
    assert "signals" not in {thread.name for thread in threading.enumerate()}


def test_a_signal_that_the_kernel_gives_to_another_thread_is_heard_while_the_main_thread_waits() -> None:
    stop = threading.Event()
    with heard((signal.SIGUSR1,), lambda _: stop.set()):
        other = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1))
        soon = threading.Timer(0.05, other.start)  # when the main thread waits
        soon.start()
        assert stop.wait(10.0)
        soon.join()
        other.join()
