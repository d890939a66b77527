"""Gradients by autograd, from the gradient by an output.

`torch.autograd.grad` with `grad_outputs` imports SymPy to compare two shapes, which is a fifth of the time that a
trainer needs to start. This is the call that it makes then, which no public function makes alone.
"""

from collections.abc import Sequence

from torch import Tensor
from torch.autograd.graph import _engine_run_backward


def gradients(output: Tensor, inputs: Sequence[Tensor], by_output: Tensor) -> tuple[Tensor, ...]:
    """The gradients by `inputs`, where `by_output` is that by `output`, and has its shape."""
    keep_graph = create_graph = allow_unused = False
    return _engine_run_backward(
        (output,), (by_output,), keep_graph, create_graph, tuple(inputs), allow_unused, accumulate_grad=False
    )
