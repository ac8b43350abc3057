"""What an endpoint may do in S3: the exact documents, and what they cannot name."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from mlplatform.core.args import Args, InvalidArgs, checked
from mlplatform.core.identifiers import MODEL_NAME
from mlplatform.core.place import Place
from mlplatform.serving_endpoint.access import (
    MODEL_VERSION,
    ModelSource,
    model_read_policy,
    read_policies,
    request_log_policy,
)
from recorded import record

MODELS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/models"
FEATURES_KEY = "arn:aws:kms:eu-west-1:123456789012:key/features"


def place(region: str = "eu-west-1", partition: str = "aws") -> Place:
    output = pulumi.Output.from_input
    return Place(account_id=output("123456789012"), region=output(region), partition=output(partition))


def text(made: Callable[[], pulumi.Output[str]]) -> str:
    """What an output resolves to."""
    return str(record(lambda: pulumi.export("it", made())).outputs["it"])


def statements(made: Callable[[], pulumi.Output[str]]) -> list[dict[str, Any]]:
    return list(json.loads(text(made))["Statement"])


def source(**changes: Any) -> ModelSource:
    return ModelSource(**{"bucket": "models", "name": "fraud", "version": "17", "key_arn": MODELS_KEY, **changes})


def allow(sid: str, action: str, resource: str, conditions: dict[str, Any] | None = None) -> dict[str, Any]:
    condition = {"Condition": conditions} if conditions else {}
    return {"Sid": sid, "Effect": "Allow", "Action": [action], "Resource": [resource], **condition}


def via(service: str) -> dict[str, Any]:
    return {"StringEquals": {"kms:ViaService": service}}


def test_exactly_one_version_is_read_and_its_key_through_s3_only() -> None:
    assert statements(lambda: model_read_policy(place(), source())) == [
        allow("Get", "s3:GetObject", "arn:aws:s3:::models/fraud/17/*"),
        allow("List", "s3:ListBucket", "arn:aws:s3:::models", {"StringLike": {"s3:prefix": "fraud/17/*"}}),
        allow("Key", "kms:Decrypt", MODELS_KEY, via("s3.eu-west-1.amazonaws.com")),
    ]


def test_a_rollout_reads_every_version_of_exactly_the_model() -> None:
    read = statements(lambda: model_read_policy(place(), source(), every_version=True))
    assert read[:2] == [
        allow("Get", "s3:GetObject", "arn:aws:s3:::models/fraud/*"),
        allow("List", "s3:ListBucket", "arn:aws:s3:::models", {"StringLike": {"s3:prefix": "fraud/*"}}),
    ]


def read(*versions: str, rollout: bool = False) -> dict[str, str]:
    """Policies of these versions, by their short name."""

    def made() -> pulumi.Output[Any]:
        models = [source(version=version) for version in versions]
        return pulumi.Output.from_input(read_policies(place(), models, rollout=rollout))

    return dict(record(lambda: pulumi.export("it", made())).outputs["it"])


def test_each_version_has_a_policy_of_its_own() -> None:
    assert read("17", "18") == {
        "model-17": text(lambda: model_read_policy(place(), source())),
        "model-18": text(lambda: model_read_policy(place(), source(version="18"))),
    }
    assert set(read("17", "17")) == {"model-17"}


def test_a_rollout_has_one_policy_of_all_versions() -> None:
    assert read("17", "18", rollout=True) == {
        "models": text(lambda: model_read_policy(place(), source(), every_version=True))
    }


def test_request_log_is_added_to_and_nothing_else() -> None:
    def made() -> pulumi.Output[str]:
        return request_log_policy(place(), "checkout", bucket="features", key_arn=FEATURES_KEY)

    assert statements(made) == [
        allow("Put", "s3:PutObject", "arn:aws:s3:::features/requests/checkout/*"),
        allow("Key", "kms:GenerateDataKey", FEATURES_KEY, via("s3.eu-west-1.amazonaws.com")),
    ]


def test_other_partitions_have_their_names() -> None:
    read = statements(lambda: model_read_policy(place("cn-north-1", "aws-cn"), source()))
    assert read[0]["Resource"] == ["arn:aws-cn:s3:::models/fraud/17/*"]
    assert read[2]["Condition"] == via("s3.cn-north-1.amazonaws.com.cn")


def test_address_ends_with_a_slash_so_that_no_other_version_begins_with_it() -> None:
    assert text(lambda: source().uri) == "s3://models/fraud/17/"
    assert not source(version="170").prefix.startswith(source(version="17").prefix)


def test_bucket_and_key_may_be_outputs() -> None:
    def made() -> pulumi.Output[str]:
        model = source(bucket=pulumi.Output.from_input("models"), key_arn=pulumi.Output.from_input(MODELS_KEY))
        return model_read_policy(place(), model)

    assert statements(made) == statements(lambda: model_read_policy(place(), source()))


class Named(Args):
    """A model as settings name it."""

    name: str
    """Its name."""
    version: str
    """Its version."""

    _name = checked(MODEL_NAME, "name")
    _version = checked(MODEL_VERSION, "version")


def test_names_and_versions_of_registries_are_accepted() -> None:
    for name, version in (("fraud-scorer", "17"), ("Fraud_2", "2026.01.31"), ("a" * 63, "v1.0-rc_1")):
        assert Named(name=name, version=version).version == version


@pytest.mark.parametrize("name", ["*", "fraud*", "fraud?", "team/fraud", "../other", "${aws:username}", "", "a" * 64])
def test_no_name_reaches_another_folder(name: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        Named(name=name, version="17")
    assert str(refused.value) == (
        f"Named.name: got {name!r}; allowed is the name of a registered model, a folder of its own: letters, digits, - "
        "and _, at most 63, such as fraud-scorer"
    )


@pytest.mark.parametrize("version", ["*", "1*", "1/2", ".", "..", "", "1 "])
def test_no_version_reaches_another_folder(version: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        Named(name="fraud", version=version)
    assert str(refused.value) == (
        f"Named.version: got {version!r}; allowed is a version of the model, one folder without /, in quotes, such as "
        "'17'"
    )
