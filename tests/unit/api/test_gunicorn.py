import gc

from api import gunicorn


def test_garbage_is_looked_for_again_once_the_application_is_imported() -> None:
    gunicorn.post_fork(None, None)
    try:
        assert not gc.isenabled()
        gunicorn.post_worker_init(None)
        assert gc.isenabled()
    finally:
        gc.enable()
