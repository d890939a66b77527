"""The README of a model: code that loads it in plain PyTorch, for its own network, and how predictions are made."""

from collections.abc import Mapping

from spec.architectures import Cnn, Normalization, ResMlp, layer_shapes
from spec.dataset import DatasetInfo, Targets
from spec.job import JobSpec
from spec.losses import Link, output_units
from spec.resources import Precision

_CODE = """import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([{layers}])
        self.norms = nn.ModuleList([{norms}])

    def forward(self, x):
{forward}


net = Net(){double}
"""

_PAGE = """# {title}

| file | holds |
|---|---|
| `model.safetensors` | the weights |
| `spec.json` | the job: the network, its data and how it was trained |
| `preprocessing.json` | how rows become features, and outputs become values in the target's units |

In plain PyTorch:

```python
{code}net.load_state_dict(load_file("model.safetensors"), strict=False)
net.eval()
```

`net` takes features [rows, {features}], made of the `inputs` of `preprocessing.json` in their order, without those of
type `text` and those whose `role` is not `feature`. A date is a number, its days since 1970 in UTC; a boolean is 1 or
0. A missing value is replaced by `fill`. A number becomes (value - mean) / deviation. A category is one-hot; one that
is not `seen` is the last, `other`. A column with `gaps` is followed by a feature that is 1 where a value is
missing.{image}

With `x = net(features)`, {answer} [rows, outputs]: {prediction}
"""

_NUMBERS: Mapping[Link, str] = {
    Link.identity: "x",
    Link.sigmoid: "torch.sigmoid(x)",
    Link.exp: "torch.exp(x)",
}
"""From what the network returns to scaled targets; softmax is for classes only."""
_PROBABILITIES: Mapping[Link, str] = {
    Link.softmax: " The probabilities of the classes are `torch.softmax(x, dim=1)`.",
    Link.sigmoid: " The probability of the second class is `torch.sigmoid(x[:, 0])`.",
}


def readme(spec: JobSpec, info: DatasetInfo, title: str) -> str:
    """The README of a model."""
    image = ""
    if info.image is not None:
        image = f" An image's pixels come channel by channel: {list(info.image)} (channels, height, width), flattened."
    return _PAGE.format(
        title=title,
        code=code(spec, info),
        features=info.features,
        image=image,
        answer="the weighted sums" if spec.computed_output_activation is None else "the output activation's values",
        prediction=_prediction(spec, info),
    )


def code(spec: JobSpec, info: DatasetInfo) -> str:
    """Python that makes the network, `net`, of plain PyTorch; its weights are not loaded yet."""
    shapes = layer_shapes(spec, info)
    normalized = getattr(spec.architecture, "normalization", Normalization.none)
    bias = "" if spec.architecture.bias else ", bias=False"
    layers = [_layer(spec, shape, bias) for shape in shapes]
    norms = [_norm(shape, normalized) for shape in shapes[:-1] if normalized is not Normalization.none]
    return _CODE.format(
        layers=", ".join(layers),
        norms=", ".join(norms),
        forward="\n".join(f"        {line}" for line in _forward(spec, info, len(shapes), bool(norms))),
        double=".double()" if spec.precision is Precision.float64 else "",
    )


def _prediction(spec: JobSpec, info: DatasetInfo) -> str:
    """How predictions are made of x, what the network returns: [rows, outputs]."""
    traits = spec.loss.traits
    if info.targets is Targets.numbers:
        return (
            f"the predicted numbers are `{_NUMBERS[traits.link]} * deviation + mean`, with `deviation` and `mean` of "
            "`output` in `preprocessing.json`."
        )
    is_single = output_units(spec.loss, info) == 1
    place = f"(x[:, 0] > {traits.threshold}).long()" if is_single else "x.argmax(dim=1)"
    said = f"the predicted class is number `{place}`, from 0, of `labels` of `output` in `preprocessing.json`."
    return said + _PROBABILITIES.get(traits.link, "")


def _layer(spec: JobSpec, shape: tuple[int, ...], bias: str) -> str:
    if len(shape) == 2:
        return f"nn.Linear({shape[1]}, {shape[0]}{bias})"
    cnn = spec.architecture
    assert isinstance(cnn, Cnn)  # noqa: S101 - only convolutions have kernels
    return f"nn.Conv2d({shape[1]}, {shape[0]}, {cnn.kernel}, stride={cnn.stride}, padding={cnn.padding}{bias})"


def _norm(shape: tuple[int, ...], kind: Normalization) -> str:
    if kind is Normalization.batch:
        return f"nn.BatchNorm{'1' if len(shape) == 2 else '2'}d({shape[0]})"
    return f"nn.LayerNorm({shape[0]})" if len(shape) == 2 else f"nn.GroupNorm(1, {shape[0]})"


def _forward(spec: JobSpec, info: DatasetInfo, layers: int, normalized: bool) -> list[str]:
    hidden = layers - 1
    convolutions = len(spec.architecture.channels) if isinstance(spec.architecture, Cnn) else 0
    lines = [f"x = x.reshape(-1, {', '.join(map(str, info.image or ()))})"] if convolutions else []
    for index in range(hidden):
        call = f"self.layers[{index}](x)"
        call = spec.activations[index].pytorch.format(f"self.norms[{index}]({call})" if normalized else call)
        residual = isinstance(spec.architecture, ResMlp) and index > 0
        lines.append(f"x = x + {call}" if residual else f"x = {call}")
        if index < convolutions and isinstance(spec.architecture, Cnn) and spec.architecture.pooling != "none":
            pool = "F.max_pool2d" if spec.architecture.pooling == "max" else "F.avg_pool2d"
            lines.append(f"x = {pool}(x, 2) if min(x.shape[2:]) >= 2 else x")
        if index == convolutions - 1:
            lines.append("x = x.flatten(1)")
    last = f"self.layers[{hidden}](x)"
    outer = spec.computed_output_activation
    return [*lines, f"return {last if outer is None else outer.pytorch.format(last)}"]
