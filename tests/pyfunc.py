"""MLflow's own loader of models, as a user has it."""

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import warns of types of its own
    from mlflow.pyfunc import load_model


def load(uri: str) -> Any:
    """The model at a URI, or in a folder."""
    return load_model(uri)
