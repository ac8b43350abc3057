"""What an endpoint, the Workflow that rolls a version out, and the job `promote` agree on: verbs, names, owned fields.

A rollout moves weights and versions, and Pulumi leaves exactly those alone. It is decided when the alias champion
moves: what is done before can be taken back, and what is left after it is only completed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mlplatform.contracts.labels import DOMAIN
from mlplatform.contracts.request_log import MODEL_VERSION

CONFIG: Final = "ROLLOUT_CONFIG"
"""Environment variable of the job: what is rolled out, where, and past which gates, as JSON."""
MODEL_URI: Final = "MODEL_URI"
"""Environment variable that tells a server where its model lies."""
VERSION: Final = f"{DOMAIN}/model-version"
"""Annotation of a pod: the version of the model that it serves. Its containers are told by it, so that a rollout
changes one field and not a variable of each."""
MANAGER: Final = "mlplatform-rollout"
"""Who patches, as the API server notes it beside each field."""
TRACK: Final = f"{DOMAIN}/track"
"""Label of a pod: STABLE or CANARY."""
STABLE: Final = "stable"
"""The track of what serves."""
CANARY: Final = "canary"
"""The track of a candidate, and the name of its predictor in an InferenceService."""

PLAN, COPY, START, WEIGHT, GATE, FINISH, ROLLBACK = "plan", "copy", "start", "weight", "gate", "finish", "rollback"
"""Verbs of the job, in the order of a rollout; the last instead of those after a failure."""
PARAMETER: Final = "version"
"""Parameter of the Workflow: the version to roll out; empty for the one of alias challenger."""
OUTPUTS: Final = ("version", "mode")
"""What `plan` leaves for the steps after it, as `contracts.pipeline.output_variable` names the files."""
STEPS, FIRST, NOTHING = "steps", "first", "none"
"""Modes: by weights beside the champion; at once, since there is no champion; not at all."""

RUNNING, PROMOTED, ROLLED_BACK = "running", "promoted", "rolled-back"
"""How the tag of a version's rollout begins: under way, or how it ended."""
WINDOW: Final = "${window}"
"""In a query: the time that a gate looks back, such as 10m."""

RUNS: Final = "mlplatform_rollouts_total"
"""Counter of the Workflows of an endpoint by `endpoint` and `status`, as they name it to Argo, which sets
`argo_workflows_` before it (argoproj/argo-workflows, util/telemetry/exporter_prometheus.go)."""

_TEMPLATE: Final = "spec.template.metadata.annotations"
OWNED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # A candidate, and the replicas that KServe takes for it from those of what is served; then what it becomes.
        "inference-service": (
            "spec.canary",
            "spec.predictor.annotations",
            "spec.predictor.minReplicas",
            "spec.predictor.model.storageUri",
        ),
        "route": ("spec.rules[0].backendRefs[0].weight", "spec.rules[0].backendRefs[1].weight"),
        "stable": (_TEMPLATE,),
        "canary": ("spec.replicas", _TEMPLATE),
        # A version of a function holds its model as it holds its image.
        "alias": ("functionVersion", "routingConfig"),
        "function": tuple(f"environment.variables.{name}" for name in (MODEL_URI, MODEL_VERSION)),
    }
)
"""Paths that a rollout patches, by the role of the object or, for a function, the resource.

The engine refuses an update of an object in which the way to such a field is missing, or was before: so every way leads
through what an endpoint always has. A key with a dot is not named: Pulumi's Kubernetes provider, which leaves fields to
another manager, splits paths at dots (pulumi-kubernetes, provider/pkg/await/await.go, handleSSAIgnoreFields).
"""


def prefix(model: str, version: str) -> str:
    """What the keys of a promoted version begin with, and no other version's, such as `fraud/7/`."""
    return f"{model}/{version}/"


def marker(model: str, version: str) -> str:
    """The object that says what a promoted version consists of, written last.

    Beside the version's folder and not in it: some servers take every file in it for a part of the model.
    """
    return f"{model}/{version}.json"
