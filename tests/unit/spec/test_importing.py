import gc

import pytest

from spec.importing import importing


def test_no_garbage_is_looked_for_while_modules_are_imported_and_none_among_them_later() -> None:
    with importing():
        assert not gc.isenabled()
        kept: list[list[int]] = [[]]
    assert gc.isenabled()
    assert not any(kept is one for one in gc.get_objects())


def test_an_import_that_fails_leaves_the_garbage_collector_on() -> None:
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()
