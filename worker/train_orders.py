"""The orders to train: jobs with their checkpoints, their data and what they begin from."""

import logging
from collections.abc import Callable, Collection, Sequence

from spec.halving import BracketOrder
from spec.job import JobSpec
from spec.states import FailureReason
from store.errors import StoreError

from .checkpointing import Checkpointing
from .claimed_pack import ClaimedJob, ClaimedPack
from .dataset_cache import DatasetCache
from .errors import NotNowError, StartError, TableError
from .messages import Job, Train
from .outcomes import OutcomeWriter
from .trainer_process import Trainer
from .warm_starts import WarmStarts

log = logging.getLogger(__name__)


class TrainOrders:
    """Sends jobs to a trainer. `limit` is how many members a pack of jobs like one may have."""

    def __init__(
        self,
        datasets: DatasetCache,
        starts: WarmStarts,
        checkpoints: Checkpointing,
        outcomes: OutcomeWriter,
        limit: Callable[[JobSpec], int],
    ) -> None:
        self._datasets, self._starts, self._checkpoints = datasets, starts, checkpoints
        self._outcomes, self._limit = outcomes, limit

    def send(
        self,
        trainer: Trainer,
        pack: ClaimedPack,
        members: Collection[ClaimedJob],
        head: JobSpec,
        orders: Sequence[BracketOrder] = (),
    ) -> None:
        """Send these jobs to the trainer; those whose data or first model is gone fail; without space, they wait."""
        try:
            table = self._datasets.path(head.dataset)  # one for all: the data set is part of the pack key
            jobs = tuple(
                Job(
                    id=one.id,
                    spec=one.spec,
                    checkpoints=self._checkpoints.stage(one, trainer.folder),
                    table=table,
                    trial=one.claim.trial,
                    start=self._starts.files(one.spec),
                )
                for one in members
            )
        except (TableError, StartError) as error:
            log.error("%d jobs cannot train: %s", len(members), error)
            for member in members:
                self._outcomes.failed(pack, member, FailureReason.bad_data, str(error))
        except NotNowError as error:
            self._outcomes.not_now(pack, [member.id for member in members], str(error))
        except StoreError as error:
            log.warning("%d jobs cannot be sent: %s", len(members), error)
            self._outcomes.requeued(pack, [member.id for member in members], "the record did not answer")
        else:
            shapes = {member.spec.pack_key: member.spec for member in members} if orders else {}
            limits = {key: self._limit(spec) for key, spec in shapes.items()}
            trainer.send(Train(jobs=jobs, limit=self._limit(head), limits=limits, brackets=tuple(orders)))
