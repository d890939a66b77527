"""The experiments of projects in MLflow."""

import logging
from collections.abc import Set

from .links import Links
from .mlflow import Experiment, Mlflow, MlflowError, MlflowUnreachableError
from .views import new_tags

log = logging.getLogger(__name__)


class Experiments:
    """Finds or makes the experiment of each project, once. Threads may ask, one may look up."""

    def __init__(self, mlflow: Mlflow, links: Links) -> None:
        self._mlflow, self._links = mlflow, links
        self._ids: dict[str, str] = {}
        self._doubted: set[str] = set()

    def doubt(self, project: str) -> None:
        """Look the experiment up again before more is sent: a job failed, perhaps because somebody deleted it."""
        self._doubted.add(project)

    def forget(self) -> None:
        """Look all of them up again: MLflow's database is another one, in which other experiments have their ids."""
        self._ids.clear()

    def look_up(self, projects: Set[str]) -> None:
        """Look up the experiment of each project that is not known or in doubt, or create it.

        Raises `MlflowUnreachableError`.
        """
        for project in self._doubted:
            self._ids.pop(project, None)
        self._doubted.clear()
        for project in sorted(projects - self._ids.keys()):
            try:
                experiment = self._mlflow.experiment(project)
                self._tag(experiment)
                self._ids[project] = experiment.id
            except MlflowUnreachableError:
                raise
            except MlflowError as error:
                log.debug("no experiment %s: %s", project, error)  # a warning follows for each of its jobs

    def id_of(self, project: str) -> str:
        """The experiment of a project, which was looked up."""
        if (experiment_id := self._ids.get(project)) is None:
            raise MlflowError(f"there is no experiment for the project {project}, and none could be created")
        return experiment_id

    def _tag(self, experiment: Experiment) -> None:
        """Give an experiment its saved view and its note, as far as it lacks them; runs do not wait for that."""
        try:
            for key, value in new_tags(experiment, self._links).items():
                self._mlflow.tag_experiment(experiment.id, key, value)
        except MlflowUnreachableError:
            raise
        except MlflowError as error:
            log.warning("the experiment %s has no saved view or no note: %s", experiment.name, error)
