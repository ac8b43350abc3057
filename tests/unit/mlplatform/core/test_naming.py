"""Limits of names: what is accepted, what is refused and how it says so, and shortening that is the same always."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlplatform.core import naming
from mlplatform.core.naming import LIMITS, Kind

ACCEPTED = {
    Kind.IAM_ROLE: "ml+platform=dev,x.@-_",
    Kind.IAM_ROLE_PREFIX: "mlplatform-",
    Kind.IAM_POLICY: "reader",
    Kind.INSTANCE_PROFILE: "node",
    Kind.S3_BUCKET: "ml-platform.models-1",
    Kind.SQS_QUEUE: "intake.fifo",
    Kind.SNS_TOPIC: "alerts_1",
    Kind.EVENT_RULE: "spot.interruption",
    Kind.EVENT_BUS: "ml-events",
    Kind.SCHEDULE: "nightly",
    Kind.LOAD_BALANCER: "serving-1",
    Kind.SECURITY_GROUP: "nodes of dev (all)",
    Kind.EKS_CLUSTER: "ml_dev-1",
    Kind.DYNAMODB_TABLE: "fraud.driver_stats",
    Kind.LOG_GROUP: "/aws/eks/ml-dev/cluster",
    Kind.KMS_ALIAS: "alias/ml/dev",
    Kind.GLUE_DATABASE: "fraud_features",
    Kind.ATHENA_WORKGROUP: "feast.dev",
    Kind.LAMBDA_FUNCTION: "scorer_1",
    Kind.ECR_REPOSITORY: "ml/serving-image",
    Kind.RDS_INSTANCE: "ml-registry",
    Kind.SECRET: "ml/registry@1",
    Kind.KUBERNETES: "training-queue",
}
REFUSED = {
    Kind.IAM_ROLE: "a b",
    Kind.IAM_ROLE_PREFIX: "a/b",
    Kind.IAM_POLICY: "",
    Kind.INSTANCE_PROFILE: "a:b",
    Kind.S3_BUCKET: "Models",
    Kind.SQS_QUEUE: "a.b",
    Kind.SNS_TOPIC: "a b",
    Kind.EVENT_RULE: "a/b",
    Kind.EVENT_BUS: "a/b",
    Kind.SCHEDULE: "a b",
    Kind.LOAD_BALANCER: "internal-a",
    Kind.SECURITY_GROUP: "sg-nodes",
    Kind.EKS_CLUSTER: "-a",
    Kind.DYNAMODB_TABLE: "ab",
    Kind.LOG_GROUP: "a b",
    Kind.KMS_ALIAS: "alias/aws/s3",
    Kind.GLUE_DATABASE: "fraud-features",
    Kind.ATHENA_WORKGROUP: "a/b",
    Kind.LAMBDA_FUNCTION: "a.b",
    Kind.ECR_REPOSITORY: "a",
    Kind.RDS_INSTANCE: "a--b",
    Kind.SECRET: "a b",
    Kind.KUBERNETES: "a.b",
}


def test_every_kind_has_a_limit_with_a_source():
    assert set(LIMITS) == set(ACCEPTED) == set(REFUSED) == set(Kind)
    assert all(limit.source and limit.allowed for limit in LIMITS.values())


@pytest.mark.parametrize(
    ("kind", "longest"),
    [
        (Kind.IAM_ROLE, 64),
        (Kind.IAM_ROLE_PREFIX, 38),
        (Kind.IAM_POLICY, 128),
        (Kind.SQS_QUEUE, 80),
        (Kind.S3_BUCKET, 63),
        (Kind.LOAD_BALANCER, 32),
        (Kind.SECURITY_GROUP, 255),
        (Kind.KUBERNETES, 63),
        (Kind.EKS_CLUSTER, 100),
        (Kind.DYNAMODB_TABLE, 255),
        (Kind.LOG_GROUP, 512),
        (Kind.KMS_ALIAS, 256),
        (Kind.GLUE_DATABASE, 255),
    ],
)
def test_lengths(kind, longest):
    assert LIMITS[kind].longest == longest


@pytest.mark.parametrize(("kind", "name"), ACCEPTED.items())
def test_accepted(kind, name):
    assert naming.check(kind, name) == name


@pytest.mark.parametrize(("kind", "name"), REFUSED.items())
def test_refused(kind, name):
    message = f"{kind} {name!r} is not accepted; allowed: {LIMITS[kind].allowed}; fix: change the characters"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        naming.check(kind, name)


@pytest.mark.parametrize(
    "name", ["10.0.0.1", "a..b", "xn--a", "sthree-a", "a-s3alias", "a--ol-s3", "-a", "a-", "a", "amzn-s3-demo-a"]
)
def test_bucket_names_that_aws_keeps_or_refuses(name):
    with pytest.raises(ValueError, match="S3 bucket"):
        naming.check(Kind.S3_BUCKET, name)


@pytest.mark.parametrize("name", ["sg-a", "SG-a"])
def test_security_groups_never_begin_like_an_id(name):
    with pytest.raises(ValueError, match="not beginning with sg-"):
        naming.check(Kind.SECURITY_GROUP, name)


def test_pulumis_suffix_counts():
    assert naming.check(Kind.LOAD_BALANCER, "a" * 24, autonamed=True) == "a" * 24
    message = f"load balancer '{'a' * 25}' has 25 characters; allowed: 24 before Pulumi's suffix of 8; fix: take away 1"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        naming.check(Kind.LOAD_BALANCER, "a" * 25, autonamed=True)
    with pytest.raises(ValueError, match=r"has 33 characters; allowed: 32; fix: take away 1$"):
        naming.check(Kind.LOAD_BALANCER, "a" * 33)


def test_fit_in_full():
    assert naming.fit(Kind.KUBERNETES, "short") == "short"
    assert naming.fit(Kind.KUBERNETES, f"{'a' * 53}-{'b' * 20}") == f"{'a' * 53}-af3ec493"
    assert naming.fit(Kind.SQS_QUEUE, f"{'a' * 90}.fifo") == f"{'a' * 66}-0e2bd5dd.fifo"
    assert naming.fit(Kind.GLUE_DATABASE, "a" * 300)[246] == "_"


SAMPLES = st.sampled_from([kind for kind in Kind if kind is not Kind.S3_BUCKET])


@given(SAMPLES, st.integers(0, 700))
def test_fit_is_accepted_and_stable(kind, more):
    name = ACCEPTED[kind].removesuffix(".fifo") + "x" * more
    fitted = naming.fit(kind, name)
    assert naming.check(kind, fitted) == fitted == naming.fit(kind, name)
    assert (fitted == name) == (len(name) <= LIMITS[kind].longest)


@given(st.text("ab", min_size=70, max_size=90), st.text("ab", min_size=70, max_size=90))
def test_different_long_names_stay_different(one, other):
    assert (naming.fit(Kind.KUBERNETES, one) == naming.fit(Kind.KUBERNETES, other)) == (one == other)


def test_fit_does_not_mend_characters():
    with pytest.raises(ValueError, match="is not accepted"):
        naming.fit(Kind.KUBERNETES, "A" * 70)
