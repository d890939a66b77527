"""A warm start begins with a finished job's network, as the same function, and goes on as PyTorch would."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from spec.job import JobSpec
from trainer.errors import BadDataError
from trainer.export import save
from trainer.fit import fit
from trainer.member import Entry
from trainer.warm_start import WarmStart, read

from .recording import Recorder, job, same, same_training, train

BASE = "01900000-0000-7000-8000-000000000000"
"""The id of the first job."""
CPU = torch.device("cpu")
NO_CHANGE = {"learning_rate": 1e-300, "optimizer": "sgd"}
FULL: dict[str, Any] = {"batch_size": "full", "restore_best": False, "epochs": 4}


def start_of(
    recorder: Recorder, spec: JobSpec, folder: Path, *, place: str = "0", optimizer: bool = False
) -> WarmStart:
    """The files of a finished job, read as a job that begins with it reads them."""
    save(recorder.outcomes[place], spec, folder)
    state = folder / "optimizer.safetensors" if optimizer else None
    return read(folder / "model.safetensors", folder / "preprocessing.json", state)


def warm(start: WarmStart, *specs: JobSpec, recorder: Recorder | None = None) -> Recorder:
    recorder = recorder or Recorder()
    entries = [Entry(str(place), spec, start=start) for place, spec in enumerate(specs)]
    fit(entries, recorder, device=CPU, limit=64)
    return recorder


KINDS: dict[str, dict[str, Any]] = {
    "mlp": {},
    "regression": {"dataset": "diabetes", "loss": "mse", "architecture": {"type": "resmlp", "width": 8}},
    "layer-norm": {"architecture": {"type": "mlp", "hidden": [8, 5], "normalization": "layer"}, "standardize": True},
    "cnn": {"dataset": "digits", "architecture": {"type": "cnn", "channels": [2], "hidden": []}, "batch_size": 200},
    "float64": {"precision": "float64", "loss": "focal"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_before_the_first_step_the_network_is_the_same_function(kind: str, tmp_path: Path) -> None:
    first = job(**{"epochs": 2, "restore_best": False, **KINDS[kind]})
    done = train(first)
    fields = {name: value for name, value in KINDS[kind].items() if name != "standardize"}
    again = job(**{**fields, **NO_CHANGE, "init_from": BASE, "epochs": 1, "seed": 77})
    found = warm(start_of(done, first, tmp_path), again)
    last, now = done.curves["0"][-1], found.curves["0"][0]
    names = last.keys() - {"learning_rate"}
    assert {name: now[name] for name in names} == {name: last[name] for name in names}
    weights, before = found.outcomes["0"].model, done.outcomes["0"].model
    assert all(torch.equal(weights[name], before[name]) for name in before)
    assert found.outcomes["0"].preprocessing == done.outcomes["0"].preprocessing


def test_another_split_is_preprocessed_by_the_first_jobs_statistics(tmp_path: Path) -> None:
    first = job(epochs=1)
    done = train(first)
    start = start_of(done, first, tmp_path)
    other = warm(start, job(init_from=BASE, split_seed=5, epochs=1, **NO_CHANGE))
    assert other.outcomes["0"].preprocessing == done.outcomes["0"].preprocessing
    assert train(job(split_seed=5, epochs=1)).outcomes["0"].preprocessing != done.outcomes["0"].preprocessing


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "adam"},
        {"optimizer": "nadam", "weight_decay": 0.01},
        {"optimizer": {"type": "sgd", "momentum": 0.9, "dampening": 0.3}},
        {"optimizer": {"type": "rmsprop", "centered": True, "momentum": 0.5}},
        {"optimizer": {"type": "adagrad", "lr_decay": 0.1, "initial_accumulator": 0.1}},
        {"optimizer": "muon", "architecture": {"type": "mlp", "hidden": [8, 5], "normalization": "batch"}},
    ],
    ids=str,
)
def test_n_epochs_and_n_more_are_2n_epochs_if_the_optimizer_goes_on(fields: dict[str, Any], tmp_path: Path) -> None:
    first = job(**{**FULL, **fields, "keep_optimizer": True})
    start = start_of(train(first), first, tmp_path, optimizer=True)
    rest = warm(start, job(**{**FULL, **fields, "init_from": BASE}))
    whole = train(job(**{**FULL, **fields, "epochs": 8}))
    assert rest.curves["0"] == whole.curves["0"][4:]
    ours, theirs = rest.outcomes["0"].model, whole.outcomes["0"].model
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_an_optimizer_that_was_not_kept_begins_anew(tmp_path: Path) -> None:
    first = job(**FULL)
    done = train(first)
    assert done.outcomes["0"].optimizer is None
    rest = warm(start_of(done, first, tmp_path), job(**FULL, init_from=BASE))
    assert rest.curves["0"] != train(job(**{**FULL, "epochs": 8})).curves["0"][4:]


def test_the_optimizer_is_kept_as_it_was_at_the_best_epoch() -> None:
    fields: dict[str, Any] = {"batch_size": "full", "learning_rate": 0.3, "keep_optimizer": True}
    outcome = train(job(**fields, epochs=60)).outcomes["0"]
    assert outcome.best_epoch is not None
    assert outcome.best_epoch < 60
    until_best = train(job(**fields, epochs=outcome.best_epoch, restore_best=False)).outcomes["0"]
    assert outcome.optimizer is not None
    assert until_best.optimizer is not None
    assert outcome.optimizer.steps == until_best.optimizer.steps == outcome.best_epoch
    for name, row in until_best.optimizer.buffers.items():
        assert torch.equal(outcome.optimizer.buffers[name], row)


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_a_member_that_begins_warm_is_the_same_alone_and_in_a_pack(
    keeps: bool, normalization: str, tmp_path: Path
) -> None:
    shape = {"architecture": {"type": "mlp", "hidden": [8], "normalization": normalization}}
    first = job(**shape, keep_optimizer=True)
    done = train(job(seed=8, **shape, keep_optimizer=True), first)
    start = start_of(done, first, tmp_path, place="1", optimizer=keeps)
    specs = [
        job(**shape, init_from=BASE, keep_optimizer=True, **own)
        for own in ({"seed": 4, "dropout": 0.2}, {"split_seed": 3, "epochs": 1}, {"learning_rate": 0.01, "l1": 0.001})
    ]
    pack = warm(start, *specs)
    for place, spec in enumerate(specs):
        alone = warm(start, spec)
        assert same(pack, str(place), alone, "0")
        kept, other = pack.outcomes[str(place)].optimizer, alone.outcomes["0"].optimizer
        assert kept is not None
        assert other is not None
        assert all(torch.equal(kept.buffers[name], other.buffers[name]) for name in other.buffers)


def test_a_member_that_begins_warm_goes_on_from_its_own_checkpoint(tmp_path: Path) -> None:
    from trainer.checkpoint import load

    first = job(keep_optimizer=True)
    start = start_of(train(first), first, tmp_path, optimizer=True)
    spec = job(init_from=BASE, keep_optimizer=True, epochs=5, dropout=0.3, optimizer="adam", patience=2)
    whole = warm(start, spec, recorder=Recorder(checkpoint_at=2))
    rest = Recorder()
    entry = Entry("rest", spec, load(whole.checkpoints["0"], spec), start=start)
    fit([entry], rest, device=CPU, limit=1)
    assert rest.curves["rest"] == whole.curves["0"][2:]
    rest.curves["rest"] = whole.curves["0"]
    assert same_training(whole, "0", rest, "rest")
    assert rest.outcomes["rest"].preprocessing == whole.outcomes["0"].preprocessing
    kept, other = rest.outcomes["rest"].optimizer, whole.outcomes["0"].optimizer
    assert kept is not None
    assert other is not None
    assert kept.steps == other.steps


def test_a_warm_start_is_pytorchs_load_state_dict(tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        **FULL,
        "precision": "float64",
        "optimizer": {"type": "sgd", "momentum": 0.9},
        "architecture": {"type": "mlp", "hidden": [8], "normalization": "batch"},
    }
    first = job(**fields, keep_optimizer=True)
    done = train(first)
    start = start_of(done, first, tmp_path, optimizer=True)
    rest = warm(start, job(**fields, init_from=BASE))

    from trainer.data import split

    assert first.info is not None
    data = split(first, first.info, CPU, torch.float64)
    layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).double()
    names = {"layers.0": "0", "norms.0": "1", "layers.1": "3"}
    state = {f"{names[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": a for name, a in start.arrays.items()}
    layers.load_state_dict(state, strict=False)
    optimizer = torch.optim.SGD(layers.parameters(), lr=first.learning_rate, momentum=0.9)
    assert start.optimizer is not None
    at = 0
    order = ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]
    places = list(done.outcomes["0"].model)
    rows = start.optimizer.buffers["velocity"]
    parameters = dict(layers.named_parameters())
    ours = [name for name in places if "running" not in name]
    for name in ours:
        theirs = f"{names[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}"
        parameter = parameters[theirs]
        optimizer.state[parameter]["momentum_buffer"] = rows[at : at + parameter.numel()].view_as(parameter).clone()
        at += parameter.numel()
    assert sorted(order) == sorted(parameters)
    for _ in range(4):
        optimizer.zero_grad()
        nn.functional.cross_entropy(layers(data.x["train"]), data.y["train"]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    for name, array in rest.outcomes["0"].model.items():
        owner, _, kind = name.rpartition(".")
        assert torch.allclose(layers.state_dict()[f"{names[owner]}.{kind}"], array, rtol=0, atol=1e-12), name


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dataset": "wine"}, "was trained on a column sepal length (cm)"),
        ({"dataset": {"name": "blobs", "features": 4, "classes": 3}}, "was trained on a column sepal length (cm)"),
        ({"architecture": {"type": "mlp", "hidden": [9]}}, "its layers.0.bias does not fit"),
        ({"optimizer": "sgd"}, "the state of its optimizer does not fit"),
    ],
)
def test_what_does_not_fit_fails_with_a_sentence(fields: dict[str, Any], said: str, tmp_path: Path) -> None:
    first = job(epochs=1, keep_optimizer=True)
    start = start_of(train(first), first, tmp_path, optimizer=True)
    outcome = warm(start, job(init_from=BASE, **fields)).outcomes["0"]
    assert (outcome.end, outcome.failure_reason) == ("failed", "bad_data")
    assert said in outcome.message


@pytest.mark.parametrize("broken", ["model.safetensors", "preprocessing.json", "optimizer.safetensors"])
def test_files_that_cannot_be_read_are_an_error(broken: str, tmp_path: Path) -> None:
    first = job(epochs=1, keep_optimizer=True)
    save(train(first).outcomes["0"], first, tmp_path)
    (tmp_path / broken).write_bytes(b"no file of ours")
    with pytest.raises(BadDataError, match="init_from: the files of its model cannot be read"):
        read(*(tmp_path / name for name in ("model.safetensors", "preprocessing.json", "optimizer.safetensors")))
