"""TrainingQueue: quotas of teams from the capacity of pools, and an intake that turns messages into their jobs."""

from mlplatform.training_queue.args import (
    BorrowWithinCohort,
    FlavorSearch,
    QueueDestination,
    QueueDispatcher,
    QueueFlavorFungibility,
    QueueingStrategy,
    QueueIntake,
    QueuePreemption,
    QueueSubmitter,
    QueueTeam,
    QueueTopology,
    ReclaimWithinCohort,
    StopPolicy,
    TrainingQueueArgs,
    TrainingQueueSettings,
    WithinClusterQueue,
)
from mlplatform.training_queue.component import TrainingQueue

__all__ = [
    "BorrowWithinCohort",
    "FlavorSearch",
    "QueueDestination",
    "QueueDispatcher",
    "QueueFlavorFungibility",
    "QueueIntake",
    "QueuePreemption",
    "QueueSubmitter",
    "QueueTeam",
    "QueueTopology",
    "QueueingStrategy",
    "ReclaimWithinCohort",
    "StopPolicy",
    "TrainingQueue",
    "TrainingQueueArgs",
    "TrainingQueueSettings",
    "WithinClusterQueue",
]
