"""Pilots in a real Slurm."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from epochal.errors import SlurmError, WrongUseError
from epochal.slurm.pilots import Pilots
from epochal.slurm.scaling import Fleet
from tests.services import eventually
from tests.slurm import Slurm, slurm

SCRIPT = "#!/bin/bash\necho $ADDRESS\ntrap 'kill $!; exit 0' USR1 TERM\nsleep 300 &\nwait\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Slurm]:
    with slurm() as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", made.environ["SLURM_CONF"])
        yield made


@pytest.mark.slurm
def test_pilots_are_submitted_counted_and_cancelled_while_they_wait(
    cluster: Slurm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SBATCH_EXPORT", "NONE")  # as some clusters have it: our addresses are handed on all the same
    monkeypatch.setenv("ADDRESS", "head-node")
    pilots = Pilots([f"--output={tmp_path}/%j"], SCRIPT)
    assert pilots.fleet() == Fleet(running=0, pending=0)
    jobs = pilots.submit(4)

    def logs() -> list[str]:
        return [log.read_text() for log in tmp_path.iterdir()]

    eventually(lambda: pilots.fleet() == Fleet(running=2, pending=2), within_s=20.0, what="two run, and two wait")
    eventually(lambda: "head-node\n" in logs(), within_s=10.0, what="they have the address")
    pilots.cancel_waiting(1)
    assert pilots.fleet() == Fleet(running=2, pending=1)
    assert jobs[3] not in cluster.run("squeue", "-h", "-o", "%A").split()
    cluster.run("scancel", "--batch", "--signal=USR1", jobs[0])
    eventually(lambda: pilots.fleet() == Fleet(running=2, pending=0), within_s=20.0, what="the third has its place")
    with pytest.raises(SlurmError, match=r"(?s)sbatch refused: .*nowhere|sbatch refused: .*partition"):
        Pilots(["--partition=nowhere"], SCRIPT).submit(1)


@pytest.mark.slurm
def test_pilots_of_another_name_and_those_that_are_held_are_counted_whatever_squeue_is_told_to_show(
    cluster: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.run("scancel", "--me")
    monkeypatch.setenv("SQUEUE_PARTITION", "urgent")
    monkeypatch.setenv("SQUEUE_STATES", "COMPLETED")
    pilots = Pilots(["-J", "large", "--hold", "--output=/dev/null"], SCRIPT)
    jobs = pilots.submit(2)
    assert pilots.fleet() == Fleet(running=0, pending=0, held=2)
    pilots.cancel_waiting(2)  # whoever holds it knows why
    assert pilots.fleet() == Fleet(running=0, pending=0, held=2)
    cluster.run("scontrol", "release", jobs[0])
    eventually(lambda: pilots.fleet() == Fleet(running=1, pending=0, held=1), within_s=20.0, what="it runs")


def test_without_slurm_it_says_where_to_run_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WrongUseError, match="There is no squeue here: run this on a machine from which you submit"):
        Pilots([], SCRIPT).fleet()
