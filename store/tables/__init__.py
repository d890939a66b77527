"""The tables of the record. Only `store` writes them."""

from .access import Audit, Membership, Project, Token, User
from .base import Base
from .curves import CurveChunk, Mirror
from .datasets import Dataset, DeletedDataset, Upload, UploadPiece
from .files import Artifact, Checkpoint, FileStore
from .jobs import DATASET, BestMetric, DeletedJob, Idempotency, Job, JobEvent
from .leases import Attempt, Lease, RecentUse
from .sweeps import Generation, Sweep, Trial
from .tally import Tally
from .webhooks import Delivery, Webhook
from .workers import Worker

__all__ = [
    "DATASET",
    "Artifact",
    "Attempt",
    "Audit",
    "Base",
    "BestMetric",
    "Checkpoint",
    "CurveChunk",
    "Dataset",
    "DeletedDataset",
    "DeletedJob",
    "Delivery",
    "FileStore",
    "Generation",
    "Idempotency",
    "Job",
    "JobEvent",
    "Lease",
    "Membership",
    "Mirror",
    "Project",
    "RecentUse",
    "Sweep",
    "Tally",
    "Token",
    "Trial",
    "Upload",
    "UploadPiece",
    "User",
    "Webhook",
    "Worker",
]
