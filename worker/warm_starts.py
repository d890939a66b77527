"""The models that jobs begin from, as files on this machine."""

from functools import lru_cache
from pathlib import Path

from model import OPTIMIZER, PREPROCESSING, WEIGHTS
from spec.disk import reason
from spec.job import JobSpec
from spec.warm_start import keeps_optimizer
from store.artifacts import ArtifactStore
from store.files import Files, may_pass

from .errors import NotNowError, StartError
from .file_cache import FileCache
from .messages import StartFiles

KEPT = 8
"""Copies of each kind of file that are kept, the ones used last."""


class WarmStarts:
    """Keeps models where a trainer can read them."""

    def __init__(self, files: Files, artifacts: ArtifactStore, folder: Path | None = None) -> None:
        self._model = lru_cache(maxsize=KEPT)(artifacts.finished_model)  # a job that has succeeded does not change
        self._cache = FileCache(files, "models", kept=2 * KEPT, folder=folder)

    def files(self, spec: JobSpec) -> StartFiles | None:
        """The files of the model that a job like `spec` begins from; None if it begins from none.

        Raises `StartError`, `NotNowError` when the disk is full or the file store is away, and `StoreError`.
        """
        if spec.init_from is None:
            return None
        model = self._model(spec.init_from)
        wanted = [WEIGHTS, PREPROCESSING]
        if model is not None and keeps_optimizer(spec, model.spec):
            wanted.append(OPTIMIZER)
        if model is None or not model.files.keys() >= set(wanted):
            raise StartError(f"init_from: the job {spec.init_from} has no model any more: choose another job.")
        try:
            found = [self._cache.path(model.files[name].uri, model.files[name].sha256) for name in wanted]
        except FileNotFoundError as error:
            gone = "is no longer in the file store: train that job again"
            raise StartError(f"init_from: the model of the job {spec.init_from} {gone}.") from error
        except OSError as error:
            if may_pass(error):
                raise NotNowError(f"{reason(error)}: the model that it begins from could not be copied") from error
            raise StartError(f"init_from: its model could not be fetched: {reason(error)}.") from error
        return StartFiles(weights=found[0], preprocessing=found[1], optimizer=found[2] if len(found) > 2 else None)
