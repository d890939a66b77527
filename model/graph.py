"""A finished model, or an ensemble, as an ONNX graph, from raw columns to the predictions of `Model.predict`.

Each column is an input with its name, [rows, 1]. A category is a string; "" or another text for a missing value means
missing. All else is a double, NaN for a missing value: a number, 0 or 1 for a boolean, days since 1970 for a date. An
array is one input of its own shape. The outputs are `prediction`, as in the table, and, if the loss gives some,
`probabilities`, [rows, classes]. The network computes in float32, whatever precision it was trained in, because not
every runtime supports convolutions of doubles.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from spec import VERSION
from spec.activations import Activation
from spec.dataset import Targets
from spec.losses import Link, output_units
from spec.schema import ColumnKind

from .ensemble import Ensemble
from .finished import LINKS, Model
from .formula import Formulas
from .network import EPSILON, Arrays, ForwardPass
from .preprocessing import Input, Output, Preprocessing

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""Versions of 2022, which common runtimes support."""
IR_VERSION = 8
"""The version of the file format of that time."""
ROWS = "rows"


class GraphBuilder:
    """Builds a graph node by node; every value has a unique name."""

    def __init__(self, taken: Collection[str]) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._taken = set(taken)
        self._counts = Counter[str]()

    def name(self, wanted: str) -> str:
        """The wanted name, with a number if it is taken."""
        name = wanted
        while name in self._taken:
            self._counts[wanted] += 1
            name = f"{wanted}_{self._counts[wanted]}"
        self._taken.add(name)
        return name

    def constant(self, values: npt.ArrayLike, kind: npt.DTypeLike = np.float32, name: str = "constant") -> str:
        """Add a constant array, and return its name."""
        name = self.name(name)
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=kind), name))
        return name

    def node(self, kind: str, *inputs: str, name: str | None = None, domain: str = "", **attributes: Any) -> str:
        """Add an operator, and return the name of its output."""
        made = self.name(name or kind)
        self.nodes.append(helper.make_node(kind, inputs, [made], name=made, domain=domain, **attributes))
        return made


def graph(model: Model, title: str) -> bytes:
    """The model as an ONNX file."""
    prepared = model.preprocessing
    inputs = [_input(column, prepared.shape) for column in prepared.given]
    builder = GraphBuilder([value.name for value in inputs])
    features = builder.node("Cast", _features(builder, prepared), to=TensorProto.FLOAT)
    outputs = _outputs(builder, model, _OnnxForwardPass(builder, model).run(features))
    return _file(builder, inputs, outputs, title)


def ensemble_graph(ensemble: Ensemble, title: str) -> bytes:
    """An ensemble as an ONNX file: the weighted mean of its members' answers, from the same raw columns."""
    prepared = ensemble.preprocessing
    inputs = [_input(column, prepared.shape) for column in prepared.given]
    builder = GraphBuilder([value.name for value in inputs])
    weighted = []
    for member, weight in zip(ensemble.members, ensemble.weights, strict=True):
        features = builder.node("Cast", _features(builder, member.preprocessing), to=TensorProto.FLOAT)
        answer = _answer(builder, member, _OnnxForwardPass(builder, member).run(features))
        weighted.append(builder.node("Mul", answer, builder.constant(weight, np.float64)))
    mean = builder.node("Sum", *weighted, name="mean")
    if prepared.output.type is Targets.numbers:
        return _file(builder, inputs, [_of_outputs(builder, prepared.output, mean)], title)
    labels = prepared.output.labels
    label = builder.node(
        "Gather", builder.constant(labels, np.object_), builder.node("ArgMax", mean, axis=1, keepdims=0)
    )
    outputs = [_declared(builder, label, TensorProto.STRING, [ROWS], "prediction")]
    if ensemble.gives_probabilities:
        outputs.append(_declared(builder, mean, TensorProto.DOUBLE, [ROWS, len(labels)], "probabilities"))
    return _file(builder, inputs, outputs, title)


def _file(
    builder: GraphBuilder, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto], title: str
) -> bytes:
    drawn = helper.make_graph(builder.nodes, "model", inputs, outputs, builder.constants, doc_string=title)
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
    gap = "" if not column.takes_gaps else '; "" where there is none' if word else "; NaN where there is none"
    shape: list[str | int | None] = [ROWS, *(array or (column.size,))]
    return helper.make_tensor_value_info(column.name, kind, shape, doc_string=_MEANINGS[column.type] + gap)


def _features(builder: GraphBuilder, prepared: Preprocessing) -> str:
    """The features of `Preprocessing.features`, as doubles."""
    parts: list[str] = []
    for column in prepared.given:
        if column.type is ColumnKind.category:
            parts.append(_one_hot(builder, column))
        else:
            parts += _scaled(builder, column, is_image=prepared.image is not None)
    return parts[0] if len(parts) == 1 else builder.node("Concat", *parts, axis=1, name="features")


def _one_hot(builder: GraphBuilder, column: Input) -> str:
    """The one-hot encoding of a category."""
    other = len(column.categories)
    places = dict[str, int]()
    for number, (word, is_seen) in enumerate(zip(column.categories, column.seen, strict=True)):
        for written in (word, unicodedata.normalize("NFD", word)):  # runtimes do not normalise Unicode
            places[written] = number if is_seen else other
    if column.takes_gaps:
        places |= dict.fromkeys(sorted({*column.gap_words, ""}), other + column.gaps)
    place = builder.node(
        "LabelEncoder",
        column.name,
        domain="ai.onnx.ml",
        keys_strings=list(places) or [""],  # without categories every word is `other`
        values_int64s=list(places.values()) or [other],
        default_int64=other,
    )
    there = builder.node("Equal", place, builder.constant([np.arange(column.width)], np.int64))
    return builder.node("Cast", there, to=TensorProto.DOUBLE)


def _scaled(builder: GraphBuilder, column: Input, *, is_image: bool) -> list[str]:
    """Standardised numbers and, if training had missing values, a feature that marks them."""
    x = column.name
    if column.channels_last:
        x = builder.node("Transpose", x, perm=[0, 3, 1, 2])
    if is_image:
        x = builder.node("Reshape", x, builder.constant([0, column.size], np.int64))
    gaps = _gaps(builder, x, column) if column.takes_gaps or is_image else None
    if gaps is not None:
        x = builder.node("Where", gaps, builder.constant([column.fill], np.float64), x)
    if any(column.mean):
        x = builder.node("Sub", x, builder.constant([column.mean], np.float64))
    if any(deviation != 1.0 for deviation in column.deviation):
        x = builder.node("Div", x, builder.constant([column.deviation], np.float64))
    if gaps is None or not column.gaps:
        return [x]
    noted = builder.node("Cast", gaps, to=TensorProto.DOUBLE)
    return [x, noted if column.size == 1 else builder.node("ReduceMax", noted, builder.constant([1], np.int64))]


def _gaps(builder: GraphBuilder, x: str, column: Input) -> str:
    """Where values are missing: NaN, and in a column of numbers or dates what stands for none."""
    gaps = builder.node("IsNaN", x)
    for number in sorted(column.gap_numbers) if column.size == 1 else ():
        gaps = builder.node("Or", gaps, builder.node("Equal", x, builder.constant(number, np.float64)))
    return gaps


# --- layers -----------------------------------------------------------------------------------------------------------


FUNCTIONS = {
    **{"add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "max": "Max", "min": "Min"},
    **{"exp": "Exp", "tanh": "Tanh", "erf": "Erf", "sigmoid": "Sigmoid", "softplus": "Softplus", "elu": "Elu"},
}
"""ONNX's operators for the functions of formulas."""


class OnnxFormulas(Formulas[str]):
    """Translates formulas to ONNX nodes; values are names."""

    def __init__(self, builder: GraphBuilder) -> None:
        self._builder = builder

    def constant(self, number: float) -> str:
        """The name of a constant."""
        return self._builder.constant(number)

    def call(self, function: str, *values: str) -> str:
        """The name of the operator's output."""
        return self._builder.node(FUNCTIONS[function], *values)


class _OnnxForwardPass(ForwardPass[str]):
    """The forward pass as ONNX nodes; values are names."""

    def __init__(self, builder: GraphBuilder, model: Model) -> None:
        super().__init__(model.spec, model.preprocessing.image)
        self._builder = builder
        self._arrays: Arrays = model.arrays

    def reshape(self, x: str, shape: tuple[int, ...]) -> str:
        return self._builder.node("Reshape", x, self._builder.constant([0, *shape], np.int64))

    def add(self, x: str, y: str) -> str:
        return self._builder.node("Add", x, y)

    def linear(self, index: int, x: str) -> str:
        return self._builder.node("Gemm", x, *self._of_layer(index), transB=1)

    def convolve(self, index: int, x: str, *, stride: int, padding: int) -> str:
        return self._builder.node("Conv", x, *self._of_layer(index), strides=[stride] * 2, pads=[padding] * 4)

    def batch_norm(self, index: int, z: str) -> str:
        statistics = (
            self._array(f"norms.{index}.{name}") for name in ("weight", "bias", "running_mean", "running_var")
        )
        return self._builder.node("BatchNormalization", z, *statistics, epsilon=EPSILON)

    def layer_norm(self, index: int, z: str) -> str:
        builder, channels = self._builder, self._arrays[f"norms.{index}.weight"]
        dimensions = self._arrays[f"layers.{index}.weight"].ndim
        over = builder.constant(np.arange(1, dimensions), np.int64)
        centered = builder.node("Sub", z, builder.node("ReduceMean", z, over))
        variance = builder.node("ReduceMean", builder.node("Mul", centered, centered), over)
        deviation = builder.node("Sqrt", builder.node("Add", variance, builder.constant(EPSILON)))
        shape = (len(channels), *([1] * (dimensions - 2)))
        weight, bias = (self._array(f"norms.{index}.{name}", shape) for name in ("weight", "bias"))
        return builder.node("Add", builder.node("Mul", builder.node("Div", centered, deviation), weight), bias)

    def activate(self, kind: Activation, z: str) -> str:
        return OnnxFormulas(self._builder).value(kind.formula, z)

    def pool(self, x: str, *, maximum: bool) -> str:
        kind = "MaxPool" if maximum else "AveragePool"
        return self._builder.node(kind, x, kernel_shape=[2, 2], strides=[2, 2])

    def _of_layer(self, index: int) -> list[str]:
        names = (f"layers.{index}.weight", f"layers.{index}.bias")
        return [self._array(name) for name in names if name in self._arrays]

    def _array(self, name: str, shape: tuple[int, ...] | None = None) -> str:
        array = self._arrays[name]
        return self._builder.constant(array.reshape(shape or array.shape), name=name)


# --- outputs ----------------------------------------------------------------------------------------------------------


def _outputs(builder: GraphBuilder, model: Model, z: str) -> list[ValueInfoProto]:
    """The graph's outputs, from the output layer's weighted sums."""
    target, outputs = model.preprocessing.output, _network_outputs(builder, model, z)
    if target.type is Targets.numbers:
        return [_numbers(builder, target, outputs)]
    index = _predicted_class(builder, model, outputs)
    label = builder.node("Gather", builder.constant(target.labels, np.object_), index)
    declared = [_declared(builder, label, TensorProto.STRING, [ROWS], "prediction")]
    if (probabilities := _probabilities(builder, model.spec.loss.traits.link, outputs)) is not None:
        shape: list[int | str] = [ROWS, len(target.labels)]
        probabilities = builder.node("Cast", probabilities, to=TensorProto.DOUBLE)
        declared.append(_declared(builder, probabilities, TensorProto.DOUBLE, shape, "probabilities"))
    return declared


def _declared(builder: GraphBuilder, value: str, kind: int, shape: list[int | str], name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(builder.node("Identity", value, name=name), kind, shape)


def _answer(builder: GraphBuilder, model: Model, z: str) -> str:
    """What `model.ensemble.answers` says: probabilities, 1 for the predicted class, or numbers; as doubles."""
    target, outputs = model.preprocessing.output, _network_outputs(builder, model, z)
    if target.type is Targets.numbers:
        return _in_units(builder, target, outputs)
    answer = _probabilities(builder, model.spec.loss.traits.link, outputs)
    if answer is None:
        index = builder.node("Unsqueeze", _predicted_class(builder, model, outputs), builder.constant([1], np.int64))
        answer = builder.node("Equal", index, builder.constant([np.arange(len(target.labels))], np.int64))
    return builder.node("Cast", answer, to=TensorProto.DOUBLE)


def _numbers(builder: GraphBuilder, target: Output, outputs: str) -> ValueInfoProto:
    """Predicted numbers in the target's units."""
    return _of_outputs(builder, target, _in_units(builder, target, outputs))


def _in_units(builder: GraphBuilder, target: Output, outputs: str) -> str:
    """The network's numbers in the target's units, as doubles: [rows, outputs]."""
    values = builder.node("Cast", outputs, to=TensorProto.DOUBLE)
    values = builder.node("Mul", values, builder.constant([target.deviation], np.float64))
    return builder.node("Add", values, builder.constant([target.mean], np.float64))


def _of_outputs(builder: GraphBuilder, target: Output, values: str) -> ValueInfoProto:
    """The output of predicted numbers: [rows], or [rows, outputs] if there are several."""
    several = [target.outputs] if target.outputs > 1 else []
    values = builder.node("Reshape", values, builder.constant([-1, *several], np.int64))
    shape: list[int | str] = [ROWS, *several]
    return _declared(builder, values, TensorProto.DOUBLE, shape, "prediction")


def _network_outputs(builder: GraphBuilder, model: Model, z: str) -> str:
    """The network's outputs, as in `Model.outputs`."""
    spec = model.spec
    if not spec.loss.traits.takes_logits:
        outer = spec.computed_output_activation
        return z if outer is None else OnnxFormulas(builder).value(outer.formula, z)
    by_class = model.preprocessing.output.type is Targets.classes
    return z if by_class else OnnxFormulas(builder).value(LINKS[spec.loss.traits.link], z)


def _predicted_class(builder: GraphBuilder, model: Model, outputs: str) -> str:
    """The index of the predicted class, as in `Model.predicted_class`."""
    assert model.spec.info is not None  # noqa: S101 - it was trained
    if output_units(model.spec.loss, model.spec.info) > 1:
        return builder.node("ArgMax", outputs, axis=1, keepdims=0)
    threshold = builder.constant(model.spec.loss.traits.threshold)
    second = builder.node("Cast", builder.node("Greater", outputs, threshold), to=TensorProto.INT64)
    return builder.node("Reshape", second, builder.constant([-1], np.int64))


def _probabilities(builder: GraphBuilder, link: Link, outputs: str) -> str | None:
    """Class probabilities, as in `Model.probabilities`."""
    if link is Link.softmax:
        return builder.node("Softmax", outputs, axis=1)
    if link is Link.sigmoid:
        others = builder.node("Sigmoid", builder.node("Neg", outputs))
        return builder.node("Concat", others, builder.node("Sigmoid", outputs), axis=1)
    return None
