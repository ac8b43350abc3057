"""Both kinds of endpoints on Kubernetes: a route over two Deployments, of one's own or of an InferenceService."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlplatform.contracts.rollout import CANARY, TRACK, VERSION
from mlplatform.runtime.promote.cluster import DEPLOYMENT, INFERENCE_SERVICE, Cluster, ClusterError, shows
from mlplatform.runtime.promote.settings import Container, KServe, OnKubernetes
from mlplatform.runtime.promote.tracks import Waiting

S = TypeVar("S", bound=OnKubernetes)

_SCALING = ("maxReplicas", "scaleMetric", "scaleMetricType", "scaleTarget", "autoScaling")
"""Fields of a predictor that say how it is scaled; a candidate's replicas are fixed."""


@dataclass(frozen=True, slots=True)
class _Endpoint(ABC, Generic[S]):
    """An endpoint of either kind."""

    cluster: Cluster
    """Its objects."""
    settings: S
    """Their names."""
    waiting: Waiting
    """How long replicas are waited for."""

    def weigh(self, version: str, percent: int) -> None:
        """Gives the candidate a share of the requests, if it is this version and ready."""
        _weigh_ready(self.cluster, self.settings, version, percent)

    def settle(self, version: str) -> None:
        """Has the version serve all requests: the candidate goes on until the others serve it, too."""
        self._serve(version)
        _until_ready(self.waiting, self.cluster, self.settings.deployments.stable, version)
        self._alone()

    @abstractmethod
    def _serve(self, version: str) -> None:
        """Has the stable replicas serve a version."""

    @abstractmethod
    def _alone(self) -> None:
        """Gives them all requests, and takes the candidate away."""


@dataclass(frozen=True, slots=True)
class OnDeployments(_Endpoint[Container]):
    """An endpoint of one's own Deployments: a version is an annotation of their pods."""

    def declare(self, version: str) -> None:
        """Has a candidate without requests, and waits until it is ready."""
        _weigh(self.cluster, self.settings, 0)
        spec = {"replicas": self.settings.replicas, **_annotated(version)}
        self.cluster.merge(DEPLOYMENT, self.settings.deployments.canary, {"spec": spec})
        _until_ready(self.waiting, self.cluster, self.settings.deployments.canary, version)

    def retreat(self, version: str, former: str) -> None:
        """Takes all requests from the candidate, and it away."""
        self._alone()
        if _serves(self.cluster, self.settings) == version:
            self._serve(former)

    def _alone(self) -> None:
        _weigh(self.cluster, self.settings, 0)
        self.cluster.merge(DEPLOYMENT, self.settings.deployments.canary, {"spec": {"replicas": 0}})

    def _serve(self, version: str) -> None:
        self.cluster.merge(DEPLOYMENT, self.settings.deployments.stable, {"spec": _annotated(version)})


@dataclass(frozen=True, slots=True)
class OnKServe(_Endpoint[KServe]):
    """An endpoint of KServe: a version is where its model lies, and an annotation of its pods."""

    uri: Callable[[str], str]
    """Where a version lies."""

    def declare(self, version: str) -> None:
        """Has a candidate without requests, and waits until it is ready.

        KServe takes a candidate's replicas from those of what is served, so they are added.
        """
        settings = self.settings
        _weigh(self.cluster, settings, 0)
        found = self.cluster.get(INFERENCE_SERVICE, settings.service)
        if found is None:
            raise ClusterError(f"inferenceservices {settings.service}: is not there")
        predictor = candidate(found["spec"]["predictor"], version, self.uri(version), settings.replicas)
        replicas = {"minReplicas": settings.stable_replicas + settings.replicas}
        spec = {"canary": [{"trafficPercent": 0, "predictor": predictor}], "predictor": replicas}
        self.cluster.merge(INFERENCE_SERVICE, settings.service, {"spec": spec})
        _until_ready(self.waiting, self.cluster, settings.deployments.canary, version)

    def retreat(self, version: str, former: str) -> None:
        """Takes all requests from the candidate, and it away."""
        self._alone()
        found = self.cluster.get(INFERENCE_SERVICE, self.settings.service) or {}
        predictor = found.get("spec", {}).get("predictor", {})
        if (predictor.get("annotations") or {}).get(VERSION) == version:
            self._serve(former)

    def _alone(self) -> None:
        _weigh(self.cluster, self.settings, 0)
        spec = {"canary": None, "predictor": {"minReplicas": self.settings.stable_replicas}}
        self.cluster.merge(INFERENCE_SERVICE, self.settings.service, {"spec": spec})

    def _serve(self, version: str) -> None:
        predictor = {"annotations": {VERSION: version}, "model": {"storageUri": self.uri(version)}}
        self.cluster.merge(INFERENCE_SERVICE, self.settings.service, {"spec": {"predictor": predictor}})


def candidate(predictor: Mapping[str, Any], version: str, uri: str, replicas: int) -> dict[str, Any]:
    """The predictor of a candidate: what is served, with another model, as pods of the other track.

    In full, so that nothing depends on how KServe lays one over the other. Its model has an empty name: the CRD wants
    one, and KServe refuses any that says something (kserve/kserve#4535).
    """
    made: dict[str, Any] = {key: deepcopy(value) for key, value in predictor.items() if key not in _SCALING}
    for labels in (made.get("labels"), *map(_selected, made.get("topologySpreadConstraints") or ())):
        if labels and TRACK in labels:
            labels[TRACK] = CANARY
    return {
        **made,
        "name": CANARY,
        "minReplicas": replicas,
        "annotations": {**(made.get("annotations") or {}), VERSION: version},
        "model": {**made["model"], "name": "", "storageUri": uri},
    }


def _selected(constraint: Mapping[str, Any]) -> Any:
    return constraint.get("labelSelector", {}).get("matchLabels")


def _annotated(version: str) -> dict[str, Any]:
    return {"template": {"metadata": {"annotations": {VERSION: version}}}}


def _serves(cluster: Cluster, settings: OnKubernetes) -> str | None:
    found = cluster.get(DEPLOYMENT, settings.deployments.stable)
    return None if found is None else shows(found)


def _until_ready(waiting: Waiting, cluster: Cluster, deployment: str, version: str) -> None:
    waiting.until(f"Deployment {deployment} with version {version}", lambda: cluster.ready(deployment, version))


def _weigh(cluster: Cluster, settings: OnKubernetes, percent: int) -> None:
    cluster.weigh(settings.route, settings.services, percent)


def _weigh_ready(cluster: Cluster, settings: OnKubernetes, version: str, percent: int) -> None:
    name = settings.deployments.canary
    if not cluster.ready(name, version):
        raise ClusterError(f"deployments {name}: is not ready with version {version}; no requests are sent to it")
    _weigh(cluster, settings, percent)
