"""The jobs that other jobs begin from: looked up, and compared, when a job is submitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from model import PREPROCESSING
from spec.base import fault
from spec.classes import class_labels
from spec.dataset import DatasetInfo, Shipped, Targets, Uploaded
from spec.field_error import FieldError
from spec.job import JobSpec
from spec.schema import Schema, plain_schema
from spec.validation_errors import sentences
from spec.warm_start import check_network, check_shapes, keeps_optimizer
from store.access import Asker
from store.datasets import DatasetStore
from store.errors import IllegalTransitionError, JobNotFoundError
from store.files import Files
from store.jobs import JobStore

from .errors import BadFieldsError, NotFoundError
from .models import LoadedModels

if TYPE_CHECKING:
    from model.preprocessing import Preprocessing


@dataclass(frozen=True)
class Base:
    """A finished job that another begins from."""

    spec: JobSpec
    preprocessing: "Preprocessing"


@dataclass(frozen=True)
class WarmStarts:
    """The record of jobs and data sets, and the models of jobs."""

    jobs: JobStore
    datasets: DatasetStore
    models: LoadedModels
    files: Files

    def resolve(self, specs: Sequence[JobSpec], paths: Sequence[str], *, sees: Asker) -> list[JobSpec]:
        """The specs, with the features of the networks that they begin from. Raises `BadFieldsError`.

        `paths` say where each spec stands in the request; `sees` is what its sender sees.
        """
        base_of, schema_of = cache(lambda job_id: self._base(job_id, sees)), cache(self._schema)
        found, faults = list[JobSpec](), list[FieldError]()
        for spec, path in zip(specs, paths, strict=True):
            try:
                if spec.init_from is not None:
                    base = base_of(spec.init_from)
                    columns = schema_of(spec.dataset.id) if isinstance(spec.dataset, Uploaded) else None
                    found.append(_fitted(spec, base, columns))
                else:
                    found.append(spec)
            except PydanticCustomError as error:
                faults.append(FieldError(path=path + (error.context or {})["path"], message=error.message()))
            except ValidationError as error:
                faults += [one.below(path) for one in sentences(error, spec.model_dump(mode="json"))]
        if faults:
            raise BadFieldsError(faults)
        return found

    def warnings(self, specs: Sequence[JobSpec]) -> list[str]:
        """Of which jobs the optimizer begins anew, though their network does not."""
        base_spec = cache(lambda job_id: self.jobs.get(job_id, owner=None).spec)
        said = dict[str, None]()
        for spec in specs:
            if spec.init_from is not None and not keeps_optimizer(spec, base := base_spec(spec.init_from)):
                why = "is of another kind" if base.keep_optimizer else "was not kept (keep_optimizer)"
                said[f"The optimizer begins anew: that of job {spec.init_from} {why}."] = None
        return list(said)

    def _base(self, job_id: str, sees: Asker) -> Base:
        """The job, if it has a model and its asker sees it. Raises the error of the field `init_from`."""
        try:
            job = self.jobs.get(job_id, owner=sees)
            content = self.files.get(self.models.parts(job)[PREPROCESSING].uri)
        except JobNotFoundError as error:
            raise fault("init_from", "is none of your jobs: list the jobs to see which there are") from error
        except IllegalTransitionError as error:
            message = f"must be a job that has succeeded; this one is {error.status}, and has no model"
            raise fault("init_from", message) from error
        except (NotFoundError, FileNotFoundError) as error:
            raise fault("init_from", "has no model that can be used: train that job again") from error
        from model.preprocessing import Preprocessing  # NumPy is imported with the first model

        return Base(job.spec, Preprocessing.model_validate_json(content))

    def _schema(self, dataset_id: str) -> Schema:
        return self.datasets.get(dataset_id, owner=None).table


def _fitted(spec: JobSpec, base: Base, columns: Schema | None) -> JobSpec:
    """The job, whose columns become the base's features. Raises the error of the first field that does not fit."""
    from model.warm_start import difference

    check_network(spec, base.spec)
    info, base_info = spec.info, base.spec.info
    if info is None or base_info is None:
        raise fault("dataset", "is not known")
    if isinstance(spec.dataset, Shipped) and spec.dataset != base.spec.dataset:
        raise fault("init_from", "was trained on another data set, and so on other columns")
    schema = columns or _built_in_schema(spec, info, base.preprocessing)
    if (reason := difference(base.preprocessing, schema, by_channel=spec.augmentation.acts)) is not None:
        raise fault("init_from", reason)
    if isinstance(spec.dataset, Uploaded) and info.features != base_info.features:
        features = info.model_copy(update={"features": base_info.features})
        spec = spec.on(spec.dataset.model_copy(update={"info": features}))
    check_shapes(spec, spec.info or info, base.spec, base_info)
    return spec


def _built_in_schema(spec: JobSpec, info: DatasetInfo, learned: "Preprocessing") -> Schema:
    """The columns of data that were not uploaded; those of a real data set are known from the job before."""
    if isinstance(spec.dataset, Shipped):
        return Schema(columns=learned.inputs, target=learned.output, image=learned.image)
    return plain_schema(info, class_labels(spec.dataset) if info.targets is Targets.classes else ())
