"""The steps that run a team's own image: what runs, what it has, and how long it may take."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Optional, Self

from pydantic import model_validator

from mlplatform.contracts import pipeline
from mlplatform.core.args import Args, In, at_least, between, checked, matching
from mlplatform.core.identifiers import IMAGE, QUANTITY
from mlplatform.training_pipeline.search_args import PipelineObjective, PipelineSearch

REGION = "AWS_DEFAULT_REGION"
RESERVED = frozenset(
    {
        *(artifact.variable for artifact in (*pipeline.ARTIFACTS.values(), pipeline.CHAMPION)),
        *(pipeline.RUN, pipeline.PARAMETERS, pipeline.CONFIG, pipeline.DATA_VARIABLE, REGION),
    }
)
"""Variables that the pipeline sets."""
MOST_NODES = 512
WEEK_MINUTES = 7 * 24 * 60

REPOSITORY = matching(
    r"(https://[^\s@?#]+|git@[^\s@?#]+|ssh://[^\s?#]+)",
    "the address of a repository without a password, such as https://github.com/example/fraud",
)
COMMIT = matching(r"[0-9a-f]{7,64}", "the hash of a commit, such as 3f786850e387550fdab836ed7e6dc881de23001b")


def _command(parts: Sequence[In[str]]) -> Sequence[In[str]]:
    if not parts:
        raise ValueError("got none; allowed are one or more words; name the program, such as [python, -m, fraud]")
    return parts


def _environment(values: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in values:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"got {name!r}; allowed are letters, digits and _, such as LOG_LEVEL; correct it")
        if name in RESERVED:
            raise ValueError(f"got {name!r}, which the pipeline sets; allowed are other names; take it out")
    return values


class PipelineStep(Args):
    """One step of a team's own image."""

    image: Optional[In[str]] = None
    """Image of this step, by digest; that of all steps by default."""
    command: Optional[Sequence[In[str]]] = None
    """Command of this step, to which its name is added as the last argument; that of all steps by default."""
    environment: Optional[Mapping[str, In[str]]] = {}
    """Further environment variables; none by default. No secrets: they would lie in Pulumi's state."""
    cpu: Optional[In[str]] = "1"
    """CPU that the step asks for; 1 by default. It may use more where there is some."""
    memory: Optional[In[str]] = "4Gi"
    """Memory that the step gets and may not exceed; 4Gi by default."""
    disk: Optional[In[str]] = "20Gi"
    """Disk for what the step reads and leaves, which it may not exceed; 20Gi by default."""
    gpus: Optional[int] = 0
    """GPUs, or shares of them, of `pool`; none by default."""
    shared_memory: Optional[In[str]] = "2Gi"
    """Shared memory of a step with GPUs, a part of its memory; 2Gi by default, for processes that load data."""
    pool: Optional[str] = None
    """Node pool of a queue that the step runs on; by default any node without a taint that the queue admits it to."""
    timeout_minutes: Optional[In[int]] = 60
    """Minutes after which an attempt is ended, 1 to 10080, counted from its start on a node; 60 by default."""
    retries: Optional[int] = 2
    """How often the step is tried again when it failed by itself, 0 to 10; 2 by default. Pods that were taken away
    for others are tried again up to ten times, whatever this says."""
    read_only: Optional[bool] = True
    """Whether the root file system is read-only, so that the step writes to what it leaves and to /tmp only; on by
    default. Off is for images that are known to write elsewhere."""

    _image = checked(IMAGE, "image")
    _command = checked(_command, "command")
    _environment = checked(_environment, "environment")
    _quantities = checked(QUANTITY, "cpu", "memory", "disk", "shared_memory")
    _gpus = checked(at_least(0, "GPUs"), "gpus")
    _timeout = checked(between(1, WEEK_MINUTES, "minutes"), "timeout_minutes")
    _retries = checked(between(0, 10, "retries"), "retries")


class PipelineRuntime(StrEnum):
    """How the pods of distributed training find each other, by Kubeflow Trainer."""

    PYTORCH = "pytorch"
    """torchrun: every node runs the command, with torchrun's variables."""
    MPI = "mpi"
    """Open MPI: the command runs once, beside `mpirun`, which reaches the nodes by SSH. The image has `sshd` and the
    user's `.sshd_config`, as those of Kubeflow Trainer have."""


class PipelineDistribution(Args):
    """Training on several nodes: a TrainJob (trainer.kubeflow.org) a trial, which the queue admits as one."""

    runtime: PipelineRuntime
    """How its pods find each other."""
    nodes: int
    """Nodes, 1 to 512, each with the CPU, memory, disk and GPUs of the step."""
    processes: Optional[int] = 1
    """Processes on a node, for `mpi`, at least 1; 1 by default. torchrun counts its own by the GPUs."""
    user: Optional[In[int]] = 1000
    """User id of the pods, at least 1; 1000 by default, the user of Kubeflow Trainer's own images."""
    home: Optional[In[str]] = "/home/mpiuser"
    """Home of that user, for `mpi`, where SSH's keys and configuration are; /home/mpiuser by default, as in Kubeflow
    Trainer's own images."""

    _nodes = checked(between(1, MOST_NODES, "nodes"), "nodes")
    _processes = checked(at_least(1, "processes"), "processes")
    _user = checked(between(1, 2**31 - 1, "as a user id, since 0 is root"), "user")
    _home = checked(matching(r"/[\w./-]*[\w-]", "a path from the root without a last slash, such as /home/mpi"), "home")


class PipelineTraining(PipelineStep):
    """The step `train`, once a trial."""

    distributed: Optional[PipelineDistribution] = None
    """Training on several nodes; on one, in a pod of its own, by default. The step's variables then hold addresses in
    S3, and the step reads and writes there by itself."""

    @model_validator(mode="after")
    def _of_one_pod(self) -> Self:
        if self.distributed and self.distributed.runtime is PipelineRuntime.PYTORCH:
            given = [name for name in ("processes", "home") if name in self.distributed.model_fields_set]
            if given:
                raise ValueError(
                    f"distributed.{given[0]} and runtime pytorch: only mpi has it; take it out, or set runtime to mpi"
                )
        return self


class PipelineJobs(Args):
    """The jobs between the steps, in the runtime's image: they suggest trials, select the best and register it."""

    memory: Optional[In[str]] = "1Gi"
    """Memory of a job, which it may not exceed; 1Gi by default."""
    disk: Optional[In[str]] = "10Gi"
    """Disk of a job, which it may not exceed; 10Gi by default. The last of them holds the model, to register it."""
    pool: Optional[str] = None
    """Node pool of a queue that they run on; by default any node without a taint that the queue admits them to."""
    timeout_minutes: Optional[In[int]] = 30
    """Minutes after which an attempt is ended, 1 to 10080; 30 by default."""

    _quantities = checked(QUANTITY, "memory", "disk")
    _timeout = checked(between(1, WEEK_MINUTES, "minutes"), "timeout_minutes")


class PipelineCode(Args):
    """The code of the image, for the provenance of every version."""

    repository: In[str]
    """Address of its repository."""
    commit: Optional[In[str]] = None
    """Commit that the image was made of; unknown by default, and then only the image's digest says what ran."""

    _repository = checked(REPOSITORY, "repository")
    _commit = checked(COMMIT, "commit")


class PipelineSteps(Args):
    """A pipeline of a team's own image: prepare, features, trials, evaluate, and the jobs between them."""

    image: In[str]
    """Image of the steps, by digest."""
    command: Sequence[In[str]]
    """Command of the steps, to which the name of each is added as the last argument, such as [python, -m, fraud].
    Required: Argo would look it up in the registry, which needs a right to it."""
    code: PipelineCode
    """The code of the image."""
    objective: PipelineObjective
    """What makes a model the best."""
    search: Optional[PipelineSearch] = PipelineSearch()
    """How parameters are searched."""
    prepare: Optional[PipelineStep] = PipelineStep()
    """Reads the data."""
    features: Optional[PipelineStep] = PipelineStep()
    """Makes features of them."""
    train: Optional[PipelineTraining] = PipelineTraining()
    """Trains a model, once a trial."""
    evaluate: Optional[PipelineStep] = PipelineStep()
    """Holds the best model against the one that serves."""
    jobs: Optional[PipelineJobs] = PipelineJobs()
    """The jobs between the steps."""

    _image = checked(IMAGE, "image")
    _command = checked(_command, "command")

    @property
    def named(self) -> Mapping[str, PipelineStep]:
        """The steps by name, in their order."""
        given = {name: getattr(self, name) for name in pipeline.STEPS}
        return {name: step for name, step in given.items() if step is not None}

    @property
    def pools(self) -> Mapping[str, Optional[str]]:
        """The pool of each step and of the jobs, by their field."""
        return {**{name: step.pool for name, step in self.named.items()}, "jobs": self.jobs.pool if self.jobs else None}
