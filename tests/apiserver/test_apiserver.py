"""Every Kubernetes object of the environments in a real API server with the real definitions: what it would refuse."""

import json
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes.dynamic
import pytest
import urllib3
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mlplatform.preview import recorder
from recorded import ROOT

MISSING = [tool for tool in ("kube-apiserver", "etcd") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f"no {' and no '.join(MISSING)} on PATH: kube-apiserver is built from the Go module proxy in a module that "
    "requires k8s.io/kubernetes, each of its staging modules replaced by version 0.x; etcd is Debian's etcd-server",
)
CLUSTER_SECURITY_GROUP = "sg-0123456789abcdef0"
"""EKS makes this group, so that only EKS knows its id."""
SECONDS = 60
"""How long server and definitions may take to be ready."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kubernetes.client.ApiClient]:
    """A client of an API server that runs as long as the tests of this module, on loopback."""
    folder = tmp_path_factory.mktemp("cluster")
    etcd, peer, secure = (free_port() for _ in range(3))
    token = secrets.token_hex()
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*pem))
    storage = ["etcd", "--data-dir", str(folder / "etcd"), "--listen-client-urls", f"http://127.0.0.1:{etcd}"]
    storage += ["--advertise-client-urls", f"http://127.0.0.1:{etcd}", "--listen-peer-urls", f"http://127.0.0.1:{peer}"]
    api = ["kube-apiserver", f"--etcd-servers=http://127.0.0.1:{etcd}", f"--secure-port={secure}"]
    api += ["--bind-address=127.0.0.1", f"--cert-dir={folder}", "--service-account-issuer=https://kubernetes.default"]
    api += [f"--service-account-key-file={folder}/key.pem", f"--service-account-signing-key-file={folder}/key.pem"]
    api += ["--service-cluster-ip-range=10.0.0.0/24", f"--token-auth-file={folder}/tokens.csv"]
    api += ["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"]
    with (folder / "log").open("w") as log:
        running = [subprocess.Popen(command, stdout=log, stderr=log) for command in (storage, api)]
    try:
        configuration = kubernetes.client.Configuration(host=f"https://127.0.0.1:{secure}")
        configuration.api_key = {"authorization": f"Bearer {token}"}
        configuration.verify_ssl = False  # its certificate is one that it made for itself
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        client = kubernetes.client.ApiClient(configuration)
        until(lambda: client.call_api("/readyz", "GET", auth_settings=["BearerToken"], _preload_content=False))
        yield client
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(SECONDS)


def until(ready: Callable[[], object]) -> None:
    """Returns when a call succeeds; raises what it raises when it never does."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            ready()
        except (AssertionError, kubernetes.client.ApiException, urllib3.exceptions.HTTPError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


Apply = Callable[..., list[str]]


@pytest.fixture(scope="module")
def apply(
    server: kubernetes.client.ApiClient, reference: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Apply:
    """Applies an object on the server, which has the reference's definitions, and returns what it says against it."""

    def discovered() -> kubernetes.dynamic.DynamicClient:
        # The client keeps what it finds in a file, which must not outlive the server.
        cache = str(tmp_path_factory.mktemp("discovery") / "cache.json")
        return kubernetes.dynamic.DynamicClient(server, cache_file=cache)

    def apply(item: dict[str, Any], *, dry: bool) -> list[str]:
        kind = client.resources.get(api_version=item["apiVersion"], kind=item["kind"])
        options = {"dry_run": "All"} if dry else {}
        strict = [("fieldValidation", "Strict")]
        try:
            client.server_side_apply(
                kind, item, force_conflicts=True, field_manager="tests", query_params=strict, **options
            )
        except kubernetes.dynamic.exceptions.DynamicApiError as error:
            return [json.loads(error.body)["message"]]
        return []

    client = discovered()
    for file in sorted(reference("crds").glob("*.yaml")):
        assert apply(yaml.load(file.read_text(), Loader=yaml.CSafeLoader), dry=False) == []
    kinds = kubernetes.client.ApiextensionsV1Api(server)
    until(lambda: _established(kinds))
    client = discovered()
    return apply


def _established(kinds: kubernetes.client.ApiextensionsV1Api) -> None:
    for item in kinds.list_custom_resource_definition().items:
        conditions = {condition.type: condition.status for condition in item.status.conditions or ()}
        assert conditions.get("Established") == "True", item.metadata.name


def objects(stack: str) -> list[dict[str, Any]]:
    """Every Kubernetes object of an environment; placeholders stay, the one unknown id gets a form."""
    text = (ROOT / "tests" / "golden" / f"{stack}.json").read_text()
    nodes = json.loads(text.replace(f'"{recorder.UNKNOWN}"', f'"{CLUSTER_SECURITY_GROUP}"'))["resources"]
    return [
        node["inputs"] for node in nodes if node["type"].startswith("kubernetes:") and "apiVersion" in node["inputs"]
    ]


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_the_api_server_accepts_every_object(stack: str, apply: Apply) -> None:
    items = objects(stack)
    for item in items:
        if item["kind"] == "Namespace":
            assert apply(item, dry=False) == []
    assert [
        f"{item['kind']} {item['metadata']['name']}: {said}" for item in items for said in apply(item, dry=True)
    ] == []


def test_it_refuses_what_a_schema_cannot(apply: Apply) -> None:
    pool = next(item for item in objects("dev") if item["kind"] == "NodePool")
    key = {"key": "karpenter.sh/unknown", "operator": "Exists"}
    template = pool["spec"]["template"]
    spec = {**pool["spec"], "template": {**template, "spec": {**template["spec"], "requirements": [key]}}}
    assert apply({**pool, "spec": spec}, dry=True) != []
