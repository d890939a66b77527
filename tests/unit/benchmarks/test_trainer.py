import pytest

from benchmarks import trainer
from benchmarks.ours import CheckingCallbacks, NotTrainedError, spec, train
from benchmarks.workloads import ALL, W1, network, trials
from spec.architectures import parameter_count
from spec.splits import split_sizes


def test_a_smoke_run_prints_a_table_of_every_kind_of_row(capsys: pytest.CaptureFixture[str]) -> None:
    trainer.main(["--quick", "--only", "W1"])
    said = capsys.readouterr().out
    rows = [line.split(" | ")[0] for line in said.splitlines() if line.startswith("| ")]
    loops = ["| tight loop", "| tight fused loop", "| idiomatic loop"]
    assert rows[2:] == [*loops, "| ours, pack of 1", "| ours, pack of 2", "| ours, pack of 2, exact train metrics"]


def test_ours_learns_what_the_loops_learn() -> None:
    first, second = train(W1.shortened(epochs=3), trials(W1, 2))
    assert min(first["val_accuracy"], second["val_accuracy"]) > 0.85
    assert first != second


@pytest.mark.parametrize("number", range(len(ALL)), ids=[workload.name for workload in ALL])
def test_ours_trains_the_network_and_the_steps_of_the_loops(number: int) -> None:
    workload = ALL[number]
    job = spec(workload, trials(workload, 1)[0])
    assert job.info is not None
    theirs = network(workload, dropout=0.1)
    assert parameter_count(job, job.info) == sum(parameter.numel() for parameter in theirs.parameters())
    train_rows, *_ = split_sizes(job.info.rows, job.validation_fraction)
    assert isinstance(job.batch_size, int)
    assert -(-train_rows // job.batch_size) == workload.steps


def test_a_pack_that_trained_less_than_it_claims_is_found_out() -> None:
    with pytest.raises(NotTrainedError, match="0 of 1 jobs"):
        CheckingCallbacks().check(1, epochs=3)
