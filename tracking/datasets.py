"""A job's data set as the input of its MLflow run."""

import hashlib
import json
from dataclasses import dataclass

from spec.dataset import Inline, Uploaded
from spec.job import JobSpec

from .links import Links

DIGEST = 8
"""Characters of a digest, as MLflow's own have: its page shows them beside the name."""


@dataclass(frozen=True)
class Dataset:
    """A data set as MLflow keeps it. Runs of an experiment with the same name and digest share it."""

    name: str
    digest: str
    source_type: str
    source: str
    """JSON."""
    profile: str
    """JSON: what is known of its size."""


def dataset_of(spec: JobSpec, links: Links) -> Dataset:
    """The data set of a job: its name or id, a digest of its content, where it comes from, its size.

    MLflow makes a link of the source type `http`; the other is ours, and holds what the spec says of the data set.
    """
    asked = spec.dataset
    digest = hashlib.sha256(asked.model_dump_json().encode()).hexdigest()
    source_type, source = "epochal", {}
    if isinstance(asked, Inline):
        name = "inline"
    elif isinstance(asked, Uploaded):
        name, digest = asked.id, asked.sha256 or digest
        source = {"id": asked.id}
        if url := links.dataset(asked.id):
            source_type, source = "http", {"url": url}
    else:
        name, source = asked.name, asked.model_dump(mode="json")
    profile = {}
    if (info := spec.info) is not None:
        profile = {"num_rows": info.rows, "num_elements": info.rows * info.features}
        profile |= info.model_dump(mode="json", exclude={"rows", "groups", "timed"}, exclude_none=True)
    return Dataset(name, digest[:DIGEST], source_type, json.dumps(source), json.dumps(profile))
