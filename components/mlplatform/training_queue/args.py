"""What a training queue needs to know: settings that a person writes, and what is wired from pools and cluster."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Optional, Self

from pydantic import model_validator

from mlplatform.core.args import Args, In, at_least, between, checked, distinct, each, matching
from mlplatform.core.capacity import QUEUED, Capacity
from mlplatform.core.identifiers import IMAGE, IPV4_CIDR, QUANTITY, ROLE_ARN, TOPIC_ARN
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.naming import Kind, check
from mlplatform.core.objects import NAMESPACE_NAME
from mlplatform.training_queue import quotas
from mlplatform.workload_role import DNS_LABEL

FLAVORS = 64
"""Flavors that one resource group can have (Kueue 0.19, ClusterQueue)."""
PRIORITIES: Mapping[str, int] = {"low": -1000, "normal": 0, "high": 1000}
"""Default priorities; Kueue takes a job without one for 0."""
WAIT_MINUTES = 30
"""Two visibility timeouts: a message that old was tried twice."""
DISPATCH_NAMESPACE = "training-dispatch"
HOUR = 3600
SHORTEST_HOLD = 120
"""Somewhat more than a dispatcher lets pass between two renewals: an attempt at an object and the pause before it."""

LABEL = matching(
    r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?",
    "the key of a node label, such as kubernetes.io/hostname",
)


class WithinClusterQueue(StrEnum):
    """Which jobs of its own team a job may preempt, in Kueue's words."""

    NEVER = "Never"
    """None."""
    LOWER_PRIORITY = "LowerPriority"
    """Those of lower priority."""
    LOWER_OR_NEWER_EQUAL_PRIORITY = "LowerOrNewerEqualPriority"
    """Those of lower priority, and newer ones of the same."""


class ReclaimWithinCohort(StrEnum):
    """Which jobs of teams that borrow may be preempted for a team's own quota, in Kueue's words."""

    NEVER = "Never"
    """None."""
    LOWER_PRIORITY = "LowerPriority"
    """Those of lower priority."""
    ANY = "Any"
    """Any, whatever its priority."""


class BorrowWithinCohort(StrEnum):
    """Which jobs of other teams a job that borrows may preempt, in Kueue's words."""

    NEVER = "Never"
    """None."""
    LOWER_PRIORITY = "LowerPriority"
    """Those of lower priority."""


class FlavorSearch(StrEnum):
    """What a job does at a flavor that it could have in this way, in Kueue's words."""

    MAY_STOP_SEARCH = "MayStopSearch"
    """It takes it."""
    TRY_NEXT_FLAVOR = "TryNextFlavor"
    """It looks at the next one first."""


class QueueingStrategy(StrEnum):
    """Which of a team's jobs is admitted next, in Kueue's words."""

    BEST_EFFORT_FIFO = "BestEffortFIFO"
    """The oldest that fits: a large job may wait while small ones pass it."""
    STRICT_FIFO = "StrictFIFO"
    """The oldest: a large job holds up all behind it."""


class StopPolicy(StrEnum):
    """Whether a team's jobs are admitted, in Kueue's words."""

    NONE = "None"
    """They are."""
    HOLD = "Hold"
    """No more; those that run go on."""
    HOLD_AND_DRAIN = "HoldAndDrain"
    """No more, and those that run are evicted."""


def _units(counts: Mapping[str, int]) -> Mapping[str, int]:
    for flavor, count in counts.items():
        if count < 0:
            raise ValueError(f"got {count} of {flavor}; allowed are 0 or more; leave the flavor out for none")
    return counts


def _teams(names: Mapping[str, object]) -> Mapping[str, object]:
    if not names:
        raise ValueError("got none; allowed are one or more; name a team, {} has all its defaults")
    for name in names:
        NAMESPACE_NAME(name)
    return names


def _priorities(values: Mapping[str, int]) -> Mapping[str, int]:
    for name, value in values.items():
        check(Kind.KUBERNETES, name)
        between(-(2**31), 2**31 - 1, f"as the value of {name}")(value)
    return values


def _levels(labels: Sequence[str]) -> Sequence[str]:
    if not labels:
        raise ValueError("got none; allowed are one or more node labels, the widest part of the network first")
    return distinct([LABEL(label) for label in labels])


def _capacity(tiers: Sequence[Capacity]) -> Sequence[Capacity]:
    if not 1 <= len(tiers) <= FLAVORS:
        raise ValueError(f"got {len(tiers)} flavors; allowed are 1 to {FLAVORS}; give the capacity of its pools")
    distinct([tier.flavor for tier in tiers])
    for tier in tiers:
        NAMESPACE_NAME(tier.flavor)
        if not tier.queued:
            raise ValueError(
                f"flavor {tier.flavor!r} is of a pool for {tier.purpose}; allowed are {', '.join(QUEUED)}: what serves "
                "is not admitted and preempted like a job; leave that pool out"
            )
        if tier.gpus and not tier.gpu_resource:
            raise ValueError(
                f"flavor {tier.flavor!r} has gpus {tier.gpus} and no gpu_resource: they would be in no quota; name it"
            )
    return tiers


class QueueTeam(Args):
    """One team: its namespace, its share of the capacity and what its pods may do in AWS."""

    guaranteed: Optional[Mapping[str, int]] = {}
    """What is the team's own, by flavor: GPUs (or shares, where the pool shares them), whole cores on a pool without
    GPU; CPU and memory of GPU nodes go along in proportion. Nothing by default: the team then has its share, by weight,
    of what all teams have together."""
    borrowing_limit: Optional[Mapping[str, int]] = {}
    """What the team may use beyond its own at most, by flavor and in the same units; 0 keeps it off a flavor. Without
    limit by default, so that nothing lies idle."""
    lending_limit: Optional[Mapping[str, int]] = {}
    """How much of its own others may use while the team does not, by flavor and in the same units, at most what is
    guaranteed. All of it by default: the team gets it back by preemption."""
    weight: Optional[In[int]] = 1
    """Weight of the team when what is not guaranteed is shared, where Kueue's fair sharing is on; 1 by default. A team
    of weight 0 gets what no other wants."""
    stop_policy: Optional[In[StopPolicy]] = StopPolicy.NONE
    """Whether the team's jobs are admitted; they are by default."""
    policies: Optional[Mapping[str, In[str]]] = {}
    """IAM policy documents as JSON text, by a short name, of the role that pods of service account `worker` take.
    None by default: data, features and models are each their owner's to open."""
    managed_policy_arns: Optional[Sequence[In[str]]] = []
    """ARNs of further managed policies of that role; none by default."""
    max_pods: Optional[In[int]] = 500
    """Pods in the namespace at most, at least 1: a ceiling for a loop that went wrong, not a share of the capacity.
    500 by default."""
    max_jobs: Optional[In[int]] = 1000
    """Jobs in the namespace at most, at least 1, finished ones included; as many TrainJobs and Workflows. 1000 by
    default: more are refused at their creation, and their messages end in the dead-letter queue."""

    _counts = checked(_units, "guaranteed", "borrowing_limit", "lending_limit")
    _weight = checked(at_least(0, "as weight"), "weight")
    _ceilings = checked(at_least(1, "objects"), "max_pods", "max_jobs")

    @model_validator(mode="after")
    def _lends_its_own(self) -> Self:
        for flavor, lent in (self.lending_limit or {}).items():
            own = (self.guaranteed or {}).get(flavor, 0)
            if lent > own:
                raise ValueError(
                    f"lending_limit {lent} of {flavor}, of which {own} are guaranteed: a team lends its own only; "
                    f"lower it by {lent - own}, or leave it out to lend all"
                )
        return self


class QueuePreemption(Args):
    """Who has to make room: what is preempted is evicted and queued again, so jobs must write checkpoints."""

    within_cluster_queue: Optional[In[WithinClusterQueue]] = WithinClusterQueue.LOWER_PRIORITY
    """Which jobs of its own team a job may preempt; those of lower priority by default."""
    reclaim_within_cohort: Optional[ReclaimWithinCohort] = ReclaimWithinCohort.ANY
    """Which jobs of teams that borrow may be preempted for a team's own quota, and with fair sharing for its share.
    Any by default: a guarantee that waits for others' jobs to end guarantees nothing."""
    borrow_within_cohort: Optional[BorrowWithinCohort] = BorrowWithinCohort.NEVER
    """Which jobs of other teams a job that borrows may preempt. None by default; Kueue takes another value only where
    its fair sharing is off."""

    @model_validator(mode="after")
    def _reclaims_where_it_borrows(self) -> Self:
        never = self.reclaim_within_cohort is ReclaimWithinCohort.NEVER
        if never and self.borrow_within_cohort is not BorrowWithinCohort.NEVER:
            raise ValueError(
                "reclaim_within_cohort Never and borrow_within_cohort LowerPriority: Kueue takes the second only with "
                "the first; set reclaim_within_cohort to LowerPriority or Any"
            )
        return self


class QueueFlavorFungibility(Args):
    """How a job goes through the flavors, in their order."""

    when_can_borrow: Optional[In[FlavorSearch]] = FlavorSearch.MAY_STOP_SEARCH
    """At a flavor where it would borrow: it takes it by default, since an earlier flavor is the cheaper one, and
    reserved capacity is paid whether used or not."""
    when_can_preempt: Optional[In[FlavorSearch]] = FlavorSearch.TRY_NEXT_FLAVOR
    """At a flavor where it would preempt: it looks at the next one first by default, and disturbs nobody where there is
    room."""


class QueueTopology(Args):
    """Where in the network nodes are, so that the pods of one job come to lie close to each other."""

    levels: Sequence[str]
    """Node labels from the widest part of the network to the narrowest, such as topology.k8s.aws/network-node-layer-1
    to -3 and kubernetes.io/hostname. A node that lacks one is not used."""

    _levels = checked(_levels, "levels")


class QueueDestination(Args):
    """Something that pods of teams reach beside AWS, the API server and each other: a `cidr` or a `namespace`."""

    cidr: Optional[In[str]] = None
    """An IPv4 range."""
    namespace: Optional[str] = None
    """A namespace of the cluster, such as that of MLflow."""
    pod_labels: Optional[Mapping[str, str]] = {}
    """Labels of the pods in that namespace; all of its pods by default."""
    ports: Sequence[int]
    """TCP ports, at least one; in the cluster those of the pods, not of a Service in front of them."""

    _cidr = checked(IPV4_CIDR, "cidr")
    _namespace = checked(NAMESPACE_NAME, "namespace")
    _ports = checked(each(between(1, 65535, "as port")), "ports")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [field for field in ("cidr", "namespace") if getattr(self, field) is not None]
        if len(given) != 1:
            raise ValueError(f"got {' and '.join(given) or 'neither'}; allowed is exactly one of cidr and namespace")
        if self.cidr is not None and self.pod_labels:
            raise ValueError("cidr and pod_labels: a range has no labels; take pod_labels out, or give the namespace")
        if not self.ports:
            raise ValueError("ports is empty; allowed are one or more; name the ports that are needed")
        return self


class QueueSubmitter(Args):
    """A service account whose pods send jobs to the queue; whoever owns the namespace makes it."""

    namespace: str
    """Namespace of the service account."""
    service_account: str
    """Name of the service account. Pod Identity gives it one role: where it has another already, attach the output
    `submitter_policy_arn` to that instead."""

    _names = checked(DNS_LABEL, "namespace", "service_account")


class QueueIntake(Args):
    """The SQS queue that jobs come in by, and its dead-letter queue; both FIFO, so that no job is made twice."""

    visibility_seconds: Optional[In[int]] = 900
    """Seconds that a message is hidden while a dispatcher works on it, 120 to 3600; the dispatcher renews them while it
    tries. 900 by default: a message whose dispatcher died, or that the Kubernetes API did not take, comes back after
    that time, which outlasts a rolling update."""
    max_receives: Optional[In[int]] = 3
    """Times that a message is tried before it goes to the dead-letter queue, 1 to 1000; 3 by default: a fault that
    passes costs a retry, one that stays is seen within the hour."""
    retention_days: Optional[In[int]] = 4
    """Days that a message waits, 1 to 14; 4 by default, which outlasts a weekend without dispatchers."""
    dead_letter_days: Optional[In[int]] = 14
    """Days that the dead-letter queue keeps what could not be dispatched, 1 to 14; 14 by default, the most that SQS
    has."""
    max_wait_minutes: Optional[In[int]] = WAIT_MINUTES
    """Minutes that the oldest message may wait before the alarm, at least 1; 30 by default: it was tried twice then."""
    kms_key_arn: Optional[In[str]] = None
    """KMS key that encrypts both queues; by default an own one, rotated every year. One given must let the account's
    IAM policies allow its use by SQS."""

    _visibility = checked(between(SHORTEST_HOLD, HOUR, "seconds"), "visibility_seconds")
    _receives = checked(between(1, 1000, "receives"), "max_receives")
    _retention = checked(between(1, 14, "days"), "retention_days", "dead_letter_days")
    _wait = checked(at_least(1, "minutes"), "max_wait_minutes")
    _key = checked(KEY_ARN, "kms_key_arn")


class QueueDispatcher(Args):
    """The small Jobs that turn one message each into a Job, Workflow or TrainJob of a team."""

    image: In[str]
    """Image of `mlplatform.runtime`, by digest. Required: nobody publishes one."""
    namespace: Optional[str] = DISPATCH_NAMESPACE
    """Namespace of the dispatchers, which Kueue does not manage; training-dispatch by default."""
    max_replicas: Optional[In[int]] = 5
    """Dispatchers at a time at most, at least 1; 5 by default: each is done within seconds."""
    polling_seconds: Optional[In[int]] = 30
    """Seconds between two looks of KEDA at the queue, at least 5; 30 by default, as in KEDA: the longest that a message
    waits for its dispatcher. Each look is a request to SQS."""

    _image = checked(IMAGE, "image")
    _namespace = checked(NAMESPACE_NAME, "namespace")
    _replicas = checked(at_least(1, "dispatchers"), "max_replicas")
    _polling = checked(at_least(5, "seconds"), "polling_seconds")


class TrainingQueueSettings(Args):
    """What a person decides of a training queue."""

    teams: Mapping[str, QueueTeam]
    """Teams, by the name of their namespace, which is made here. A team that is taken out loses its namespace with all
    that runs in it."""
    dispatcher: QueueDispatcher
    """What turns messages into jobs."""
    intake: Optional[QueueIntake] = QueueIntake()
    """The SQS queue that jobs come in by."""
    priorities: Optional[Mapping[str, int]] = PRIORITIES
    """Values of the WorkloadPriorityClasses, by name; the names are cluster-wide. By default low, normal and high,
    with normal the 0 of a job that names none."""
    default_priority: Optional[str] = "normal"
    """Priority of a message that names none, one of `priorities`; normal by default."""
    queueing_strategy: Optional[In[QueueingStrategy]] = QueueingStrategy.BEST_EFFORT_FIFO
    """Which of a team's jobs is admitted next; the oldest that fits by default, which keeps GPUs busy."""
    preemption: Optional[QueuePreemption] = QueuePreemption()
    """Who has to make room."""
    flavor_fungibility: Optional[QueueFlavorFungibility] = QueueFlavorFungibility()
    """How a job goes through the flavors."""
    topology: Optional[QueueTopology] = None
    """Where in the network nodes are; none by default. Only where every flavor has nodes that exist before a job asks:
    Kueue counts Ready nodes only, and a pool that starts from zero would never start. It cannot be taken off a flavor
    again."""
    submitters: Optional[Mapping[str, QueueSubmitter]] = {}
    """Service accounts with a role that sends to the queue, by a short name; none by default. The output
    `submitter_policy_arn` lets any other role send. A sender may send for every team."""
    default_cpu: Optional[In[str]] = "500m"
    """CPU that a container of a team requests where it says nothing; 500m by default. Without a request it would be in
    no quota."""
    default_memory: Optional[In[str]] = "1Gi"
    """Memory that a container of a team requests where it says nothing; 1Gi by default."""
    public_https: Optional[bool] = True
    """Whether pods of teams and dispatchers reach every public address on port 443. On by default: S3 has public
    addresses also through its gateway endpoint, and they change. Off is for a VPC with interface endpoints for all
    that they call; then `destinations` can name ranges."""
    destinations: Optional[Sequence[QueueDestination]] = []
    """What else pods of teams reach; none by default. Always reached are DNS, Pod Identity, the API server, port 443
    in the VPC, and pods of the same namespace on every port, as distributed training needs it."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what every role made here can ever do; none by default."""
    deletion_protection: Optional[bool] = True
    """Whether both SQS queues and their key are protected from deletion by Pulumi, and kept when they leave the
    program; on by default. Off is for throw-away environments."""

    _teams = checked(_teams, "teams")
    _priorities = checked(_priorities, "priorities")
    _defaults = checked(QUANTITY, "default_cpu", "default_memory")
    _submitters = checked(lambda names: {check(Kind.KUBERNETES, name): of for name, of in names.items()}, "submitters")

    @model_validator(mode="after")
    def _default_is_a_priority(self) -> Self:
        if self.default_priority not in (self.priorities or {}):
            known = ", ".join(self.priorities or {}) or "none"
            raise ValueError(
                f"default_priority {self.default_priority!r} is not one of priorities, which are {known}; add it there"
            )
        return self

    @model_validator(mode="after")
    def _dispatchers_apart(self) -> Self:
        if self.dispatcher.namespace in self.teams:
            raise ValueError(
                f"dispatcher.namespace {self.dispatcher.namespace!r} is a team's: dispatchers would wait in the queue "
                "that they fill; give another"
            )
        return self


class TrainingQueueArgs(TrainingQueueSettings):
    """What a training queue needs to know."""

    capacity: Sequence[Capacity]
    """What the pools can hold, tier by tier, in the order in which jobs try them. Quotas are derived from it alone."""
    cluster_name: In[str]
    """EKS cluster of the pods that take the roles."""
    keda_role_arn: In[str]
    """ARN of the role of KEDA's operator; it alone may take the role that reads the length of the queue."""
    vpc_cidr: In[str]
    """IPv4 range of the VPC, where interface endpoints and the API server's network interfaces are."""
    service_cidr: Optional[In[str]] = None
    """IPv4 range of Kubernetes services, where pods find the API server; by default both of the ranges from which EKS
    chooses one."""
    alarm_topic_arns: Optional[Sequence[In[str]]] = []
    """ARNs of SNS topics that hear of both alarms of the intake, an old and a dead message; none by default: then the
    alarms are only seen."""

    _capacity = checked(_capacity, "capacity")
    _topics = checked(each(TOPIC_ARN), "alarm_topic_arns")
    _keda = checked(ROLE_ARN, "keda_role_arn")
    _ranges = checked(IPV4_CIDR, "vpc_cidr", "service_cidr")

    @model_validator(mode="after")
    def _known_flavors(self) -> Self:
        known = [tier.flavor for tier in self.capacity]
        for team, given in self.teams.items():
            for field in ("guaranteed", "borrowing_limit", "lending_limit"):
                strange = sorted(set(getattr(given, field) or {}) - set(known))
                if strange:
                    raise ValueError(
                        f"teams.{team}.{field} names {', '.join(strange)}; known flavors are {', '.join(known)}"
                    )
        return self

    @model_validator(mode="after")
    def _guarantees_fit(self) -> Self:
        for tier in self.capacity:
            asked = {team: (given.guaranteed or {}).get(tier.flavor, 0) for team, given in self.teams.items()}
            over = sum(asked.values()) - quotas.units(tier)
            if over > 0:
                named = ", ".join(f"{team} {count}" for team, count in asked.items() if count)
                raise ValueError(
                    f"teams are guaranteed {sum(asked.values())} {quotas.unit(tier)} of {tier.flavor} ({named}), which "
                    f"has {quotas.units(tier)}: {over} too many; guarantee less, or raise the limit of pool {tier.pool}"
                )
        return self

    @model_validator(mode="after")
    def _topology_of_standing_nodes(self) -> Self:
        coming = [tier.flavor for tier in self.capacity if not tier.standing]
        if self.topology and coming:
            raise ValueError(
                f"topology is set, and nodes of {', '.join(coming)} come only when a job asks: topology-aware "
                "scheduling counts Ready nodes only, so no job would ever start them; take topology out, or give a "
                "queue of standing nodes its own"
            )
        return self

    @property
    def nominal(self) -> quotas.Quotas:
        """Nominal quotas of teams and Cohort."""
        return quotas.split(self.capacity, {team: given.guaranteed or {} for team, given in self.teams.items()})
