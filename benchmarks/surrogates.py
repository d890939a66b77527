"""Made landscapes of hyper-parameters: what a configuration's curve would be, for the price of a formula.

*MFHartmann*: Hartmann's functions of 3 and 6 numbers (Dixon and Szegö 1978), flattened and made noisy at low fidelity
as in mf-prior-bench (Mallik et al. 2023, `MFHartmannGenerator`): the weights of the four peaks are less by
bias x (1 - z), and |N(0, 1)| x noise x (1 - z) is added, with z = log(epoch) / log(epochs).

*LCBench*: the surrogate that YAHPO Gym (Pfisterer et al. 2022) has fitted to 2,000 networks on each of 34 data sets
(Zimmer et al. 2021). Its ONNX file is not in this repository.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Values = Mapping[str, float]
Space = Mapping[str, Mapping[str, Any]]

LCBENCH = "LCBENCH"
"""Environment variable with the folder of the surrogate's files."""
EPOCHS = 81
"""Epochs of a job on a made landscape, unless it is said."""
SAMPLED = 20_000
"""Random configurations, the best of which stands for the optimum that nobody knows."""

_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A3 = np.array([[3.0, 10, 30], [0.1, 10, 35], [3.0, 10, 30], [0.1, 10, 35]])
_P3 = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])
_A6 = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P6 = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


class Surrogate(Protocol):
    """A space, and the scores of its configurations after each epoch; less is better."""

    name: str
    space: Space
    """Parameters as a sweep has them."""
    epochs: int
    optimum: float

    def curves(self, configurations: Sequence[Values], random: np.random.Generator) -> Array:
        """Give an array [configurations, epochs]."""
        ...


class MfHartmann:
    """Hartmann's function of `size` numbers in [0, 1], with that bias and noise at low fidelity."""

    def __init__(self, size: int, quality: str, bias: float, noise: float, epochs: int = EPOCHS) -> None:
        self.name = f"MFHartmann{size}, {quality}"
        self.space: Space = {f"x{at}": {"uniform": (0.0, 1.0)} for at in range(size)}
        self.epochs = epochs
        self.optimum = {3: -3.86278, 6: -3.32237}[size]
        self._peaks, self._places = {3: (_A3, _P3), 6: (_A6, _P6)}[size]
        self._bias, self._noise = bias, noise

    def curves(self, configurations: Sequence[Values], random: np.random.Generator) -> Array:
        """Give an array [configurations, epochs]."""
        x = np.array([[one[name] for name in self.space] for one in configurations])
        bumps = np.exp(-(self._peaks * (x[:, None, :] - self._places) ** 2).sum(axis=2))
        below = 1.0 - np.log(np.arange(1, self.epochs + 1)) / math.log(self.epochs)
        alpha = _ALPHA[:, None] - self._bias * below
        values = -(bumps @ alpha) + np.abs(random.standard_normal((len(x), self.epochs))) * self._noise * below
        return np.asarray(values)


class LcBench:
    """One of LCBench's data sets: 100 less the validation accuracy, in percent."""

    _INPUTS = (
        "epoch",
        "batch_size",
        "learning_rate",
        "momentum",
        "weight_decay",
        "num_layers",
        "max_units",
        "max_dropout",
    )
    _ACCURACY = 1
    """The place of the validation accuracy among the outputs."""

    def __init__(self, folder: Path, task: str) -> None:
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = 1
        self._session = InferenceSession(folder / "model.onnx", options)
        self._task = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"][task]
        listed = json.loads((folder / "config_space.json").read_text())["hyperparameters"]
        limits = {one["name"]: one for one in listed if one["name"] in self._INPUTS}
        self.name = f"LCBench {task}"
        self.epochs = int(limits["epoch"]["upper"])
        self.space: Space = {name: _parameter(limits[name]) for name in self._INPUTS[1:]}
        self.optimum = -math.inf  # that of `curves` needs the space
        self.optimum = self._best_of_many()

    def curves(self, configurations: Sequence[Values], random: np.random.Generator) -> Array:
        """Give an array [configurations, epochs]."""
        fixed = np.array([[one[name] for name in self._INPUTS[1:]] for one in configurations], dtype=np.float32)
        epochs = np.tile(np.arange(1, self.epochs + 1, dtype=np.float32), len(fixed))
        inputs = np.column_stack([epochs, np.repeat(fixed, self.epochs, axis=0)])
        tasks = np.full((len(inputs), 1), self._task, dtype=np.int32)
        [outputs] = self._session.run(None, {"x_cat": tasks, "x_cont": inputs})
        return np.asarray(100.0 - outputs[:, self._ACCURACY].astype(np.float64).reshape(len(fixed), self.epochs))

    def _best_of_many(self) -> float:
        random = np.random.default_rng(0)
        names = list(self.space)
        places = random.random((SAMPLED, len(names)))
        some = [{name: _at(self.space[name], place) for name, place in zip(names, row, strict=True)} for row in places]
        return min(float(self.curves(some[at : at + 500], random).min()) for at in range(0, SAMPLED, 500))


def _parameter(limits: Mapping[str, Any]) -> dict[str, Any]:
    pair = limits["lower"], limits["upper"]
    if limits["type"] == "uniform_int":
        return {"integers": pair, "log": limits["log"]}
    return {"log_uniform" if limits["log"] else "uniform": pair}


def _at(parameter: Mapping[str, Any], place: float) -> float:
    """The value at a place in [0, 1)."""
    [(least, most)] = [value for value in parameter.values() if not isinstance(value, bool)]
    if "log_uniform" in parameter or parameter.get("log"):
        value = math.exp(math.log(least) + place * (math.log(most) - math.log(least)))
    else:
        value = least + place * (most - least)
    return round(value) if "integers" in parameter else value


def surrogates(tasks: Sequence[str], epochs: int = EPOCHS) -> list[Surrogate]:
    """MFHartmann of so many epochs, good and bad; and LCBench's tasks, if the environment says where its files are."""
    made: list[Surrogate] = [
        MfHartmann(3, "good", 2.5, 2.0, epochs),
        MfHartmann(3, "bad", 3.5, 4.0, epochs),
        MfHartmann(6, "good", 2.5, 2.0, epochs),
        MfHartmann(6, "bad", 3.5, 4.0, epochs),
    ]
    if folder := os.environ.get(LCBENCH):
        made += [LcBench(Path(folder), task) for task in tasks]
    return made
