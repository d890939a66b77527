"""The Python client: `Client` with handles for people, `Api` with records for programs."""

from .api import Api
from .client import Client
from .curve import Curve
from .dataset import Dataset
from .job import Job
from .predictions import Predictions
from .specs import parse, parse_many
from .sweep import Sweep
from .transport import Update

__all__ = ["Api", "Client", "Curve", "Dataset", "Job", "Predictions", "Sweep", "Update", "parse", "parse_many"]
