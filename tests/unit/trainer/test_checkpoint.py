"""A member that continues from its checkpoint gets the bits that it would have got without the interruption."""

import json
import struct
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spec.job import JobSpec
from spec.states import StopReason
from tests.examples import examples
from trainer.checkpoint import FORMAT, NOTE, dump, load
from trainer.errors import BadCheckpointError
from trainer.fit import fit
from trainer.member import Entry

from .recording import Recorder, job, train

KINDS: dict[str, dict[str, Any]] = {
    "adam": {},
    "sgd": {"optimizer": {"type": "sgd", "momentum": 0.9, "nesterov": True}},
    "damped-sgd": {"optimizer": {"type": "sgd", "momentum": 0.9, "dampening": 0.5}},
    "muon": {"optimizer": "muon", "architecture": {"type": "mlp", "hidden": [8, 5]}},
    "centered-rmsprop": {"optimizer": {"type": "rmsprop", "centered": True, "momentum": 0.5}},
    "adadelta-float64": {"optimizer": "adadelta", "precision": "float64"},
    "nadam-dropout": {"optimizer": "nadam", "dropout": 0.4},
    "radam-bfloat16": {"optimizer": "radam", "precision": "bfloat16"},
    "adagrad": {"optimizer": {"type": "adagrad", "initial_accumulator": 0.1, "lr_decay": 0.01}},
    "lion-batch-norm": {"optimizer": "lion", "architecture": {"type": "mlp", "hidden": [8], "normalization": "batch"}},
    "plateau": {"schedule": {"type": "plateau", "patience": 0, "factor": 0.5}, "learning_rate": 0.2},
    "one-cycle": {"schedule": "one_cycle", "optimizer": "adamax"},
    "full": {"batch_size": "full", "optimizer": "adamw", "weight_decay": 0.1},
    "augmented": {
        "dataset": "digits",
        "architecture": {"type": "cnn", "channels": [2], "hidden": []},
        "augmentation": {"crop": 2, "flip": True},
        "batch_size": 300,
    },
    "accumulated": {"batch_size": 9, "gradient_accumulation": 5, "optimizer": "nadam"},
    "weighted": {"class_weight": "balanced", "label_smoothing": 0.1, "train_metrics": "running", "batch_size": 13},
    "tolerance": {"tolerance": 0.02, "train_metrics": "running"},
}


def go_on(*entries: Entry, recorder: Recorder | None = None) -> Recorder:
    recorder = recorder or Recorder()
    fit(entries, recorder, device=torch.device("cpu"), limit=64)
    return recorder


def resumed(spec: JobSpec, content: bytes) -> Entry:
    return Entry("resumed", spec, load(content, spec))


def same(whole: Recorder, one: str, rest: Recorder, other: str) -> bool:
    """Whether `rest` tells the end of the story that `whole` tells, bit for bit."""
    full, end = whole.outcomes[one], rest.outcomes[other]
    curve = rest.curves.get(other, [])
    began = rest.began.get(other, len(whole.curves[one]) + 1)
    return (
        whole.curves[one][began - 1 :] == curve
        and (full.end, full.stop_reason, full.best_epoch, full.best_metrics)
        == (end.end, end.stop_reason, end.best_epoch, end.best_metrics)
        and full.model.keys() == end.model.keys()
        and all(torch.equal(full.model[name], end.model[name]) for name in full.model)
    )


@pytest.mark.parametrize("name", KINDS)
def test_a_member_goes_on_alone_and_in_a_pack_at_other_epochs(name: str) -> None:
    spec = job(**{"epochs": 6, **KINDS[name]})
    whole = train(spec, job(**{"epochs": 4, "seed": 5, **KINDS[name]}), recorder=Recorder(checkpoint_at=3))
    content = whole.checkpoints["0"]
    assert same(whole, "0", go_on(resumed(spec, content)), "resumed")

    others = [Entry(f"other-{seed}", job(**{"epochs": 7, "seed": seed, **KINDS[name]})) for seed in (1, 2)]
    late = Recorder(joining={2: [resumed(spec, content)]})
    assert same(whole, "0", go_on(*others, recorder=late), "resumed")
    assert late.began["resumed"] == 4


@st.composite
def stories(draw: st.DrawFn, normalization: str) -> tuple[JobSpec, JobSpec, int]:
    """A job, another of its shape, and the epoch after which both are interrupted."""
    common = {
        "precision": draw(st.sampled_from(["float32", "float64"])),
        "optimizer": draw(st.sampled_from(["sgd", "adam", "adamw", "rmsprop", "nadam", "adadelta", "lion"])),
        "architecture": {"type": "mlp", "hidden": [8], "normalization": normalization},
        "batch_size": draw(st.sampled_from([9, 32, "full"])),
    }
    own = st.fixed_dictionaries(
        {"seed": st.integers(0, 99), "learning_rate": st.floats(1e-3, 0.3), "epochs": st.integers(2, 6)},
        optional={
            "dropout": st.floats(0.0, 0.8, allow_subnormal=False),
            "patience": st.integers(1, 3),
            "restore_best": st.booleans(),
            "split_seed": st.integers(0, 3),
            "schedule": st.sampled_from(
                ["cosine", "one_cycle", {"type": "plateau", "patience": 1, "factor": 0.3}, "exponential"]
            ),
            "gradient_clip": st.floats(0.1, 2.0),
        },
    )
    return job(**{**common, **draw(own)}), job(**{**common, **draw(own)}), draw(st.integers(1, 5))


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@examples(6, many=14)
@given(data=st.data())
def test_any_member_of_any_pack_goes_on_as_if_it_had_never_stopped(normalization: str, data: st.DataObject) -> None:
    spec, other, broken_off = data.draw(stories(normalization))
    whole = train(spec, other, recorder=Recorder(checkpoint_at=broken_off))
    for id_, own in (("0", spec), ("1", other)):
        if id_ in whole.checkpoints:
            entries = [resumed(own, whole.checkpoints[id_]), Entry("fresh", job(**_as_mate(own)))]
            assert same(whole, id_, go_on(*entries), "resumed")


def _as_mate(spec: JobSpec) -> dict[str, Any]:
    return {**spec.model_dump(mode="json", exclude={"version"}), "seed": 100, "epochs": 2}


def test_early_stopping_waits_on_over_a_break() -> None:
    spec = job(epochs=500, patience=5, learning_rate=0.1)
    outcome = train(spec).outcomes["0"]
    assert outcome.best_epoch is not None
    whole = train(spec, recorder=Recorder(checkpoint_at=outcome.best_epoch + 3))
    rest = go_on(resumed(spec, whole.checkpoints["0"]))
    assert len(rest.curves["resumed"]) == 2
    assert rest.outcomes["resumed"].stop_reason is StopReason.early_stopping
    assert same(whole, "0", rest, "resumed")


def test_a_member_that_has_ended_has_no_checkpoint() -> None:
    assert train(job(epochs=2), job(epochs=3), recorder=Recorder(checkpoint_at=2)).checkpoints.keys() == {"1"}


def test_a_checkpoint_is_what_was_written() -> None:
    content = train(job(), recorder=Recorder(checkpoint_at=2)).checkpoints["0"]
    checkpoint = load(content, job())
    assert dump(checkpoint) == content
    note = asdict(checkpoint.state)
    assert (checkpoint.state.epoch, checkpoint.state.steps) == (2, 2 * 4)
    assert asdict(checkpoint.state).keys() >= {"best", "waited", "plateau"}
    del note["last_metrics"]  # as an earlier release wrote it
    assert load(with_note(content, progress=note), job()).state.last_metrics == {}


def with_note(content: bytes, **changes: object) -> bytes:
    (size,) = struct.unpack_from("<Q", content)
    head = json.loads(content[8 : 8 + size])
    note = {**json.loads(head["__metadata__"][NOTE]), **changes}
    text = json.dumps({**head, "__metadata__": {NOTE: json.dumps(note)}}).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "no file of ours": lambda content: b"no checkpoint at all",
    "cut off in its head": lambda content: content[:100],
    "cut off in its numbers": lambda content: content[:-1],
    "older": lambda content: with_note(content, format=FORMAT - 1),
    "with a state of unknown fields": lambda content: with_note(content, progress={"epochs_done": 3}),
    "without progress": lambda content: with_note(content, progress="none"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_checkpoint_that_cannot_be_used_is_refused(fault: str) -> None:
    content = train(job(), recorder=Recorder(checkpoint_at=1)).checkpoints["0"]
    with pytest.raises(BadCheckpointError):
        load(FAULTS[fault](content), job())


@pytest.mark.parametrize("other", [{"optimizer": "sgd"}, {"architecture": {"type": "mlp", "hidden": [9]}}], ids=str)
def test_a_checkpoint_of_another_shape_is_refused(other: dict[str, Any]) -> None:
    content = train(job(), recorder=Recorder(checkpoint_at=1)).checkpoints["0"]
    with pytest.raises(BadCheckpointError):
        load(content, job(**other))
