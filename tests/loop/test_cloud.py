"""AWS that stands in: the graph's resources as they stand, and the rights of pods on them."""

import json

import pytest
from botocore.exceptions import ClientError
from platforms import dev

from loop.clock import Clock
from loop.cloud import Cloud, CloudError, lines
from loop.graph import Graph

BUCKET = "aws:s3/bucket:Bucket"


@pytest.fixture(scope="module")
def graph():
    return dev()


@pytest.fixture(scope="module")
def cloud(graph, tmp_path_factory):
    root = tmp_path_factory.mktemp("cloud")
    (root / "logs").mkdir()
    made = Cloud(graph, root, Clock(root / "clock").path)
    try:
        made.wait()
        made.make()
        yield made
    finally:
        made.stop()


def named(graph, type_, name):
    """A resource's own name, which the engine makes up."""
    outputs = graph.one(type_, name)["outputs"]
    return outputs.get("bucket") or outputs.get("name")


def role(graph, account):
    """The role of a ServiceAccount."""
    types = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
    found = [one["inputs"] for one in graph.of_type(types)]
    return next(one["roleArn"].rpartition("/")[2] for one in found if one["serviceAccount"] == account)


def refused(call):
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def test_all_of_a_recipe_are_made_but_what_moto_refuses(graph, cloud):
    wanted = {
        type_: sum(one["type"] == type_ for one in graph.resources)
        for type_ in cloud.made
        if type_ != "aws:s3/bucketLogging:BucketLogging"
    }
    assert {type_: cloud.made[type_] for type_ in wanted} == wanted
    assert len(cloud.refused) == sum(one["type"] == "aws:s3/bucketLogging:BucketLogging" for one in graph.resources)
    made, others, no = lines(cloud)
    assert (made[:6], others[:9], no[:16]) == ("made: ", "not made,", "refused by moto:")


def test_buckets_are_as_hardened_as_in_the_graph(graph, cloud):
    s3 = cloud.client("s3")
    for bucket in graph.of_type(BUCKET):
        name = bucket["outputs"]["bucket"]
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        assert block == dict.fromkeys(block, True)
        assert s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"] == [
            {"ObjectOwnership": "BucketOwnerEnforced"}
        ]
        assert json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"][0]["Sid"] == "DenyInsecureTransport"


def test_keys_are_those_that_aws_named(graph, cloud):
    name = named(graph, BUCKET, "features-offline-bucket")
    rules = cloud.client("s3").get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    key = rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    placeholder = graph.one("aws:kms/key:Key", "features-key")["id"]
    assert key == graph.one("aws:kms/key:Key", "features-key")["outputs"]["arn"].replace(
        placeholder, cloud.real[placeholder]
    )
    assert cloud.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Enabled"] is True
    assert cloud.client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True


def test_queues_tables_and_topics_have_the_graphs_settings(graph, cloud):
    inputs = graph.one("aws:sqs/queue:Queue", "training-queue-intake")
    found = cloud.client("sqs").get_queue_attributes(QueueUrl=inputs["id"], AttributeNames=["All"])["Attributes"]
    assert found["VisibilityTimeout"] == str(inputs["inputs"]["visibilityTimeoutSeconds"])
    assert json.loads(found["RedrivePolicy"])["maxReceiveCount"] == 3
    for table in graph.of_type("aws:dynamodb/table:Table"):
        name = {**table["inputs"], **table["outputs"]}["name"]
        made = cloud.client("dynamodb").describe_table(TableName=name)["Table"]
        assert made["SSEDescription"]["Status"] == "ENABLED"
        assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    topic = graph.one("aws:sns/topic:Topic")
    key = cloud.client("sns").get_topic_attributes(TopicArn=topic["id"])["Attributes"]["KmsMasterKeyId"]
    assert key == cloud.resolved(topic["inputs"]["kmsMasterKeyId"])


def test_an_input_without_a_recipe_is_an_error(graph, tmp_path):
    resources = [dict(one) for one in graph.resources]
    (queue,) = (
        one for one in resources if one["name"] == "cluster-interruption" and one["type"] == "aws:sqs/queue:Queue"
    )
    queue["inputs"] = {**queue["inputs"], "colour": "blue"}
    (tmp_path / "logs").mkdir()
    made = Cloud(Graph({**graph.raw, "resources": resources}), tmp_path, Clock(tmp_path / "clock").path)
    try:
        made.wait()
        with pytest.raises(CloudError, match=r"cluster-interruption \(aws:sqs/queue:Queue\): no recipe for colour"):
            made.make()
    finally:
        made.stop()


def test_a_pod_may_do_what_its_role_allows_and_no_more(graph, cloud):
    features, models = (named(graph, BUCKET, name) for name in ("features-offline-bucket", "models-promoted-bucket"))
    server = cloud.client("s3", role(graph, "model-server"))
    server.put_object(Bucket=features, Key="requests/fraud-scorer/dt=2026-01-31/a.jsonl", Body=b"")
    for call in (
        lambda: server.put_object(Bucket=features, Key="requests/another/a.jsonl", Body=b""),
        lambda: server.get_object(Bucket=features, Key="requests/fraud-scorer/dt=2026-01-31/a.jsonl"),
        lambda: server.put_object(Bucket=models, Key="fraud-scorer/9/model", Body=b"", IfNoneMatch="*"),
        lambda: server.list_objects_v2(Bucket=models, Prefix="another/"),
        lambda: cloud.client("s3", "nobody").list_objects_v2(Bucket=models),
    ):
        assert refused(call) == "AccessDenied"
    assert server.list_objects_v2(Bucket=models, Prefix="fraud-scorer/")["KeyCount"] == 0


def test_only_its_own_state_is_open_to_a_pipeline(graph, cloud):
    table = named(graph, "aws:dynamodb/table:Table", "fraud-drift-state")
    worker = cloud.client("dynamodb", role(graph, "worker"))
    assert "Item" not in worker.get_item(TableName=table, Key={"id": {"S": "fraud-scorer"}})
    code = refused(lambda: worker.get_item(TableName=table, Key={"id": {"S": "another"}}))
    assert code == "AccessDeniedException"
    assert (
        refused(lambda: worker.delete_item(TableName=table, Key={"id": {"S": "fraud-scorer"}}))
        == "AccessDeniedException"
    )


def test_a_dispatcher_takes_messages_and_sends_none(graph, cloud):
    url = graph.one("aws:sqs/queue:Queue", "training-queue-intake")["id"]
    dispatcher = cloud.client("sqs", role(graph, "dispatcher"))
    assert "Messages" not in dispatcher.receive_message(QueueUrl=url, WaitTimeSeconds=0)
    send = {"QueueUrl": url, "MessageBody": "{}", "MessageGroupId": "fraud", "MessageDeduplicationId": "1"}
    assert refused(lambda: dispatcher.send_message(**send)) == "AccessDeniedException"


def test_a_promoted_object_is_written_once(graph, cloud):
    models = named(graph, BUCKET, "models-promoted-bucket")
    rollout = cloud.client("s3", role(graph, "rollout"))
    rollout.put_object(Bucket=models, Key="fraud-scorer/1/model", Body=b"1", IfNoneMatch="*")
    again = {"Bucket": models, "Key": "fraud-scorer/1/model", "Body": b"2"}
    assert refused(lambda: rollout.put_object(**again, IfNoneMatch="*")) == "PreconditionFailed"
    assert refused(lambda: rollout.put_object(**again)) == "403"
    other = {"Bucket": models, "Key": "fraud-scorer/2/model", "Body": b"2", "IfNoneMatch": "*"}
    assert refused(lambda: rollout.put_object(**other, ServerSideEncryption="AES256")) == "403"
