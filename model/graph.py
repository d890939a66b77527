"""A finished model as an ONNX graph: raw columns in, and out what `Model.predict` says of them.

One input per column, named as it is, [rows, 1]: a category is a string, and "" or any other word for nothing is a gap;
all else is a double, with NaN for a gap: a number, 0 or 1 for a boolean, days since 1970 for a date. An array is one
input of its own shape. Out comes `prediction`, as the table has the target, and, where the loss makes some,
`probabilities`, [rows, classes]. The network itself computes in float32, whatever it was trained in: not every runtime
convolves doubles.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from spec import VERSION
from spec.activations import Activation
from spec.dataset import Targets
from spec.losses import Link, output_units
from spec.schema import ColumnKind

from .finished import LINKS, Model
from .formula import Formulas
from .network import EPSILON, Arrays, Walk
from .preprocessing import Input, Output, Preprocessing

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""Of 2022, and all that is needed: what runs models has long known them."""
IR_VERSION = 8
"""The file format of that time."""
ROWS = "rows"


class Draft:
    """A graph that grows node by node; every value of it has a name of its own."""

    def __init__(self, taken: Collection[str]) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._taken = set(taken)
        self._again = Counter[str]()

    def name(self, wanted: str) -> str:
        """This name, or one with a number that nothing else has."""
        name = wanted
        while name in self._taken:
            self._again[wanted] += 1
            name = f"{wanted}_{self._again[wanted]}"
        self._taken.add(name)
        return name

    def constant(self, values: npt.ArrayLike, kind: npt.DTypeLike = np.float32, name: str = "constant") -> str:
        """The name of an array that the graph holds."""
        name = self.name(name)
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=kind), name))
        return name

    def node(self, kind: str, *inputs: str, name: str | None = None, domain: str = "", **attributes: Any) -> str:
        """The name of what an operator makes of these."""
        made = self.name(name or kind)
        self.nodes.append(helper.make_node(kind, inputs, [made], name=made, domain=domain, **attributes))
        return made


def graph(model: Model, title: str) -> bytes:
    """The model as an ONNX file."""
    prepared = model.preprocessing
    inputs = [_input(column, prepared.shape) for column in prepared.given]
    draft = Draft([value.name for value in inputs])
    features = draft.node("Cast", _features(draft, prepared), to=TensorProto.FLOAT)
    outputs = _outputs(draft, model, _Names(draft, model).through(features))
    drawn = helper.make_graph(draft.nodes, "model", inputs, outputs, draft.constants, doc_string=title)
    made: ModelProto = helper.make_model(
        drawn,
        producer_name="epochal",
        producer_version=VERSION,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in OPSETS.items()],
    )
    content: bytes = made.SerializeToString()
    return content


# --- columns ----------------------------------------------------------------------------------------------------------


_MEANINGS = {
    ColumnKind.number: "a number",
    ColumnKind.boolean: "1 for true, 0 for false",
    ColumnKind.date: "days since 1970",
    ColumnKind.category: "a word",
}


def _input(column: Input, array: tuple[int, ...] | None) -> ValueInfoProto:
    word = column.type is ColumnKind.category
    kind = TensorProto.STRING if word else TensorProto.DOUBLE
    gap = "" if not column.gaps else '; "" where there is none' if word else "; NaN where there is none"
    shape: list[str | int | None] = [ROWS, *(array or (column.size,))]
    return helper.make_tensor_value_info(column.name, kind, shape, doc_string=_MEANINGS[column.type] + gap)


def _features(draft: Draft, prepared: Preprocessing) -> str:
    """What `Preprocessing.features` makes of rows, in doubles."""
    parts: list[str] = []
    for column in prepared.given:
        if column.type is ColumnKind.category:
            parts.append(_places(draft, column))
        else:
            parts += _scaled(draft, column, is_image=prepared.image is not None)
    return parts[0] if len(parts) == 1 else draft.node("Concat", *parts, axis=1, name="features")


def _places(draft: Draft, column: Input) -> str:
    """A 1 at the category's place among zeros."""
    other = len(column.categories)
    places = dict.fromkeys(sorted({*column.gap_words, ""}), other + 1) if column.gaps else {}
    for number, (word, is_seen) in enumerate(zip(column.categories, column.seen, strict=True)):
        for written in (word, unicodedata.normalize("NFD", word)):  # runtimes compose no letters
            places[written] = number if is_seen else other
    place = draft.node(
        "LabelEncoder",
        column.name,
        domain="ai.onnx.ml",
        keys_strings=list(places) or [""],  # of no category at all every word is `other`
        values_int64s=list(places.values()) or [other],
        default_int64=other,
    )
    there = draft.node("Equal", place, draft.constant([np.arange(column.width)], np.int64))
    return draft.node("Cast", there, to=TensorProto.DOUBLE)


def _scaled(draft: Draft, column: Input, *, is_image: bool) -> list[str]:
    """Numbers at their scale, and beside them whether there was a gap, where training had some."""
    x = column.name
    if column.channels_last:
        x = draft.node("Transpose", x, perm=[0, 3, 1, 2])
    if is_image:
        x = draft.node("Reshape", x, draft.constant([0, column.size], np.int64))
    gaps = draft.node("IsNaN", x) if column.gaps or is_image else None
    if gaps is not None:
        x = draft.node("Where", gaps, draft.constant([column.fill], np.float64), x)
    if any(column.mean):
        x = draft.node("Sub", x, draft.constant([column.mean], np.float64))
    if any(deviation != 1.0 for deviation in column.deviation):
        x = draft.node("Div", x, draft.constant([column.deviation], np.float64))
    if gaps is None or not column.gaps:
        return [x]
    noted = draft.node("Cast", gaps, to=TensorProto.DOUBLE)
    return [x, noted if column.size == 1 else draft.node("ReduceMax", noted, draft.constant([1], np.int64))]


# --- layers -----------------------------------------------------------------------------------------------------------


FUNCTIONS = {
    **{"add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "max": "Max", "min": "Min"},
    **{"exp": "Exp", "tanh": "Tanh", "erf": "Erf", "sigmoid": "Sigmoid", "softplus": "Softplus", "elu": "Elu"},
}
"""ONNX's operators for the functions of formulas."""


class OnnxFormulas(Formulas[str]):
    """Formulas of names of a graph's values."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def constant(self, number: float) -> str:
        """A number that the graph holds."""
        return self._draft.constant(number)

    def call(self, function: str, *values: str) -> str:
        """An operator's node."""
        return self._draft.node(FUNCTIONS[function], *values)


class _Names(Walk[str]):
    """Names of a graph's values on their way through the layers."""

    def __init__(self, draft: Draft, model: Model) -> None:
        super().__init__(model.spec, model.preprocessing.image)
        self._draft = draft
        self._arrays: Arrays = model.arrays

    def shaped(self, x: str, shape: tuple[int, ...]) -> str:
        return self._draft.node("Reshape", x, self._draft.constant([0, *shape], np.int64))

    def added(self, x: str, y: str) -> str:
        return self._draft.node("Add", x, y)

    def weighted(self, index: int, x: str) -> str:
        return self._draft.node("Gemm", x, *self._of_layer(index), transB=1)

    def convolved(self, index: int, x: str, *, stride: int, padding: int) -> str:
        return self._draft.node("Conv", x, *self._of_layer(index), strides=[stride] * 2, pads=[padding] * 4)

    def batch_normalized(self, index: int, z: str) -> str:
        held = (self._array(f"norms.{index}.{name}") for name in ("weight", "bias", "running_mean", "running_var"))
        return self._draft.node("BatchNormalization", z, *held, epsilon=EPSILON)

    def layer_normalized(self, index: int, z: str) -> str:
        draft, channels = self._draft, self._arrays[f"norms.{index}.weight"]
        dimensions = self._arrays[f"layers.{index}.weight"].ndim
        over = draft.constant(np.arange(1, dimensions), np.int64)
        apart = draft.node("Sub", z, draft.node("ReduceMean", z, over))
        variance = draft.node("ReduceMean", draft.node("Mul", apart, apart), over)
        deviation = draft.node("Sqrt", draft.node("Add", variance, draft.constant(EPSILON)))
        beside = (len(channels), *([1] * (dimensions - 2)))
        weight, bias = (self._array(f"norms.{index}.{name}", beside) for name in ("weight", "bias"))
        return draft.node("Add", draft.node("Mul", draft.node("Div", apart, deviation), weight), bias)

    def activated(self, kind: Activation, z: str) -> str:
        return OnnxFormulas(self._draft).value(kind.formula, z)

    def pooled(self, x: str, *, maximum: bool) -> str:
        kind = "MaxPool" if maximum else "AveragePool"
        return self._draft.node(kind, x, kernel_shape=[2, 2], strides=[2, 2])

    def _of_layer(self, index: int) -> list[str]:
        names = (f"layers.{index}.weight", f"layers.{index}.bias")
        return [self._array(name) for name in names if name in self._arrays]

    def _array(self, name: str, shape: tuple[int, ...] | None = None) -> str:
        array = self._arrays[name]
        return self._draft.constant(array.reshape(shape or array.shape), name=name)


# --- answers ----------------------------------------------------------------------------------------------------------


def _outputs(draft: Draft, model: Model, z: str) -> list[ValueInfoProto]:
    """What is told, from the last layer's sums."""
    target, outputs = model.preprocessing.output, _finished(draft, model, z)
    if target.type is Targets.numbers:
        return [_numbers(draft, target, outputs)]
    likely = draft.node("Gather", draft.constant(target.labels, np.object_), _likely(draft, model, outputs))
    told = [_told(draft, likely, TensorProto.STRING, [ROWS], "prediction")]
    if (shares := _probabilities(draft, model.spec.loss.traits.link, outputs)) is not None:
        shape: list[int | str] = [ROWS, len(target.labels)]
        shares = draft.node("Cast", shares, to=TensorProto.DOUBLE)
        told.append(_told(draft, shares, TensorProto.DOUBLE, shape, "probabilities"))
    return told


def _told(draft: Draft, value: str, kind: int, shape: list[int | str], name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(draft.node("Identity", value, name=name), kind, shape)


def _numbers(draft: Draft, target: Output, outputs: str) -> ValueInfoProto:
    """In the target's own units: [rows], or [rows, outputs] when there are several."""
    told = draft.node("Cast", outputs, to=TensorProto.DOUBLE)
    told = draft.node("Mul", told, draft.constant([target.deviation], np.float64))
    told = draft.node("Add", told, draft.constant([target.mean], np.float64))
    several = [target.outputs] if target.outputs > 1 else []
    told = draft.node("Reshape", told, draft.constant([-1, *several], np.int64))
    shape: list[int | str] = [ROWS, *several]
    return _told(draft, told, TensorProto.DOUBLE, shape, "prediction")


def _finished(draft: Draft, model: Model, z: str) -> str:
    """The network's answers, as `Model.outputs` gives them."""
    spec = model.spec
    if not spec.loss.traits.takes_logits:
        return OnnxFormulas(draft).value((spec.output_activation or Activation.identity).formula, z)
    by_class = model.preprocessing.output.type is Targets.classes
    return z if by_class else OnnxFormulas(draft).value(LINKS[spec.loss.traits.link], z)


def _likely(draft: Draft, model: Model, outputs: str) -> str:
    """The number of the likeliest class, as `Model.likely` finds it."""
    assert model.spec.info is not None  # noqa: S101 - it was trained
    if output_units(model.spec.loss, model.spec.info) > 1:
        return draft.node("ArgMax", outputs, axis=1, keepdims=0)
    threshold = draft.constant(model.spec.loss.traits.threshold)
    second = draft.node("Cast", draft.node("Greater", outputs, threshold), to=TensorProto.INT64)
    return draft.node("Reshape", second, draft.constant([-1], np.int64))


def _probabilities(draft: Draft, link: Link, outputs: str) -> str | None:
    """How likely each class is, as `Model.probabilities` says."""
    if link is Link.softmax:
        return draft.node("Softmax", outputs, axis=1)
    if link is Link.sigmoid:
        others = draft.node("Sigmoid", draft.node("Neg", outputs))
        return draft.node("Concat", others, draft.node("Sigmoid", outputs), axis=1)
    return None
