"""A lone member trains without a padding row only where that changes no bit."""

from typing import Any

import pytest
import torch
from torch import Tensor

from trainer.member import Entry, Member
from trainer.models import Arrays, Masks, Network
from trainer.pack import Pack

from .recording import job

HEAVY: dict[str, Any] = {"dataset": "digits", "architecture": {"type": "mlp", "hidden": [128, 96]}, "batch_size": 150}


class OtherAlone(Network):
    """A network on a machine whose library rounds differently when there is a single member."""

    only_when_measured = False

    def forward(self, arrays: Arrays, running: Arrays, x: Tensor, masks: Masks, *, training: bool) -> Tensor:
        z = super().forward(arrays, running, x, masks, training=training)
        rounded = len(x) == 1 and not (training and self.only_when_measured)
        return z * (1.0 + 2e-7) if rounded else z


class OtherAloneWhenMeasured(OtherAlone):
    only_when_measured = True


def rows_of_a_lone_member(options: dict[str, Any]) -> int:
    spec = job(**options)
    pack = Pack(spec, torch.device("cpu"))
    pack.prepare(spec)
    pack.join([Member(Entry("alone", spec))])
    return len(pack.layout.member_of)


@pytest.mark.parametrize("machine", [OtherAlone, OtherAloneWhenMeasured])
def test_a_lone_member_is_padded_where_the_machine_rounds_one_matrix_differently(
    machine: type[Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.setup.Network", machine)
    assert rows_of_a_lone_member(HEAVY) == 2


def test_a_lone_member_is_not_padded_where_the_machine_is_batch_invariant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Alike(Network):
        """As if this machine's library always computed two members."""

        def forward(self, arrays: Arrays, running: Arrays, x: Tensor, masks: Masks, *, training: bool) -> Tensor:
            if len(x) > 1:
                return super().forward(arrays, running, x, masks, training=training)
            two = {name: torch.cat([array, array]) for name, array in arrays.items()}
            still = {name: torch.cat([array, array]) for name, array in running.items()}
            return super().forward(two, still, torch.cat([x, x]), masks, training=training)[:1]

    monkeypatch.setattr("trainer.setup.Network", Alike)
    assert rows_of_a_lone_member(HEAVY) == 1


def test_a_light_step_is_padded_without_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.padding.is_batch_invariant", lambda *_, **__: pytest.fail("compared"))
    assert rows_of_a_lone_member({}) == 2
