import gc

from api import gunicorn
from api.mlflow_proxy import AT_ONCE
from api.server import PARTIAL, STRANGERS
from api.stream import STREAMS
from api.webhooks import AT_ONCE as TRIES_AT_ONCE


def test_garbage_is_looked_for_again_once_the_application_is_imported() -> None:
    gunicorn.post_fork(None, None)
    try:
        assert not gc.isenabled()
        gunicorn.post_worker_init(None)
        assert gc.isenabled()
    finally:
        gc.enable()


def test_threads_are_left_when_all_who_may_hold_one_do() -> None:
    held = STREAMS + AT_ONCE + PARTIAL + TRIES_AT_ONCE
    assert gunicorn.threads >= held + STRANGERS + 8  # for requests that are quick
