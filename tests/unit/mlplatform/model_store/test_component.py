"""ModelStore, on its recorded graph."""

import pytest

from examples.hardened_bucket import KEY
from mlplatform.core.args import InvalidArgs
from mlplatform.model_store import ModelStore, ModelStoreArgs
from promises import covers
from recorded import Recorded, record

COMPONENT = "mlplatform:index:ModelStore"
BUCKET = "mlplatform:index:HardenedBucket"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"


def graph_of(**args: object) -> Recorded:
    return record(lambda: ModelStore("models", ModelStoreArgs.of(args)))


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    return graph_of()


@covers("model-store.write-once", field="ModelStoreArgs.access_logs", ends_in="aws:s3/bucketPolicy:BucketPolicy.policy")
def test_nothing_is_written_twice(smallest: Recorded) -> None:
    statements = smallest.statements(POLICY, "models-promoted-policy")
    assert [item["Effect"] for item in statements if item["Sid"] == "DenyOverwrite"] == ["Deny"]


@covers("model-store.kms", field="ModelStoreArgs.kms_key_arn", ends_in="aws:kms/key:Key.enableKeyRotation")
def test_models_have_a_key_of_their_own(smallest: Recorded) -> None:
    key = smallest.one("aws:kms/key:Key")
    assert (key["inputs"]["enableKeyRotation"], key["options"]["protect"]) == (True, True)
    assert smallest.one(COMPONENT)["outputs"]["key_arn"] == key["outputs"]["arn"]
    sids = [statement["Sid"] for statement in smallest.statements("aws:kms/key:Key")]
    assert not [sid for sid in sids if sid.startswith("S3Replication")]


def test_key_given_is_used_and_none_made() -> None:
    graph = graph_of(kms_key_arn=KEY)
    assert graph.count("aws:kms/key:Key") == 0
    graph.has(BUCKET, {"kms_key_arn": KEY})


def test_models_stay_where_a_replica_finds_them_at_once(smallest: Recorded) -> None:
    assert all("transitions" not in rule for rule in smallest.inputs(LIFECYCLE, "models-promoted-lifecycle")["rules"])


def test_outputs_name_the_bucket(smallest: Recorded) -> None:
    outputs = smallest.one(COMPONENT)["outputs"]
    assert outputs["bucket_arn"] == f"arn:aws:s3:::{outputs['bucket_name']}"


def test_protected_store_cannot_be_let_go() -> None:
    with pytest.raises(InvalidArgs) as refused:
        ModelStoreArgs(force_destroy=True)
    assert str(refused.value) == (
        "ModelStoreArgs: deletion_protection true and force_destroy true: what is protected cannot be destroyed; "
        "set one of them to false"
    )
