"""The example of CONTRIBUTING.md that adds an activation can be carried out in a copy of the code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import PATIENCE

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[3]
PACKAGES = ("spec", "model", "trainer")

USE_IT = """
import re

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import nn

from model.finished import Model
from model.graph import graph
from model.readme import readme
from spec.job import JobSpec
from trainer.callbacks import NullCallbacks
from trainer.fit import fit
from trainer.member import Entry

outcomes = []


class Keep(NullCallbacks):
    def on_member_end(self, outcome):
        outcomes.append(outcome)


def trained(activation):
    spec = JobSpec.model_validate(
        {"dataset": "diabetes", "loss": "mse", "architecture": {"type": "mlp", "hidden": [8]}, "activation": activation,
         "epochs": 3, "learning_rate": 0.05}
    )
    fit([Entry(activation, spec)], Keep(), device=torch.device("cpu"), limit=1)
    done = outcomes.pop()
    assert done.end == "succeeded", done.message
    return Model(spec, done.preprocessing, {name: array.numpy() for name, array in done.model.items()})


model = trained("tanhshrink")
rows = np.random.default_rng(1).normal(0.0, 0.05, (7, 10))
wanted = np.array(model.predict_numbers(rows, {}).predictions)
assert np.ptp(wanted) > 1.0, "the network learned nothing"

session = onnxruntime.InferenceSession(graph(model, "tanhshrink"))
feed = {one.name: rows[:, [place]] for place, one in enumerate(session.get_inputs())}
assert np.allclose(session.run(["prediction"], feed)[0], wanted, rtol=1e-5)

page = readme(model.spec, model.spec.info, "tanhshrink")
assert "F.tanhshrink(self.layers[0](x))" in page
code = re.search(r"class Net.*?(?=\\n\\n\\nnet)", page, re.DOTALL)[0]
scope = {"torch": torch, "nn": nn, "F": F}
exec(code, scope)
net = scope["Net"]()
net.load_state_dict({name: torch.from_numpy(array) for name, array in model.arrays.items()})
features = torch.from_numpy(model.preprocessing.features(rows)).float()
assert np.allclose(model.preprocessing.answers(net(features).detach().numpy())[:, 0], wanted, rtol=1e-5)
"""


def test_an_activation_is_added(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## Add an activation\n")[2]
    rows = dict(re.findall(r"^```python\n# (\S+)\n(.*?)^```", section.partition("\n## ")[0], re.MULTILINE | re.DOTALL))
    names = tmp_path / "spec" / "activations.py"
    names.write_text(names.read_text(encoding="utf-8") + rows["spec/activations.py"], encoding="utf-8")
    layers = tmp_path / "trainer" / "layers.py"
    table, last = layers.read_text(encoding="utf-8"), "    Activation.mish: "
    assert table.count(last) == 1
    layers.write_text(table.replace(last, rows["trainer/layers.py"] + last), encoding="utf-8")
    command = [sys.executable, "-W", "error", "-c", USE_IT]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
