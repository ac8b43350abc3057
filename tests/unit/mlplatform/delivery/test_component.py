"""Delivery, on its recorded graph; its IAM documents, before a linter that knows AWS's actions."""

import fnmatch
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pulumi
import pytest

from components import with_values
from examples.delivery import BASE, GITLAB, MONITOR, POLICY, PROVIDER, TOPIC
from examples.hardened_bucket import KEY
from mlplatform.core.args import InvalidArgs
from mlplatform.delivery import Delivery, DeliveryArgs, images, reading
from mlplatform.facts.aws.iam import Statement, document
from promises import covers
from recorded import ROOT, Recorded, Refused, absent, exactly, json_of, record

OIDC = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
ROLE = "aws:iam/role:Role"
INLINE = "aws:iam/rolePolicy:RolePolicy"
MANAGED = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
BUCKET = "aws:s3/bucket:Bucket"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
KEY_TYPE = "aws:kms/key:Key"
REPOSITORY = "aws:ecr/repository:Repository"
IMAGES_LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
IMAGES_POLICY = "aws:ecr/repositoryPolicy:RepositoryPolicy"
BUDGET = "aws:budgets/budget:Budget"
MONITOR_TYPE = "aws:costexplorer/anomalyMonitor:AnomalyMonitor"
SUBSCRIPTION = "aws:costexplorer/anomalySubscription:AnomalySubscription"
COMPONENT = "mlplatform:index:Delivery"

GITHUB = "token.actions.githubusercontent.com"
SMALLEST: dict[str, Any] = {
    "github": {"repository": "acme/ml"},
    "project": "mlplatform",
    "environments": {"prod": {"deploy_policy_arns": [f"{POLICY}/deploy"]}},
    "permissions_boundary_arn": f"{POLICY}/boundary",
    "budgets": {},
}
ON_GITLAB: dict[str, Any] = {**{key: value for key, value in SMALLEST.items() if key != "github"}, "gitlab": GITLAB}


@cache
def _recorded(args: str) -> Recorded:
    return record(lambda: Delivery("x", DeliveryArgs.of(json.loads(args))))


def graph_of(args: Mapping[str, Any]) -> Recorded:
    return _recorded(json.dumps(args))


def changed(**values: Any) -> Recorded:
    """The smallest delivery with values at dotted paths, written with __ for the dot."""
    return graph_of(with_values(SMALLEST, {path.replace("__", "."): value for path, value in values.items()}))


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of(SMALLEST)


@pytest.fixture(scope="module")
def full() -> Recorded:
    return graph_of(BASE)


def outputs(graph: Recorded) -> dict[str, Any]:
    return dict(graph.one(COMPONENT)["outputs"])


def conditions(graph: Recorded, role: str) -> dict[str, Any]:
    (statement,) = graph.statements(ROLE, role, prop="assumeRolePolicy")
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    return dict(statement["Condition"])


def subjects(graph: Recorded, role: str, issuer: str = GITHUB) -> list[str]:
    return next(keys[f"{issuer}:sub"] for keys in conditions(graph, role).values() if f"{issuer}:sub" in keys)


def inline(graph: Recorded, name: str) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in graph.statements(INLINE, name)}


# --- who takes the roles


@covers(
    "delivery.oidc",
    field="DeliveryArgs.github.issuer",
    ends_in="aws:iam/openIdConnectProvider:OpenIdConnectProvider.url",
)
def test_provider_is_made_for_githubs_tokens_to_aws(smallest: Recorded) -> None:
    wanted = {"url": f"https://{GITHUB}", "clientIdLists": exactly(["sts.amazonaws.com"]), "thumbprintLists": absent}
    smallest.has(OIDC, wanted)


def test_roles_wait_for_the_provider_that_they_trust(smallest: Recorded) -> None:
    provider = smallest.one(OIDC)["urn"]
    for node in smallest.all(ROLE):
        if node["name"].startswith("x-prod-"):
            assert provider in node["dependencies"]
            (statement,) = json.loads(node["inputs"]["assumeRolePolicy"])["Statement"]
            assert statement["Principal"] == {"Federated": [f"arn:aws:iam::123456789012:oidc-provider/{GITHUB}"]}


@covers("delivery.adopted", field="DeliveryArgs.oidc_provider_arn", ends_in="aws:iam/role:Role.assumeRolePolicy")
def test_provider_given_is_trusted_and_none_is_made() -> None:
    graph = changed(oidc_provider_arn=PROVIDER)
    assert graph.count(OIDC) == 0
    for node in graph.all(ROLE):
        (statement,) = json.loads(node["inputs"]["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"Federated": [PROVIDER]}
    assert outputs(graph)["oidc_provider_arn"] == PROVIDER


@covers("delivery.repository", field="DeliveryArgs.github.repository", ends_in="aws:iam/role:Role.assumeRolePolicy")
@covers("delivery.branch", field="DeliveryArgs.github.branch_in_subject", ends_in="aws:iam/role:Role.assumeRolePolicy")
@covers(
    "delivery.environment",
    field="DeliveryArgs.environments.ci_environment",
    ends_in="aws:iam/role:Role.assumeRolePolicy",
)
def test_a_deployment_is_of_one_repository_environment_and_branch(full: Recorded) -> None:
    assert conditions(full, "x-prod-deploy") == {
        "StringEquals": {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": ["repo:acme/ml:environment:Production:ref:refs/heads/main"],
        }
    }
    assert subjects(full, "x-dev-deploy") == ["repo:acme/ml:environment:dev:ref:refs/heads/main"]


def test_a_preview_is_of_a_pull_request_or_the_branch(full: Recorded) -> None:
    assert subjects(full, "x-dev-preview") == [
        "repo:acme/ml:pull_request:ref:refs/pull/*",
        "repo:acme/ml:ref:refs/heads/main:ref:refs/heads/main",
    ]


def test_a_preview_can_ask_for_an_environment_of_its_own(full: Recorded) -> None:
    assert subjects(full, "x-prod-preview") == [
        "repo:acme/ml:environment:production-preview:ref:refs/pull/*",
        "repo:acme/ml:environment:production-preview:ref:refs/heads/main",
    ]


def test_without_the_ref_subjects_are_githubs_default() -> None:
    graph = changed(github__branch_in_subject=False, github__branch="trunk")
    assert subjects(graph, "x-prod-deploy") == ["repo:acme/ml:environment:prod"]
    assert subjects(graph, "x-prod-preview") == ["repo:acme/ml:pull_request", "repo:acme/ml:ref:refs/heads/trunk"]
    assert list(conditions(graph, "x-prod-preview")) == ["StringEquals"]


def test_without_the_ref_a_preview_environment_is_named_once() -> None:
    graph = changed(github__branch_in_subject=False, environments__prod__preview_environment="look")
    assert subjects(graph, "x-prod-preview") == ["repo:acme/ml:environment:look"]


def test_repositories_with_ids_are_trusted_with_them() -> None:
    graph = changed(github__repository="acme@123456/ml@456789")
    assert subjects(graph, "x-prod-deploy") == ["repo:acme@123456/ml@456789:environment:prod:ref:refs/heads/main"]


@covers(
    "delivery.gitlab", field="DeliveryArgs.gitlab.environment_in_subject", ends_in="aws:iam/role:Role.assumeRolePolicy"
)
def test_gitlab_is_trusted_by_project_branch_and_environment() -> None:
    graph = graph_of(ON_GITLAB)
    graph.has(OIDC, {"url": "https://gitlab.com", "clientIdLists": ["sts.amazonaws.com"]})
    assert subjects(graph, "x-prod-deploy", "gitlab.com") == [
        "project_path:acme/platform/ml:ref_type:branch:ref:main:environment:prod"
    ]
    assert subjects(graph, "x-prod-preview", "gitlab.com") == ["project_path:acme/platform/ml:ref_type:branch:ref:*"]


def test_gitlab_without_the_environment_trusts_the_branch() -> None:
    graph = graph_of({**ON_GITLAB, "gitlab": {**GITLAB, "environment_in_subject": False}})
    assert subjects(graph, "x-prod-deploy", "gitlab.com") == ["project_path:acme/platform/ml:ref_type:branch:ref:main"]


def test_two_environments_share_no_deploy_subject(full: Recorded) -> None:
    assert not set(subjects(full, "x-dev-deploy")) & set(subjects(full, "x-prod-deploy"))


# --- what a preview may do


def allowed(graph: Recorded, prefix: str) -> Iterator[dict[str, Any]]:
    for node in graph.all(INLINE, f"{prefix}.*"):
        yield from json.loads(node["inputs"]["policy"])["Statement"]


def patterns(statements: Iterator[dict[str, Any]], effect: str) -> set[str]:
    return {action for statement in statements if statement["Effect"] == effect for action in statement["Action"]}


def definitions() -> dict[str, list[dict[str, Any]]]:
    parliament = pytest.importorskip(
        "parliament", reason="needs parliament and pkg_resources: pip install 'parliament==1.6.4' 'setuptools<81'"
    )
    return {service["prefix"]: service["privileges"] for service in parliament.iam_definition}


def matched(pattern: str) -> list[dict[str, Any]]:
    service, _, action = pattern.partition(":")
    return [known for known in definitions()[service] if fnmatch.fnmatch(known["privilege"], action)]


@covers("delivery.preview", field="DeliveryArgs.environments", ends_in="aws:iam/rolePolicy:RolePolicy.policy")
def test_a_preview_only_reads(smallest: Recorded) -> None:
    for pattern in patterns(allowed(smallest, "x-prod-preview"), "Allow") - {"kms:Decrypt"}:
        assert matched(pattern), pattern
        for known in matched(pattern):
            assert known["access_level"] in {"List", "Read"}, (pattern, known["privilege"])


def test_a_preview_is_allowed_no_data_but_its_state(smallest: Recorded) -> None:
    data = [*reading.DATA, *reading.OBJECTS, *reading.DECRYPTION]
    denied = {f"{pattern.partition(':')[0]}:{known['privilege']}" for pattern in data for known in matched(pattern)}
    reads = {
        f"{pattern.partition(':')[0]}:{known['privilege']}"
        for pattern in patterns(iter(smallest.statements(INLINE, "x-prod-preview-reads")), "Allow")
        for known in matched(pattern)
    }
    assert {"s3:GetObject", "secretsmanager:GetSecretValue", "ssm:GetParameters", "dynamodb:Scan"} < denied
    assert reads & denied == set()


def test_reading_data_stays_denied_whatever_is_attached(smallest: Recorded) -> None:
    made = outputs(smallest)
    bucket = smallest.one(BUCKET, "x-state-bucket")["outputs"]["arn"]
    denials = inline(smallest, "x-prod-preview-denials")
    assert {statement["Effect"] for statement in denials.values()} == {"Deny"}
    assert denials["NoData"]["Resource"] == ["*"]
    assert denials["NoObjects"]["NotResource"] == [
        f"{bucket}/.pulumi/meta.yaml",
        f"{bucket}/.pulumi/stacks/mlplatform/prod.*",
        f"{bucket}/.pulumi/locks/organization/mlplatform/prod/*",
        f"{bucket}/.pulumi/journal/mlplatform/prod/*",
    ]
    assert denials["NoDecryption"]["NotResource"] == [made["state_key_arn"]]


def test_further_policies_of_a_preview_are_attached(full: Recorded) -> None:
    full.has(ATTACHMENT, {"policyArn": "arn:aws:iam::aws:policy/AWSSupportAccess"}, name="x-dev-preview-0")


def test_a_preview_reads_every_service_that_components_here_use() -> None:
    """By the modules of the AWS provider that the sources name."""
    prefixes = {"amp": "aps", "lambda_": "lambda", "vpc": "ec2", "costexplorer": "ce", "lb": "elasticloadbalancing"}
    named = " ".join(path.read_text() for path in (ROOT / "components" / "mlplatform").rglob("*.py"))
    modules = {word.split(".")[1] for word in named.split() if word.startswith("aws.") and word.count(".") == 2}
    services = {prefixes.get(module, module) for module in modules if module.isidentifier()}
    readable = {action.partition(":")[0] for action in [*reading.LISTED, *reading.BUCKETS]}
    readable |= set(reading.CONFIGURATION) | set(reading.GLOBAL)
    assert {"s3", "eks", "kms", "ecr", "budgets"} < services
    assert services - readable == set()


# --- what a deployment may do


@covers(
    "delivery.deploy",
    field="DeliveryArgs.environments.deploy_policy_arns, DeliveryArgs.environments.deploy_policies",
    ends_in="aws:iam/rolePolicyAttachment:RolePolicyAttachment.policyArn",
)
def test_a_deployment_may_do_what_it_is_given(full: Recorded) -> None:
    full.has(ATTACHMENT, {"policyArn": f"{POLICY}/deploy-dev"}, name="x-dev-deploy-0")
    full.has(MANAGED, {"policy": json_of({"Statement": []}), "path": "/x/"}, name="x-prod-deploy-platform")
    made = full.one(MANAGED, "x-prod-deploy-platform")["outputs"]["arn"]
    full.has(ATTACHMENT, {"policyArn": made}, name="x-prod-deploy-platform")
    assert not [node["name"] for node in full.all(ATTACHMENT) if "AdministratorAccess" in str(node["inputs"])]


@covers(
    "delivery.boundary", field="DeliveryArgs.permissions_boundary_arn", ends_in="aws:iam/role:Role.permissionsBoundary"
)
def test_every_role_is_bounded(full: Recorded) -> None:
    assert full.count(ROLE) == 5
    assert {node["inputs"]["permissionsBoundary"] for node in full.all(ROLE)} == {f"{POLICY}/boundary"}


def test_a_deployment_cannot_change_what_bounds_it(full: Recorded) -> None:
    guard = inline(full, "x-dev-deploy-guard")
    made = outputs(full)
    bucket = full.one(BUCKET, "x-state-bucket")["outputs"]["arn"]
    assert {statement["Effect"] for statement in guard.values()} == {"Deny"}
    assert set(guard["OwnRoles"]["Resource"]) == {
        *made["preview_role_arns"].values(),
        *made["deploy_role_arns"].values(),
    }
    assert guard["OwnPolicies"]["Resource"] == [
        "arn:aws:iam::123456789012:policy/x/*",
        f"{POLICY}/deploy-dev",
        f"{POLICY}/boundary",
    ]
    assert guard["OwnProvider"]["Resource"] == [made["oidc_provider_arn"]]
    assert guard["OwnState"]["Resource"] == [bucket, f"{bucket}/*"]
    assert guard["OwnKey"]["Resource"] == [made["state_key_arn"]]


def test_a_deployment_makes_bounded_roles_only(smallest: Recorded) -> None:
    guard = inline(smallest, "x-prod-deploy-guard")
    assert guard["BoundedRoles"]["Condition"] == {"StringNotEquals": {"iam:PermissionsBoundary": f"{POLICY}/boundary"}}
    assert {"iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"} < set(guard["BoundedRoles"]["Action"])
    assert {"iam:DeleteRolePermissionsBoundary", "iam:CreateUser"} < set(guard["NoUnbounding"]["Action"])
    relaxed = inline(changed(bounds_made_roles=False), "x-prod-deploy-guard")
    assert set(guard) - set(relaxed) == {"BoundedRoles", "NoUnbounding"}


def test_iam_decides_these_actions_by_the_boundary(smallest: Recorded) -> None:
    for pattern in inline(smallest, "x-prod-deploy-guard")["BoundedRoles"]["Action"]:
        (known,) = matched(pattern)
        keys = {key for kind in known["resource_types"] for key in kind["condition_keys"]}
        assert "iam:PermissionsBoundary" in keys, pattern


def test_sessions_last_as_long_as_given(full: Recorded) -> None:
    assert {node["inputs"]["maxSessionDuration"] for node in full.all(ROLE, "x-(dev|prod)-.*")} == {3600}
    longer = changed(environments__prod__session_minutes=90)
    assert {node["inputs"]["maxSessionDuration"] for node in longer.all(ROLE, "x-prod-.*")} == {5400}


# --- Pulumi's backend


@covers(
    "delivery.state",
    field="DeliveryArgs.state.noncurrent_days",
    ends_in="aws:s3/bucketVersioning:BucketVersioning.versioningConfiguration",
)
def test_state_is_versioned_and_old_versions_are_kept_for_a_quarter(smallest: Recorded) -> None:
    smallest.has(VERSIONING, {"versioningConfiguration": {"status": "Enabled"}}, name="x-state-versioning")
    rules = {rule["id"]: rule for rule in smallest.inputs(LIFECYCLE, "x-state-lifecycle")["rules"]}
    assert rules["noncurrent"]["noncurrentVersionExpiration"] == {"noncurrentDays": 90}
    assert set(rules) == {"abort-multipart", "noncurrent"}


@covers("delivery.state-kms", field="DeliveryArgs.state.kms_key_arn", ends_in="aws:kms/key:Key.policy")
def test_state_is_encrypted_by_a_key_of_its_own(smallest: Recorded) -> None:
    key = smallest.one(KEY_TYPE)["outputs"]["arn"]
    wanted = {"rules": [{"applyServerSideEncryptionByDefault": {"kmsMasterKeyId": key}}]}
    smallest.has(ENCRYPTION, wanted, name="x-state-encryption")
    smallest.has(KEY_TYPE, {"enableKeyRotation": True})
    assert {statement["Sid"] for statement in smallest.statements(KEY_TYPE)} == {"AccountByIamPolicies", "S3"}


@covers("delivery.state-locked", field="DeliveryArgs.deletion_protection", ends_in="aws:s3/bucket:Bucket.forceDestroy")
def test_state_is_private_and_stays(smallest: Recorded) -> None:
    smallest.has(BLOCK, {"blockPublicPolicy": True, "restrictPublicBuckets": True}, name="x-state-public-access-block")
    smallest.has(BUCKET, {"forceDestroy": False}, name="x-state-bucket", protect=True, retain_on_delete=True)
    smallest.has(KEY_TYPE, {}, protect=True, retain_on_delete=True)
    loose = changed(deletion_protection=False, force_destroy=True)
    loose.has(BUCKET, {"forceDestroy": True}, name="x-state-bucket", protect=absent)


@covers(
    "delivery.secrets-provider",
    field="DeliveryArgs.environments",
    ends_in="mlplatform:index:Delivery.outputs",
)
def test_backend_and_secrets_provider_are_given_as_pulumi_takes_them(full: Recorded) -> None:
    made = outputs(full)
    assert made["state_url"] == f"s3://{made['state_bucket_name']}?region=us-east-1"
    assert made["secrets_providers"] == {
        name: f"awskms:///{made['state_key_arn']}?region=us-east-1&context_environment={name}"
        for name in ("dev", "prod")
    }


# Paths of the files of a stack, as `pkg/backend/diy` of pulumi/pulumi makes them.
REPLACED = (
    "stacks/mlplatform/production.*",
    "locks/organization/mlplatform/production/*",
    "journal/mlplatform/production/*",
)
KEPT = ("history/mlplatform/production/*", "backups/mlplatform/production/*")


def test_a_deployment_writes_the_files_of_its_stack(full: Recorded) -> None:
    bucket = full.one(BUCKET, "x-state-bucket")["outputs"]["arn"]
    found = inline(full, "x-prod-deploy-state")
    replaced = [f"{bucket}/.pulumi/{path}" for path in REPLACED]
    kept = [f"{bucket}/.pulumi/{path}" for path in KEPT]
    assert {sid: (statement["Action"], statement["Resource"]) for sid, statement in found.items()} == {
        "ListState": (["s3:ListBucket"], [bucket]),
        "ReadState": (["s3:GetObject"], [f"{bucket}/.pulumi/meta.yaml", *replaced, *kept]),
        "WriteState": (["s3:AbortMultipartUpload", "s3:PutObject"], [*replaced, *kept]),
        "DeleteState": (["s3:DeleteObject"], replaced),
        "KeyByS3": (["kms:Decrypt", "kms:GenerateDataKey"], [outputs(full)["state_key_arn"]]),
        "SecretsProvider": (["kms:Decrypt"], [outputs(full)["state_key_arn"]]),
    }
    assert "Condition" not in found["ListState"]
    assert found["KeyByS3"]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    assert found["SecretsProvider"]["Condition"] == {"StringEquals": {"kms:EncryptionContext:environment": "prod"}}


def test_a_preview_writes_nothing_and_reads_its_stack(full: Recorded) -> None:
    bucket = full.one(BUCKET, "x-state-bucket")["outputs"]["arn"]
    found = inline(full, "x-prod-preview-state")
    assert {sid: statement["Action"] for sid, statement in found.items()} == {
        "ListState": ["s3:ListBucket"],
        "ReadState": ["s3:GetObject"],
        "KeyByS3": ["kms:Decrypt"],
        "SecretsProvider": ["kms:Decrypt"],
    }
    assert found["ReadState"]["Resource"] == [
        f"{bucket}/.pulumi/meta.yaml",
        *(f"{bucket}/.pulumi/{path}" for path in REPLACED),
    ]


# What Pulumi 3.259 asked of an S3 of moto for a stack in this backend; paths are below `.pulumi/`.
READING = (
    *(("s3:GetObject", path) for path in ("meta.yaml", "stacks/mlplatform/production.json")),
    ("s3:GetObject", "stacks/mlplatform/production.pulumi-tags"),
    ("s3:ListBucket", ""),
)
UPDATING = (
    *READING,
    *(
        (f"s3:{verb}Object", "locks/organization/mlplatform/production/026b18c5.json")
        for verb in ("Delete", "Get", "Put")
    ),
    *(("s3:PutObject", f"stacks/mlplatform/production.json{suffix}") for suffix in ("", ".bak")),
    *(
        ("s3:PutObject", f"history/mlplatform/production/production-17.{part}.json")
        for part in ("checkpoint", "history")
    ),
    ("s3:GetObject", "history/mlplatform/production/production-17.history.json"),
    ("s3:PutObject", "backups/mlplatform/production/production.17.json"),
)


def may(graph: Recorded, role: str, action: str, arn: str) -> bool:
    """Whether the role's documents here allow an action, and none denies it."""
    decided = set()
    for statement in allowed(graph, role):
        within = any(fnmatch.fnmatchcase(arn, pattern) for pattern in statement.get("Resource", ()))
        if "NotResource" in statement:
            within = not any(fnmatch.fnmatchcase(arn, pattern) for pattern in statement["NotResource"])
        if within and any(fnmatch.fnmatchcase(action, pattern) for pattern in statement["Action"]):
            decided.add(statement["Effect"])
    return decided == {"Allow"}


def arn_of(graph: Recorded, path: str) -> str:
    bucket = str(graph.one(BUCKET, "x-state-bucket")["outputs"]["arn"])
    return f"{bucket}/.pulumi/{path}" if path else bucket


def test_pulumi_may_do_what_it_does_and_no_more(full: Recorded) -> None:
    for action, path in READING:
        assert may(full, "x-prod-preview", action, arn_of(full, path)), (action, path)
    for action, path in UPDATING:
        assert may(full, "x-prod-deploy", action, arn_of(full, path)), (action, path)
        if action in {"s3:PutObject", "s3:DeleteObject"}:
            assert not may(full, "x-prod-preview", action, arn_of(full, path)), (action, path)
    others = ("stacks/mlplatform/dev.json", "stacks/other/production.json", "stacks/mlplatform/production-eu.json")
    for path in others:
        assert not may(full, "x-prod-preview", "s3:GetObject", arn_of(full, path)), path
        assert not may(full, "x-prod-deploy", "s3:PutObject", arn_of(full, path)), path
    for path in ("history/mlplatform/production/production-17.history.json", "meta.yaml"):
        assert not may(full, "x-prod-deploy", "s3:DeleteObject", arn_of(full, path)), path
    assert not may(full, "x-prod-deploy", "s3:DeleteObjectVersion", arn_of(full, "stacks/mlplatform/production.json"))


def test_one_environment_reaches_no_file_of_another(full: Recorded) -> None:
    for role in ("x-dev-preview-state", "x-dev-deploy-state"):
        for statement in inline(full, role).values():
            assert not [arn for arn in statement["Resource"] if "production" in arn]


def test_a_bucket_given_is_used_and_none_is_made() -> None:
    graph = changed(state={"bucket_name": "acme-pulumi-state", "kms_key_arn": KEY})
    assert (graph.count(BUCKET), graph.count(KEY_TYPE)) == (0, 0)
    assert outputs(graph)["state_url"] == "s3://acme-pulumi-state?region=us-east-1"
    assert inline(graph, "x-prod-deploy-state")["ListState"]["Resource"] == ["arn:aws:s3:::acme-pulumi-state"]
    assert inline(graph, "x-prod-deploy-state")["SecretsProvider"]["Resource"] == [KEY]


def test_the_key_admits_replication_where_state_is_replicated(full: Recorded) -> None:
    sids = {statement["Sid"] for statement in full.statements(KEY_TYPE, "x-state-key")}
    assert sids == {"AccountByIamPolicies", "S3", "S3Replication"}


# --- images


@covers(
    "delivery.immutable", field="DeliveryArgs.repositories", ends_in="aws:ecr/repository:Repository.imageTagMutability"
)
@covers(
    "delivery.scanned",
    field="DeliveryArgs.repositories",
    ends_in="aws:ecr/repository:Repository.imageScanningConfiguration",
)
@covers(
    "delivery.encrypted",
    field="DeliveryArgs.images_kms_key_arn",
    ends_in="aws:ecr/repository:Repository.encryptionConfigurations",
)
def test_images_are_immutable_scanned_and_encrypted(full: Recorded) -> None:
    key = full.one(KEY_TYPE, "x-images-key")["outputs"]["arn"]
    wanted = {
        "name": "ml/scorer",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfigurations": exactly([{"encryptionType": "KMS", "kmsKey": key}]),
        "forceDelete": False,
    }
    full.has(REPOSITORY, wanted, name="x-images-ml/scorer", protect=True, retain_on_delete=True)
    assert {statement["Sid"] for statement in full.statements(KEY_TYPE, "x-images-key")} == {
        "AccountByIamPolicies",
        "Ecr",
    }


def test_no_repository_means_no_key_for_one(smallest: Recorded) -> None:
    assert (smallest.count(REPOSITORY), smallest.count(KEY_TYPE)) == (0, 1)
    assert outputs(smallest)["repository_urls"] == {}


@covers(
    "delivery.lifecycle",
    field="DeliveryArgs.repositories.keep_images",
    ends_in="aws:ecr/lifecyclePolicy:LifecyclePolicy.policy",
)
def test_old_images_go_by_count_and_untagged_ones_by_age(full: Recorded) -> None:
    policy = json.loads(full.inputs(IMAGES_LIFECYCLE, "x-images-ml/trainer")["policy"])
    assert [(rule["rulePriority"], rule["selection"]) for rule in policy["rules"]] == [
        (1, {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}),
        (2, {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 200}),
    ]
    assert {rule["action"]["type"] for rule in policy["rules"]} == {"expire"}


def test_numbers_of_the_wire_are_whole_in_the_lifecycle() -> None:
    text = json.dumps(images.lifecycle(untagged_days=7.0, keep_images=50.0))
    assert '"countNumber": 7}' in text
    assert '"countNumber": 50}' in text


@covers(
    "delivery.pull",
    field="DeliveryArgs.repositories.pull_account_ids",
    ends_in="aws:ecr/repositoryPolicy:RepositoryPolicy.policy",
)
def test_others_pull_only_where_it_says_so(full: Recorded) -> None:
    found = {statement["Sid"]: statement for statement in full.statements(IMAGES_POLICY, "x-images-ml/scorer")}
    assert found["Accounts"]["Principal"] == {"AWS": ["arn:aws:iam::210987654321:root"]}
    assert set(found["Accounts"]["Action"]) == {
        *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
    }
    assert found["Lambda"]["Principal"] == {"Service": ["lambda.amazonaws.com"]}
    assert found["Lambda"]["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws:lambda:us-east-1:123456789012:function:*"}
    }
    assert full.count(IMAGES_POLICY) == 1


def test_only_the_environment_that_builds_may_push(full: Recorded) -> None:
    assert [node["name"] for node in full.all(INLINE, ".*-images")] == ["x-dev-deploy-images"]
    push = inline(full, "x-dev-deploy-images")["Push"]
    assert "ecr:PutImage" in push["Action"]
    assert push["Resource"] == list(outputs(full)["repository_arns"].values())


# --- costs


@covers(
    "delivery.budgets", field="DeliveryArgs.budgets.actual_percent", ends_in="aws:budgets/budget:Budget.notifications"
)
def test_budgets_warn_of_what_is_spent_and_what_will_be(full: Recorded) -> None:
    told = {"comparisonOperator": "GREATER_THAN", "thresholdType": "PERCENTAGE"}
    emails = {"subscriberEmailAddresses": ["ml-costs@example.com"]}
    wanted = {
        "budgetType": "COST",
        "timeUnit": "MONTHLY",
        "limitAmount": "5000",
        "limitUnit": "USD",
        "costFilters": exactly([{"name": "TagKeyValue", "values": ["user:environment$dev"]}]),
        "notifications": exactly(
            [
                {**told, **emails, "notificationType": "ACTUAL", "threshold": 80},
                {**told, **emails, "notificationType": "ACTUAL", "threshold": 100},
                {**told, **emails, "notificationType": "FORECASTED", "threshold": 100},
            ]
        ),
    }
    full.has(BUDGET, wanted, name="x-budget-month")


def test_a_topic_is_told_instead_of_people() -> None:
    graph = changed(budgets={"month": {"limit_usd": 10, "sns_topic_arn": TOPIC, "forecast_percent": []}})
    for notification in graph.inputs(BUDGET)["notifications"]:
        assert notification["subscriberSnsTopicArns"] == [TOPIC]
        assert "subscriberEmailAddresses" not in notification
    graph.has(BUDGET, {"costFilters": absent})


@covers(
    "delivery.anomalies",
    field="DeliveryArgs.anomalies.impact_usd",
    ends_in="aws:costexplorer/anomalySubscription:AnomalySubscription.thresholdExpression",
)
def test_anomalies_are_mailed_daily(full: Recorded, smallest: Recorded) -> None:
    full.has(MONITOR_TYPE, {"monitorType": "DIMENSIONAL", "monitorDimension": "SERVICE"})
    wanted = {
        "frequency": "DAILY",
        "monitorArnLists": [full.one(MONITOR_TYPE)["outputs"]["arn"]],
        "subscribers": [{"type": "EMAIL", "address": "ml-costs@example.com"}],
        "thresholdExpression": {
            "dimension": {
                "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                "matchOptions": ["GREATER_THAN_OR_EQUAL"],
                "values": ["100"],
            }
        },
    }
    full.has(SUBSCRIPTION, wanted)
    assert smallest.count(SUBSCRIPTION) == 0


def test_a_monitor_given_is_used() -> None:
    graph = changed(anomalies={"emails": ["a@example.com"], "monitor_arn": MONITOR})
    assert graph.count(MONITOR_TYPE) == 0
    graph.has(SUBSCRIPTION, {"monitorArnLists": [MONITOR]})


# --- documents

# What the linter finds in a document that is meant.
MEANT = {
    # Listing knows no resource, and denials are for all of them.
    "RESOURCE_STAR",
    # AWS's own managed policies have `aws` for an account.
    "INVALID_ARN",
    # kms:EncryptionContext:... has no fixed name.
    "UNKNOWN_CONDITION_FOR_ACTION",
    # The boundary's ARN is compared as text, as IAM documents it.
    "MISMATCHED_TYPE_BUT_USABLE",
}


def issues(text: str) -> set[str]:
    parliament = pytest.importorskip(
        "parliament", reason="needs parliament and pkg_resources: pip install 'parliament==1.6.4' 'setuptools<81'"
    )
    return {finding.issue for finding in parliament.analyze_policy_string(text).findings}


def test_linter_knows_every_action_and_condition(full: Recorded) -> None:
    for node in full.all(INLINE, "x-(dev|prod)-.*"):
        assert issues(node["inputs"]["policy"]) <= MEANT, node["name"]


def test_inline_documents_fit_into_their_role(full: Recorded) -> None:
    """10,240 characters a role, white space not counted (IAM User Guide, IAM and AWS STS quotas)."""
    for role in ("dev-preview", "dev-deploy", "prod-preview", "prod-deploy"):
        texts = [node["inputs"]["policy"] for node in full.all(INLINE, f"x-{role}-.*")]
        assert sum(len("".join(text.split())) for text in texts) < 10_240, role


@pytest.mark.parametrize(
    "statement",
    [
        Statement("Wide", ("s3:GetObject",), not_resources=("arn:aws:s3:::models/*",)),
        Statement("Both", ("s3:GetObject",), ("*",), "Deny", not_resources=("arn:aws:s3:::models/*",)),
    ],
    ids=["allows all but", "names both"],
)
def test_everything_but_is_for_denials_alone(statement: Statement) -> None:
    with pytest.raises(ValueError, match="not_resources"):
        document(statement)


# --- arguments


def with_outputs() -> None:
    def later(value: Any) -> pulumi.Output[Any]:
        return pulumi.Output.from_input(value)

    given = {
        **SMALLEST,
        "oidc_provider_arn": later(PROVIDER),
        "permissions_boundary_arn": later(f"{POLICY}/later"),
        "environments": {"prod": {"deploy_policy_arns": [later(f"{POLICY}/deploy")], "session_minutes": later(90)}},
        "state": {"bucket_name": later("acme-pulumi-state"), "kms_key_arn": later(KEY)},
        "images_kms_key_arn": later(KEY),
        "repositories": {"scorer": {"keep_images": later(5), "pull_account_ids": [later("210987654321")]}},
        "budgets": {"month": {"limit_usd": later(7), "emails": [later("a@example.com")]}},
    }
    Delivery("x", DeliveryArgs.of(given))


def test_outputs_are_taken_where_values_are() -> None:
    graph = record(with_outputs)
    graph.has(ROLE, {"permissionsBoundary": f"{POLICY}/later", "maxSessionDuration": 5400}, name="x-prod-deploy")
    graph.has(BUDGET, {"limitAmount": "7"})
    graph.has(REPOSITORY, {"encryptionConfigurations": [{"kmsKey": KEY}]})
    assert outputs(graph)["state_url"] == "s3://acme-pulumi-state?region=us-east-1"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no CI": ({"github": None}, ": github and gitlab: neither given; allowed is exactly one; set one of them"),
    "two CIs": ({"gitlab": GITLAB}, ": github and gitlab: both given; allowed is exactly one; set one of them"),
    "repository without owner": (
        {"github.repository": "ml"},
        (
            ".github.repository: got 'ml'; allowed is a repository as the subject of its tokens has it: acme/ml, or "
            "acme@123456/ml@456789 where GitHub adds ids"
        ),
    ),
    "every repository of an owner": (
        {"github.repository": "acme/*"},
        (
            ".github.repository: got 'acme/*'; allowed is a repository as the subject of its tokens has it: acme/ml, "
            "or acme@123456/ml@456789 where GitHub adds ids"
        ),
    ),
    "every branch": (
        {"github.branch": "release/*"},
        ".github.branch: got 'release/*'; allowed is a branch without refs/heads/, no wildcard, such as main",
    ),
    "issuer without scheme": (
        {"github.issuer": "github.example.com"},
        (
            ".github.issuer: got 'github.example.com'; allowed is an https address without port, query or / at its "
            "end, such as https://gitlab.example.com"
        ),
    ),
    "provider of another issuer": (
        {"oidc_provider_arn": PROVIDER.replace(GITHUB, "gitlab.com")},
        (
            ": oidc_provider_arn 'arn:aws:iam::123456789012:oidc-provider/gitlab.com': not that of issuer "
            "'token.actions.githubusercontent.com'; give the issuer's provider"
        ),
    ),
    "no environment": (
        {"environments": {}},
        ".environments: got none; allowed are one or more; name an environment of this account",
    ),
    "environment in capitals": (
        {"environments": {"Prod": {"deploy_policy_arns": [f"{POLICY}/deploy"]}}},
        (
            ".environments: got 'Prod'; allowed is lower-case letters, digits and -, at most 32, first a letter, such "
            "as prod"
        ),
    ),
    "a role that may do nothing": (
        {"environments": {"prod": {}}},
        (
            ".environments.prod: deploy_policy_arns and deploy_policies missing: the deploy role could do nothing; "
            "allowed are policies of your own; set one of them"
        ),
    ),
    "policy by name": (
        {"environments.prod.deploy_policy_arns": ["deploy"]},
        (
            ".environments.prod.deploy_policy_arns: got 'deploy'; allowed is the ARN of a managed policy, such as "
            "arn:aws:iam::111122223333:policy/deploy"
        ),
    ),
    "session of half an hour": (
        {"environments.prod.session_minutes": 30},
        ".environments.prod.session_minutes: got 30; allowed are 60 to 720 minutes",
    ),
    "stack with a dot": (
        {"environments.prod.stack": "prod.eu"},
        ".environments.prod.stack: got 'prod.eu'; allowed is letters, digits, - and _, at most 100, such as prod",
    ),
    "one stack twice": (
        {"environments.live": {"deploy_policy_arns": [f"{POLICY}/deploy"], "stack": "prod"}},
        ": environments: stack 'prod' is that of two; allowed is one each; set another stack",
    ),
    "pushing nowhere": (
        {"environments.prod.pushes_images": True},
        (
            ": environments.prod.pushes_images true and no repositories: there is nowhere to push; name repositories "
            "or take it out"
        ),
    ),
    "bucket without its key": (
        {"state": {"bucket_name": "acme-pulumi-state"}},
        (
            ".state: bucket_name without kms_key_arn: the roles could not read what that bucket encrypts; set "
            "kms_key_arn to the bucket's key"
        ),
    ),
    "a bucket of others, set up here": (
        {"state": {"bucket_name": "acme-pulumi-state", "kms_key_arn": KEY, "noncurrent_days": 7}},
        ".state: bucket_name and noncurrent_days: a bucket of others is set up by them; take one or the other out",
    ),
    "repository in capitals": (
        {"repositories": {"ML/Scorer": {}}},
        (
            ".repositories: ECR repository 'ML/Scorer' is not accepted; allowed: 2 or more lower-case letters and "
            "digits, parted by . _ __ - or /; fix: change the characters"
        ),
    ),
    "one image": (
        {"repositories": {"scorer": {"keep_images": 1}}},
        ".repositories.scorer.keep_images: got 1; allowed are 2 to 10000 images",
    ),
    "account by name": (
        {"repositories": {"scorer": {"pull_account_ids": ["prod"]}}},
        (".repositories.scorer.pull_account_ids: got 'prod'; allowed is an AWS account id of twelve digits, quoted"),
    ),
    "account twice": (
        {"repositories": {"scorer": {"pull_account_ids": ["111122223333", "111122223333"]}}},
        (
            ".repositories.scorer.pull_account_ids: got 111122223333 more than once; allowed is once each; take the "
            "others out"
        ),
    ),
    "nobody told": (
        {"budgets": {"month": {"limit_usd": 10}}},
        ".budgets.month: emails and sns_topic_arn missing: nobody would be told; set one of them",
    ),
    "no budget at all": (
        {"budgets": {"month": {"limit_usd": 0, "emails": ["a@example.com"]}}},
        ".budgets.month.limit_usd: got 0; allowed are 1 US dollars or more",
    ),
    "too many to tell": (
        {"budgets": {"month": {"limit_usd": 10, "emails": [f"a{n}@example.com" for n in range(11)]}}},
        ".budgets.month: 11 emails: AWS takes 10; use sns_topic_arn for more",
    ),
    "no threshold": (
        {
            "budgets": {
                "month": {"limit_usd": 10, "emails": ["a@example.com"], "actual_percent": [], "forecast_percent": []}
            }
        },
        (
            ".budgets.month: actual_percent and forecast_percent have 0 thresholds; allowed are 1 to 10 together; "
            "change one of them"
        ),
    ),
    "no address": (
        {"anomalies": {"emails": ["costs"]}},
        ".anomalies.emails: got 'costs'; allowed is an e-mail address, such as ml-costs@example.com",
    ),
    "no addressee": (
        {"anomalies": {"emails": []}},
        ".anomalies: emails got none; allowed are one or more addresses; name one, or take anomalies out",
    ),
    "protected and destroyed": (
        {"force_destroy": True},
        (
            ": deletion_protection true and force_destroy true: what is protected cannot be destroyed; set one of them "
            "to false"
        ),
    ),
    "boundary by name": (
        {"permissions_boundary_arn": "boundary"},
        (
            ".permissions_boundary_arn: got 'boundary'; allowed is the ARN of a managed policy, such as "
            "arn:aws:iam::111122223333:policy/deploy"
        ),
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        DeliveryArgs.of(with_values(SMALLEST, change))
    assert str(refused.value) == f"DeliveryArgs{message}"


def test_gitlab_has_no_preview_environment() -> None:
    environment = {"deploy_policy_arns": [f"{POLICY}/deploy"], "preview_environment": "look"}
    with pytest.raises(InvalidArgs) as refused:
        DeliveryArgs.of({**ON_GITLAB, "environments": {"prod": environment}})
    assert str(refused.value) == (
        "DeliveryArgs: gitlab and environments.prod.preview_environment 'look': GitLab's previews are trusted by "
        "branch; take preview_environment out"
    )


def test_missing_arguments_are_named() -> None:
    with pytest.raises(InvalidArgs) as refused:
        DeliveryArgs.of({"github": {"repository": "acme/ml"}})
    assert str(refused.value) == (
        "DeliveryArgs.budgets: missing; set it: Budgets by a short name\n"
        "DeliveryArgs.environments: missing; set it: Environments in this account, by name such as `prod`: two roles "
        "each\n"
        "DeliveryArgs.permissions_boundary_arn: missing; set it: Policy that bounds what every role made here can ever "
        "do\n"
        "DeliveryArgs.project: missing; set it: Pulumi project whose stacks are deployed: roles reach its files only"
    )


def test_a_name_too_long_for_its_roles_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: Delivery("d" * 50, DeliveryArgs.of(SMALLEST)))
    assert str(refused.value) == (
        f"Delivery {'d' * 50!r}: IAM role '{'d' * 50}-prod-preview' has 63 characters; allowed: 56 before Pulumi's "
        "suffix of 8; fix: take away 7"
    )


# --- documentation

DOCUMENT = (ROOT / "docs" / "delivery.md").read_text()


def test_the_documents_program_runs() -> None:
    indented = DOCUMENT.partition("   ```python\n")[2].partition("   ```\n")[0]
    program = textwrap.dedent(indented).replace("mlplatform.Delivery", "Delivery").replace("import mlplatform\n", "")
    names = {"Delivery": Delivery, "DeliveryArgs": DeliveryArgs}
    outputs = record(lambda: exec(program, names)).outputs  # noqa: S102 - the document's own
    assert set(outputs["deploy_role_arns"]) == {"prod"}
    assert outputs["state_url"].startswith("s3://")


def test_the_document_names_what_there_is() -> None:
    for name in re.findall(r"output `(\w+)`", DOCUMENT):
        assert name in Delivery.__annotations__, name
    for field in ("branch_in_subject", "environment_in_subject", "preview_environment", "pushes_images"):
        assert f"`{field}" in DOCUMENT
    for claim in ("repo", "context", "ref"):
        assert f"'include_claim_keys[]={claim}'" in DOCUMENT
