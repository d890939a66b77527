from pathlib import Path

import pytest

from api.errors import BusyError
from api.held_out import HeldOutRows
from spec.job import JobSpec
from store.files import files_at


def test_who_waits_for_a_slot_copies_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.held_out.SLOT_WAIT_S", 0.01)
    rows = HeldOutRows(files_at(tmp_path.as_uri()))
    spec = JobSpec.model_validate({"dataset": {"id": "ds_" + "0" * 32}})  # there is no table to copy
    with rows._slots.slot(), pytest.raises(BusyError):
        rows.read(spec)
