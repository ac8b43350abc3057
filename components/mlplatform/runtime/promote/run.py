"""The job's command line: a verb, on the endpoint that the environment describes."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from kubernetes.config.config_exception import ConfigException  # type: ignore[import-untyped]

from mlplatform.contracts import rollout as contract
from mlplatform.contracts.pipeline import output_variable
from mlplatform.contracts.tracking import URI, Client, NoRegistryError, connect, server
from mlplatform.runtime import kubernetes
from mlplatform.runtime.jobs import Exit, SettingsError, parser, write
from mlplatform.runtime.promote.cluster import Cluster
from mlplatform.runtime.promote.kubernetes import OnDeployments, OnKServe
from mlplatform.runtime.promote.metrics import OfFunction, OfGateway, Prometheus, Requests
from mlplatform.runtime.promote.registry import Registry
from mlplatform.runtime.promote.rollout import FAILURES, Rollout
from mlplatform.runtime.promote.serverless import InLambda
from mlplatform.runtime.promote.settings import Settings, settings_of
from mlplatform.runtime.promote.store import Store
from mlplatform.runtime.promote.tracks import Tracks, Waiting
from mlplatform.runtime.request.run import client, reason_of

DESCRIPTION: Final = "Rolls a version of a model out: one step, which may be begun again at any time."
READS: Final[Mapping[str, str]] = {
    contract.CONFIG: "the endpoint, and how its model is rolled out, as JSON",
    URI: "address of the MLflow server",
    "MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD": "account there",
    "VERSION_FILE, MODE_FILE": "files for what `plan` says",
    "KUBECONFIG": "the cluster; that of the pod by default",
}


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Does what the command line says."""
    given = _parser().parse_args(arguments)
    try:
        given.verb(rollout(settings_of(environment), environment), given, environment)
    except (SettingsError, NoRegistryError, ConfigException) as error:
        write("error", "misconfigured", reason=str(error))
        return Exit.MISCONFIGURED
    except FAILURES as error:
        write("error", "failed", reason=reason_of(error))
        return Exit.FAILED
    return Exit.DONE


def _parser() -> argparse.ArgumentParser:
    made = parser("promote", DESCRIPTION, READS)
    verbs = made.add_subparsers(required=True, metavar="verb")
    plan = verbs.add_parser(contract.PLAN, help="say which version is next, and whether by steps")
    plan.add_argument("--version", default="", help="the version; the one of alias challenger by default")
    plan.set_defaults(verb=_plan)
    _verb(verbs, contract.COPY, "copy the version to where the endpoint reads it")
    _verb(verbs, contract.START, "have the version beside what serves, without requests")
    weight = _verb(verbs, contract.WEIGHT, "give the version a share of the requests")
    weight.add_argument("--percent", type=int, required=True, choices=range(101), metavar="PERCENT")
    gate = _verb(verbs, contract.GATE, "judge the version by its requests")
    gate.add_argument("--window", type=int, required=True, metavar="MINUTES", help="minutes to look back")
    _verb(verbs, contract.FINISH, "have the version serve all requests, and make it the champion")
    back = verbs.add_parser(contract.ROLLBACK, help="end what is under way; nothing of it serves")
    back.add_argument("--reason", default="a step failed", help="why, where no step has noted it")
    back.set_defaults(verb=_roll_back)
    return made


def _verb(verbs: Any, name: str, does: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(name, help=does)
    made.add_argument("--version", required=True, help="the version")
    made.set_defaults(verb=_step, name=name)
    return made


def _plan(made: Rollout, given: argparse.Namespace, environment: Mapping[str, str]) -> None:
    paths = {output: environment.get(output_variable(output), "") for output in contract.OUTPUTS}
    missing = [output_variable(output) for output, path in paths.items() if not path]
    if missing:
        raise SettingsError(f"{', '.join(missing)}: missing; allowed is the path of a file")
    plan = made.plan(given.version)
    for output, text in {"version": plan.version, "mode": plan.mode}.items():
        Path(paths[output]).write_text(text, encoding="utf-8")


def _step(made: Rollout, given: argparse.Namespace, _: Mapping[str, str]) -> None:
    made.attempt(given.version, lambda: _STEPS[given.name](made, given))


def _roll_back(made: Rollout, given: argparse.Namespace, _: Mapping[str, str]) -> None:
    made.roll_back(given.reason)


_STEPS: Final[Mapping[str, Callable[[Rollout, argparse.Namespace], None]]] = {
    contract.COPY: lambda made, given: made.copy(given.version),
    contract.START: lambda made, given: made.start(given.version),
    contract.WEIGHT: lambda made, given: made.weigh(given.version, given.percent),
    contract.GATE: lambda made, given: made.gate(given.version, given.window),
    contract.FINISH: lambda made, given: made.finish(given.version),
}


def rollout(settings: Settings, environment: Mapping[str, str]) -> Rollout:
    """The rollouts of the endpoint that the settings describe, with everything that they reach."""
    registry = connect(environment)
    waiting = Waiting(settings.ready_minutes * 60)
    tracks = _tracks(settings, waiting)
    return Rollout(
        settings,
        Registry(registry, settings.model),
        Store(client("s3"), settings.bucket, settings.model),
        tracks,
        lambda version: _source(registry, settings.model, version, environment[URI]),
        lambda version: _requests(settings, tracks, version),
        write,
        waiting,
    )


def _tracks(settings: Settings, waiting: Waiting) -> Tracks:
    if settings.serverless:
        return InLambda(client("lambda"), settings, settings.serverless.function, settings.serverless.alias, waiting)
    api = kubernetes.objects(kubernetes.around())
    if settings.kserve:
        return OnKServe(Cluster(api, settings.kserve.namespace), settings.kserve, waiting, settings.uri)
    if settings.container:
        return OnDeployments(Cluster(api, settings.container.namespace), settings.container, waiting)
    raise SettingsError(f"{contract.CONFIG}: names no endpoint")


def _requests(settings: Settings, tracks: Tracks, version: str) -> Requests:
    if settings.gates.queries:
        return OfGateway(Prometheus(settings.prometheus_url), settings.gates.queries)
    if not isinstance(tracks, InLambda):
        raise SettingsError(f"{contract.CONFIG}: gates.queries: missing")
    return OfFunction(client("cloudwatch"), tracks.function, tracks.alias, tracks.published(version))


def _source(registry: Any, model: str, version: str, uri: str) -> Client:
    """The repository with a version's files, whose errors are those of the registry.

    By the address of the files and not by that of the version: a download of the latter adds a file of its own (mlflow
    3.17, store/artifact/models_artifact_repo.py).
    """
    address = registry.get_model_version_download_uri(model, version)
    repositories = import_module("mlflow.store.artifact.artifact_repository_registry")
    return Client(repositories.get_artifact_repository(address, tracking_uri=uri, registry_uri=uri), server(uri))
