"""The API of Kubernetes that stands in: its client's own calls, rights by roles, and patches."""

import json

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from loop.clock import Clock
from loop.kubernetes import ApiError, Cluster, Server, patched, plural

ROUTE = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"namespace": "fraud", "name": "fraud"},
    "spec": {"rules": [{"backendRefs": [{"name": "stable", "weight": 100}, {"name": "canary", "weight": 0}]}]},
}
OTHER = {**ROUTE, "metadata": {"namespace": "fraud", "name": "other"}}
RULES = [
    {
        "apiGroups": ["gateway.networking.k8s.io"],
        "resources": ["httproutes"],
        "verbs": ["get", "patch"],
        "resourceNames": ["fraud"],
    },
    {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create", "get"]},
]
ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"namespace": "fraud", "name": "r"},
    "rules": RULES,
}
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"namespace": "fraud", "name": "r"},
    "subjects": [{"kind": "ServiceAccount", "name": "rollout", "namespace": "fraud"}],
    "roleRef": {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"},
}
AT = ("gateway.networking.k8s.io", "v1", "fraud", "httproutes")


@pytest.fixture
def server(tmp_path):
    (tmp_path / "pods").mkdir()
    made = Server(Cluster([ROUTE, OTHER, ROLE, BINDING], Clock(tmp_path / "clock")), tmp_path)
    yield made
    made.stop()


def api(server, account):
    """The client that a job has, as a ServiceAccount of the namespace."""
    made = client.Configuration()
    config.load_kube_config(server.account("fraud", account)["KUBECONFIG"], client_configuration=made)
    return client.CustomObjectsApi(client.ApiClient(made))


def weights(server):
    return [
        one["weight"] for one in server.cluster.get("HTTPRoute", "fraud", "fraud")["spec"]["rules"][0]["backendRefs"]
    ]


def test_a_role_gives_what_it_names_and_no_more(server):
    rollout = api(server, "rollout")
    assert rollout.get_namespaced_custom_object(*AT, "fraud")["metadata"]["name"] == "fraud"
    for refused in (
        lambda: rollout.get_namespaced_custom_object(*AT, "other"),
        lambda: rollout.delete_namespaced_custom_object(*AT, "fraud"),
        lambda: rollout.list_namespaced_custom_object(*AT),
        lambda: api(server, "default").get_namespaced_custom_object(*AT, "fraud"),
    ):
        with pytest.raises(ApiException) as caught:
            refused()
        assert (caught.value.status, json.loads(caught.value.body)["reason"]) == (403, "Forbidden")


def test_patches_of_both_kinds_change_what_they_name(server):
    rollout = api(server, "rollout")
    operations = [
        {"op": "add", "path": f"/spec/rules/0/backendRefs/{at}/weight", "value": value}
        for at, value in ((0, 80), (1, 20))
    ]
    rollout.patch_namespaced_custom_object(*AT, "fraud", operations, _content_type="application/json-patch+json")
    assert weights(server) == [80, 20]
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"hostnames": ["h"]}}
    made = rollout.patch_namespaced_custom_object(*AT, "fraud", patch, _content_type="application/merge-patch+json")
    assert (made["spec"]["hostnames"], made["metadata"]["labels"], made["metadata"]["generation"]) == (
        ["h"],
        {"a": "b"},
        3,
    )


def test_a_test_that_fails_changes_nothing(server):
    operations = [
        {"op": "add", "path": "/spec/rules/0/backendRefs/0/weight", "value": 1},
        {"op": "test", "path": "/spec/rules/0/backendRefs/1/name", "value": "another"},
    ]
    with pytest.raises(ApiException) as caught:
        api(server, "rollout").patch_namespaced_custom_object(
            *AT, "fraud", operations, _content_type="application/json-patch+json"
        )
    assert caught.value.status == 422
    assert weights(server) == [100, 0]


def test_an_object_is_made_once_and_heard_of(server):
    heard = []
    server.cluster.changed.append(lambda verb, manifest: heard.append((verb, manifest["metadata"]["name"])))
    rollout, workflow = (
        api(server, "rollout"),
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"}},
    )
    where = ("argoproj.io", "v1alpha1", "fraud", "workflows")
    rollout.create_namespaced_custom_object(*where, workflow)
    with pytest.raises(ApiException) as caught:
        rollout.create_namespaced_custom_object(*where, workflow)
    assert caught.value.status == 409
    assert heard == [("create", "w")]


@pytest.mark.parametrize(
    ("operation", "after"),
    [
        ({"op": "replace", "path": "/a/0", "value": 9}, {"a": [9, 2], "b/c": 3}),
        ({"op": "add", "path": "/a/-", "value": 9}, {"a": [1, 2, 9], "b/c": 3}),
        ({"op": "add", "path": "/a/0", "value": 9}, {"a": [9, 1, 2], "b/c": 3}),
        ({"op": "remove", "path": "/b~1c"}, {"a": [1, 2]}),
        ({"op": "test", "path": "/b~1c", "value": 3}, {"a": [1, 2], "b/c": 3}),
    ],
)
def test_operations(operation, after):
    assert patched({"a": [1, 2], "b/c": 3}, [operation]) == after


@pytest.mark.parametrize("path", ["/missing", "/a/7", "/a/x", "/b~1c/d"])
def test_operations_on_what_is_not_there(path):
    with pytest.raises(ApiError, match="the patch does not apply"):
        patched({"a": [1, 2], "b/c": 3}, [{"op": "replace", "path": path, "value": 1}])


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("HTTPRoute", "httproutes"),
        ("NetworkPolicy", "networkpolicies"),
        ("InferenceService", "inferenceservices"),
        ("StorageClass", "storageclasses"),
    ],
)
def test_plurals(kind, wanted):
    assert plural(kind) == wanted
