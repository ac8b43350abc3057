"""How versions of an endpoint's model are rolled out: what a person decides."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Optional, Self

from pydantic import model_validator

from mlplatform.core.args import Args, In, at_least, between, checked, matching
from mlplatform.core.identifiers import CRON, QUANTITY
from mlplatform.core.objects import NAMESPACE_NAME

PERCENT = between(0, 100, "percent")
WORD = matching(r"[A-Za-z][A-Za-z0-9_-]{0,39}", "a word of at most 40 letters, digits, - and _, such as conversion")


def _weights(values: Sequence[int]) -> Sequence[int]:
    rising = all(low < high for low, high in pairwise(values))
    if not values or not rising or not all(1 <= value <= 99 for value in values):  # noqa: PLR2004 - percent
        raise ValueError(
            f"got {list(values)}; allowed are 1 to 99 percent, each more than the one before, such as [5, 25, 50]; "
            "after the last one the candidate gets all requests"
        )
    return values


class ServingRolloutGate(Args):
    """A further gate: a number that Prometheus knows, and the greatest that is well."""

    name: str
    """What it is, in a word, as the rollout's log names it."""
    query: In[str]
    """PromQL that yields one number; `${window}` in it stands for the time that the gate looks back, such as 10m."""
    max: In[float]
    """The greatest that is well. For a least one, ask for the negative."""

    _name = checked(WORD, "name")


class ServingRolloutGates(Args):
    """What a candidate must be, at each of its weights, before it gets more requests."""

    min_requests: Optional[In[int]] = 100
    """Its requests below which nothing is said of it, at least 1; 100 by default: one of them that fails is a
    percent."""
    patience_minutes: Optional[int] = 60
    """Minutes that a gate waits for so many requests, and for a Prometheus that does not answer, 0 to 1440; 60 by
    default. Then the candidate is rolled back: what nobody asks cannot be judged."""
    max_error_percent: Optional[In[float]] = 1.0
    """Share of its requests that may fail with 5xx, or of a function with an error, 0 to 100 percent; 1 by default."""
    max_p99_milliseconds: Optional[In[int]] = None
    """Time within which 99 percent of its requests must be answered; that of `objectives` by default, of a function
    four fifths of its timeout."""
    max_drifted_features: Optional[In[int]] = None
    """Features that the endpoint's drift monitor may call drifted, the prediction among them, 0 or more. Not looked at
    by default: requests are held against what the champion was trained on, so that a candidate that was trained because
    of a drift would never pass."""
    more: Optional[Sequence[ServingRolloutGate]] = []
    """Further gates; none by default."""

    _requests = checked(at_least(1, "requests"), "min_requests")
    _patience = checked(between(0, 1440, "minutes"), "patience_minutes")
    _errors = checked(PERCENT, "max_error_percent")
    _latency = checked(at_least(1, "milliseconds"), "max_p99_milliseconds")
    _drifted = checked(at_least(0, "features"), "max_drifted_features")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [gate.name for gate in self.more or ()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"more has {', '.join(twice)} more than once; allowed is once each; rename the others")
        return self


class ServingRollout(Args):
    """Rollouts of the endpoint's model: the alias challenger of the registry says that there is one to do.

    Its Workflow copies the version to where the endpoint reads it, has a candidate beside what is served, gives it more
    requests step by step, and makes it the champion; or takes it back when a gate is not passed.
    """

    schedule: Optional[In[str]] = "*/15 * * * *"
    """When it looks for a challenger, by cron in UTC; every 15 minutes by default."""
    suspended: Optional[In[bool]] = False
    """Whether the schedule rests, so that rollouts are started by hand only; it does not by default."""
    weights: Optional[Sequence[int]] = [5, 25, 50]
    """Shares of the requests that the candidate gets one after the other, 1 to 99 percent and rising; 5, 25 and 50 by
    default: few are hurt by a bad one, and the last says that it bears the load."""
    wait_minutes: Optional[int] = 10
    """Minutes between a weight and its gate, which looks back as far, 1 to 1440; 10 by default."""
    gates: Optional[ServingRolloutGates] = ServingRolloutGates()
    """What the candidate must be."""
    replicas: Optional[int] = None
    """Replicas of the candidate, at least 1, for `kserve` and `container`; by default as many as the greatest weight is
    of `scaling.max_replicas`, so that it bears its share."""
    ready_minutes: Optional[int] = 60
    """Minutes within which a version must be copied, and within which replicas must be ready, 1 to 1440; 60 by
    default: nodes are bought, weights loaded, and replicas replaced one by one."""
    retries: Optional[int] = 3
    """Times that a step is repeated which did not end well, 0 to 10; 3 by default. A gate that is not passed is not."""
    memory: Optional[In[str]] = "512Mi"
    """Memory of a step; 512Mi by default: files are copied in parts."""
    disk: Optional[In[str]] = "10Gi"
    """Temporary disk of a step, which holds the largest file of a model; 10Gi by default."""
    namespace: Optional[str] = None
    """Namespace made for the rollouts of a function; the endpoint's name by default. Other kinds have theirs."""

    _schedule = checked(CRON, "schedule")
    _shares = checked(_weights, "weights")
    _minutes = checked(between(1, 1440, "minutes"), "wait_minutes", "ready_minutes")
    _replicas = checked(at_least(1, "replicas"), "replicas")
    _retries = checked(between(0, 10, "times"), "retries")
    _quantities = checked(QUANTITY, "memory", "disk")
    _namespace = checked(NAMESPACE_NAME, "namespace")

    def candidates(self, most: int) -> int:
        """Replicas of a candidate, where what is served has so many at most."""
        return self.replicas or -(-most * max(self.weights or [0]) // 100)
