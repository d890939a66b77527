"""Results of members that are done: model, report, test metrics."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from model.boundary import Boundary, boundary
from model.finished import Model
from model.preprocessing import Preprocessing
from model.report import Landscape, Report, report
from spec.dataset import Targets
from spec.states import StopReason

from .data import Split
from .evaluation import evaluate, part_of, splits_of
from .landscape import ROWS as LANDSCAPE_ROWS
from .landscape import SPAN, landscape
from .layout import Layout
from .member import Member, Outcome
from .metrics import Part, RawOutputs
from .models import Weights
from .optimizer_state import OptimizerState
from .padding import Padding
from .setup import Setup
from .weighting import Weighting

RESULT_NUMBERS = 1 << 25
"""Outputs of members that are done are held for so many numbers at a time."""
SHOWN_WEIGHTS = 2000
"""A network of more numbers is not drawn while it trains."""


@dataclass(frozen=True)
class Result:
    """The result of a member's training."""

    model: Mapping[str, Tensor]
    """Its arrays by name, on the CPU."""
    preprocessing: Preprocessing
    """How rows became features."""
    report: Report | None
    """The evaluation on rows that were not trained on, and what can be drawn."""
    optimizer: OptimizerState | None
    """What another job's optimizer can go on from, if it is kept."""
    test: Mapping[str, float]
    """Its metrics on the test rows, measured for the only time."""


def results(setup: Setup, layout: Layout, padding: Padding, members: Sequence[Member]) -> list[Result]:
    """The results of members that are done, by the weights of their best epoch or of their last."""
    rows = max((len(split.x["val"]) + len(split.x["test"]) for split in layout.splits.values()), default=0)
    together = max(RESULT_NUMBERS // (setup.outputs * max(rows, 1)), padding.least, 2)
    groups = (members[first : first + together] for first in range(0, len(members), together))
    return [result for group in groups for result in _results(setup, layout, padding, group)]


def _results(setup: Setup, layout: Layout, padding: Padding, members: Sequence[Member]) -> Iterator[Result]:
    padded = padding.padded(members)
    parameters, running = _finished(layout, padded)
    weights = setup.network.weights(parameters, running)
    specs = [member.spec for member in padded]
    splits, which = splits_of(specs, layout.splits, setup.device)
    test_part = part_of(setup, "test", splits, Weighting.of(setup, specs, splits, which))
    tested = evaluate(setup, test_part, weights, which) if test_part.x.shape[1] else {}
    metrics = {name: values.tolist() for name, values in tested.items()}
    undefined = [test_part.undefined[split] for split in which.tolist()]
    validation = _outputs(setup, part_of(setup, "val", splits), weights, which)
    test = _outputs(setup, test_part, weights, which)
    arrays, statistics = setup.network.weights(parameters.cpu(), running.cpu())
    for place, member in zip(range(0, len(padded), padding.copies), members, strict=False):
        split = layout.splits[member.spec.division]
        model = {name: array[place].clone() for name, array in {**arrays, **statistics}.items()}
        finished = Model(member.spec, split.preprocessing, {name: array.numpy() for name, array in model.items()})
        found = Report(
            validation=report(finished, validation[place].double().numpy(), split.y["val"].cpu().numpy()),
            test=report(finished, test[place].double().numpy(), split.y["test"].cpu().numpy()),
            boundary=boundary(finished, *split.shown_numbers),
            landscape=_landscape(setup, layout, member, split) if member.spec.loss_landscape else None,
        )
        yield Result(
            model=model,
            preprocessing=split.preprocessing,
            report=None if found == Report() else found,
            optimizer=_optimizer_state(setup, layout, member) if member.spec.keep_optimizer else None,
            test={name: values[place] for name, values in metrics.items() if name not in undefined[place]},
        )


def success(member: Member, reason: StopReason, result: Result | None) -> Outcome:
    """The outcome of a member that is done; without a result it leaves no model."""
    epoch, metrics = member.kept
    ended = Outcome(member.id, "succeeded", stop_reason=reason, best_epoch=epoch, best_metrics=metrics)
    if result is None:
        return ended
    return replace(
        ended,
        best_metrics={**metrics, **result.test},
        model=result.model,
        preprocessing=result.preprocessing,
        report=result.report,
        optimizer=result.optimizer,
    )


def live_boundary(setup: Setup, layout: Layout, member: Member, side: int) -> Boundary | None:
    """The decision boundary of a member that trains, by its weights as they are; None with other than two inputs."""
    split, rows = layout.splits[member.spec.division], layout.rows_of([member])
    parameters, running = (layout.state[name].index_select(0, rows).cpu() for name in ("weights", "running"))
    arrays, statistics = setup.network.weights(parameters, running)
    numbers = {name: array[0].numpy() for name, array in {**arrays, **statistics}.items()}
    drawn = boundary(Model(member.spec, split.preprocessing, numbers), *split.shown_numbers, side)
    if drawn is None or sum(array.size for array in numbers.values()) > SHOWN_WEIGHTS:
        return drawn
    flat = np.concatenate([array.reshape(-1) for array in numbers.values()])
    return drawn.model_copy(update={"weights": flat.astype("<f4").tobytes()})


def _outputs(setup: Setup, part: Part, weights: Weights, which: Tensor) -> Tensor:
    """The outputs of members with these weights for the rows of a part, on the CPU: [members, rows, outputs]."""
    if not part.x.shape[1]:
        return torch.empty(weights.members, 0, setup.outputs)
    raw = replace(part, metrics=RawOutputs(setup.outputs, classes=setup.info.targets is Targets.classes))
    return evaluate(setup, raw, weights, which)[f"{part.name}_outputs"].cpu()


def _landscape(setup: Setup, layout: Layout, member: Member, split: Split) -> Landscape:
    """The loss around the member's finished weights, on validation rows if there are any."""
    name = split.shown
    x, y = split.x[name], split.y[name]
    rows = torch.linspace(0, len(x) - 1, min(len(x), LANDSCAPE_ROWS), device=setup.device).long()
    targets = setup.objective.targets(y[rows].unsqueeze(0), setup.dtype)
    own = rows.new_zeros(1)  # the one split that there is
    weighting = Weighting.of(setup, [member.spec], [split], own)
    weights = None if weighting is None else weighting.rows(name)[:, rows]
    part = Part(name, x[rows].unsqueeze(0), targets, None, weights)
    parameters, running = _finished(layout, [member])

    def losses_of(rows: Tensor) -> Tensor:
        weights = setup.network.weights(rows, running.expand(len(rows), -1).contiguous())
        return evaluate(setup, part, weights, own.expand(len(rows)))[f"{name}_loss"]

    losses = landscape(parameters, setup.network.parameters, member.spec.seed, losses_of)
    finite = tuple(tuple(loss if math.isfinite(loss) else None for loss in row) for row in losses)
    return Landscape(span=SPAN, part="validation" if name == "val" else name, rows=len(rows), losses=finite)


def _optimizer_state(setup: Setup, layout: Layout, member: Member) -> OptimizerState:
    """The optimizer's state at the member's best epoch, or at its last: as the weights."""
    row, is_best = layout.row_of[member.id], member.spec.restore_best
    return OptimizerState(
        steps=member.best_steps if is_best else member.steps,
        buffers={name: layout.state[f"best_{name}" if is_best else name][row].cpu() for name in setup.buffers},
    )


def _finished(layout: Layout, members: Sequence[Member]) -> tuple[Tensor, Tensor]:
    """Members' parameters and running statistics, of their best epochs or of the last: [members, ...] each."""
    rows, state = layout.rows_of(members), layout.state
    best = torch.tensor([[member.spec.restore_best] for member in members], device=rows.device)
    parameters, running = (
        torch.where(best, state[kept].index_select(0, rows), state[last].index_select(0, rows))
        for kept, last in (("best", "weights"), ("best_running", "running"))
    )
    return parameters, running
