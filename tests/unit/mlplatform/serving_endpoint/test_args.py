"""What an endpoint refuses, and every line that its user then sees."""

from collections.abc import Mapping
from typing import Any

import pytest

from components import with_values
from examples.serving_endpoint import (
    API,
    CALLER,
    IMAGE,
    MODEL,
    NEXT,
    REGISTRY,
    ROLLOUT,
    RUNTIME,
    SERVERLESS,
    STORES,
    TIER,
    TRIGGER,
    WIRED,
    WRITER,
    program,
)
from mlplatform.core.args import InvalidArgs
from mlplatform.serving_endpoint import ServingEndpointArgs, ServingEndpointSettings
from promises import covers
from recorded import Refused, record

CONTAINER_ENDPOINT: dict[str, Any] = {
    "model": MODEL,
    "container": {"image": IMAGE, "ready_path": "/ready", "live_path": "/live"},
    **WIRED,
}
KSERVE_ENDPOINT: dict[str, Any] = {"model": MODEL, "kserve": {"model_format": "sklearn"}, **WIRED}
FUNCTION: dict[str, Any] = {"model": MODEL, "serverless": {"image": IMAGE, "reserved_concurrency": 20}, **STORES}
QUEUE: dict[str, Any] = {**TIER, "pool": "h100", "purpose": "training"}

BAD: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "no kind": (
        CONTAINER_ENDPOINT,
        {"container": None},
        [": got none of kserve, container, serverless; allowed is exactly one; set one"],
    ),
    "two kinds": (
        CONTAINER_ENDPOINT,
        {"kserve": {"model_format": "onnx"}},
        [(": got kserve and container of kserve, container, serverless; allowed is exactly one; take the others out")],
    ),
    "field of Kubernetes for a function": (
        FUNCTION,
        {"scaling": {}, "pool": "l40s"},
        [
            (
                ": serverless and pool, scaling: allowed with kserve and container only; take them out, "
                "serverless has its own fields"
            )
        ],
    ),
    "model in a folder of another": (
        CONTAINER_ENDPOINT,
        {"model.name": "team/fraud"},
        [
            (
                ".model.name: got 'team/fraud'; allowed is the name of a registered model, a folder of its "
                "own: letters, digits, - and _, at most 63, such as fraud-scorer"
            )
        ],
    ),
    "every version": (
        CONTAINER_ENDPOINT,
        {"model.version": "*"},
        [(".model.version: got '*'; allowed is a version of the model, one folder without /, in quotes, such as '17'")],
    ),
    "version that is a number": (
        CONTAINER_ENDPOINT,
        {"model.version": 17},
        [".model.version: got 17; allowed is text; put it in quotes"],
    ),
    "image by tag": (
        CONTAINER_ENDPOINT,
        {"container.image": "fraud:latest"},
        [
            (
                ".container.image: got 'fraud:latest'; allowed is an image by its digest, which no push "
                "changes, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud@sha256:<64 hexadecimal "
                "digits>"
            )
        ],
    ),
    "probe that is no path": (
        CONTAINER_ENDPOINT,
        {"container.ready_path": "ready"},
        [".container.ready_path: got 'ready'; allowed is a path from the root, such as /health"],
    ),
    "privileged port": (
        CONTAINER_ENDPOINT,
        {"container.port": 80},
        [".container.port: got 80; allowed are 1024 to 65535 as a port"],
    ),
    "root": (
        CONTAINER_ENDPOINT,
        {"container.user": 0},
        [".container.user: got 0; allowed are user ids of 1 or more, since 0 is root"],
    ),
    "root of KServe": (
        KSERVE_ENDPOINT,
        {"kserve.user": 0},
        [".kserve.user: got 0; allowed are user ids of 1 or more, since 0 is root"],
    ),
    "variable of the endpoint's": (
        CONTAINER_ENDPOINT,
        {"container.environment": {"MODEL_URI": "s3://others/"}},
        [(".container.environment: got 'MODEL_URI', which the endpoint sets; allowed are other names; take it out")],
    ),
    "version of the endpoint's": (
        KSERVE_ENDPOINT,
        {"kserve.environment": {"MODEL_VERSION": "18"}},
        [(".kserve.environment: got 'MODEL_VERSION', which the endpoint sets; allowed are other names; take it out")],
    ),
    "protocol": (
        KSERVE_ENDPOINT,
        {"kserve.protocol": "grpc"},
        [".kserve.protocol: got 'grpc'; allowed are 'v1', 'v2'"],
    ),
    "more replicas at least than at most": (
        CONTAINER_ENDPOINT,
        {"scaling": {"min_replicas": 5}},
        [
            (
                ".scaling: min_replicas 5 and max_replicas 4: allowed is a minimum of at most 4; lower it or "
                "raise max_replicas"
            )
        ],
    ),
    "zero without a trigger": (
        CONTAINER_ENDPOINT,
        {"scaling": {"min_replicas": 0}},
        [
            (
                ".scaling: min_replicas 0 without a trigger that exists at zero: nothing would ever start a "
                "replica; set trigger with exists_at_zero, or min_replicas 1"
            )
        ],
    ),
    "zero with a trigger of the pods": (
        CONTAINER_ENDPOINT,
        {"scaling": {"min_replicas": 0, "trigger": TRIGGER}},
        [
            (
                ".scaling: min_replicas 0 without a trigger that exists at zero: nothing would ever start a "
                "replica; set trigger with exists_at_zero, or min_replicas 1"
            )
        ],
    ),
    "no replicas": (
        CONTAINER_ENDPOINT,
        {"scaling": {"max_replicas": 0, "min_replicas": 0}},
        [".scaling.max_replicas: got 0; allowed are 1 replicas or more"],
    ),
    "CPU": (
        CONTAINER_ENDPOINT,
        {"scaling": {"cpu_percent": 0}},
        [".scaling.cpu_percent: got 0; allowed are 1 to 100 percent"],
    ),
    "threshold": (
        CONTAINER_ENDPOINT,
        {"scaling": {"trigger": {"query": "up", "threshold": 0}}},
        [".scaling.trigger.threshold: got 0; allowed are 1 a replica or more"],
    ),
    "zero beside a canary": (
        CONTAINER_ENDPOINT,
        {
            "scaling": {"min_replicas": 0, "trigger": {**TRIGGER, "exists_at_zero": True}},
            "canary": {"model_version": "18"},
        },
        [
            (
                ": canary and scaling.min_replicas 0: without a replica the candidate is compared with "
                "nothing; set min_replicas 1 or take the canary out"
            )
        ],
    ),
    "scaled canary of KServe": (
        KSERVE_ENDPOINT,
        {"canary": {"model_version": "18"}},
        [
            (
                ": canary and scaling from 2 to 4: KServe keeps replicas fixed beside a canary; set "
                "min_replicas and max_replicas to the same number, without trigger"
            )
        ],
    ),
    "canary's image for KServe": (
        KSERVE_ENDPOINT,
        {"canary": {"model_version": "18", "image": NEXT}, "scaling": {"max_replicas": 2}},
        [": canary.image and kserve: a candidate of KServe has the endpoint's server; take the image out"],
    ),
    "canary that is what is served": (
        CONTAINER_ENDPOINT,
        {"canary": {"model_version": "17"}},
        [
            (
                ": canary.model_version '17' is what is served: allowed is a candidate that differs; set "
                "another model_version or image"
            )
        ],
    ),
    "canary of KServe that is what is served": (
        KSERVE_ENDPOINT,
        {"canary": {"model_version": "17"}, "scaling": {"max_replicas": 2}},
        [
            (
                ": canary.model_version '17' is what is served: allowed is a candidate that differs; set "
                "another model_version"
            )
        ],
    ),
    "more than all": (
        CONTAINER_ENDPOINT,
        {"canary": {"model_version": "18", "percent": 101}},
        [".canary.percent: got 101; allowed are 0 to 100 percent"],
    ),
    "canary without replicas": (
        CONTAINER_ENDPOINT,
        {"canary": {"model_version": "18", "replicas": 0}},
        [".canary.replicas: got 0; allowed are 1 replicas or more"],
    ),
    "quantity": (
        CONTAINER_ENDPOINT,
        {"resources": {"memory": "4 GB"}},
        [".resources.memory: got '4 GB'; allowed is a quantity of Kubernetes, such as 500m, 2 or 16Gi"],
    ),
    "GPUs without a pool": (
        CONTAINER_ENDPOINT,
        {"resources": {"gpus": 1}},
        [
            (
                ": resources.gpus 1 and no pool: without the labels and tolerations of a GPU pool no replica "
                "would start; set pool to one with GPUs"
            )
        ],
    ),
    "pool without GPUs": (
        CONTAINER_ENDPOINT,
        {
            "resources": {"gpus": 1},
            "pool": "cpu",
            "capacity": [{**TIER, "pool": "cpu", "gpu_resource": None, "gpus": 0}],
        },
        [
            (
                ": resources.gpus 1 and pool 'cpu', which has no GPU: without the labels and tolerations of a "
                "GPU pool no replica would start; set pool to one with GPUs"
            )
        ],
    ),
    "GPUs scaled by CPU": (
        CONTAINER_ENDPOINT,
        {"resources": {"gpus": 1}, "pool": "l40s", "capacity": [TIER]},
        [
            (
                ": resources.gpus 1 and scaling by CPU: a GPU server's CPU says nothing of its load; set "
                "scaling.trigger, or min_replicas and max_replicas to the same number"
            )
        ],
    ),
    "more GPUs than the pool has": (
        CONTAINER_ENDPOINT,
        {
            "resources": {"gpus": 2},
            "pool": "l40s",
            "capacity": [TIER],
            "scaling": {"min_replicas": 4, "max_replicas": 4},
        },
        [
            (
                ": resources.gpus 2 and scaling.max_replicas 4: 10 GPUs with those of a candidate and one more "
                "replica's during updates, and pool 'l40s' has 8; lower them or raise the pool's limit"
            )
        ],
    ),
    "unknown pool": (
        CONTAINER_ENDPOINT,
        {"pool": "a100", "capacity": [TIER]},
        [": pool 'a100' is unknown; known are l40s; name one of them"],
    ),
    "pool of a queue": (
        CONTAINER_ENDPOINT,
        {"pool": "h100", "capacity": [QUEUE]},
        [
            (
                ": pool 'h100' is for training; allowed are pools for inference and services, since the others "
                "belong to a queue; name another pool"
            )
        ],
    ),
    "availability of every request": (
        CONTAINER_ENDPOINT,
        {"objectives": {"availability_percent": 100}},
        [".objectives.availability_percent: got 100.0; allowed are 95.0 to 99.99 percent of the requests"],
    ),
    "slowest percent faster": (
        CONTAINER_ENDPOINT,
        {"objectives": {"p95_milliseconds": 2000}},
        [
            (
                ".objectives: p95_milliseconds 2000 and p99_milliseconds 1000: the slowest percent cannot be "
                "faster; raise p99_milliseconds"
            )
        ],
    ),
    "no time": (CONTAINER_ENDPOINT, {"timeout_seconds": 0}, [".timeout_seconds: got 0; allowed are 1 seconds or more"]),
    "no start": (
        CONTAINER_ENDPOINT,
        {"startup_seconds": 5},
        [".startup_seconds: got 5; allowed are 10 seconds or more"],
    ),
    "namespace": (
        CONTAINER_ENDPOINT,
        {"namespace": "Fraud"},
        [
            (
                ".namespace: Kubernetes name 'Fraud' is not accepted; allowed: lower-case letters, digits and "
                "-, a letter or digit at both ends; fix: change the characters"
            )
        ],
    ),
    "log without a writer": (
        CONTAINER_ENDPOINT,
        {"request_log": {}},
        [": request_log without runtime_image: needed for request_log; set them"],
    ),
    "jobs by tag": (
        CONTAINER_ENDPOINT,
        {"runtime_image": "jobs/runtime:latest"},
        [
            (
                ".runtime_image: got 'jobs/runtime:latest'; allowed is an image by its digest, which no push changes, "
                "such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud@sha256:<64 hexadecimal digits>"
            )
        ],
    ),
    "log's port": (
        CONTAINER_ENDPOINT,
        {"request_log": {"image": WRITER}, "container.port": 8090},
        [": request_log and container.port 8090: the log's sidecar listens there; set another port"],
    ),
    "log without a bucket": (
        CONTAINER_ENDPOINT,
        {"request_log": {"image": WRITER}, "feature_bucket_name": None, "feature_key_arn": None},
        [": request_log without feature_bucket_name, feature_key_arn: needed for request_log; set them"],
    ),
    "sidecar of a function": (
        FUNCTION,
        {"request_log": {"image": WRITER}},
        [
            (
                ": request_log.image and serverless: functions take no sidecar; take the image out, the writer "
                "is a part of the function's image"
            )
        ],
    ),
    "no sample": (
        FUNCTION,
        {"request_log": {"sample_percent": 0}},
        [".request_log.sample_percent: got 0; allowed are 1 to 100 percent"],
    ),
    "not wired": (
        CONTAINER_ENDPOINT,
        {"cluster_name": None, "domain": None},
        [": container without cluster_name, domain: needed for container; set them"],
    ),
    "bucket's address": (
        CONTAINER_ENDPOINT,
        {"model_bucket_name": "s3://models/"},
        [
            (
                ".model_bucket_name: got 's3://models/'; allowed is the name of a bucket, not its ARN or URL, "
                "such as access-logs"
            )
        ],
    ),
    "alias of a key": (
        CONTAINER_ENDPOINT,
        {"model_key_arn": "alias/models"},
        [
            (
                ".model_key_arn: got 'alias/models'; allowed is the ARN of a KMS key, not of an alias, such as "
                "arn:aws:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef"
            )
        ],
    ),
    "range with host bits": (
        CONTAINER_ENDPOINT,
        {"vpc_cidr": "10.0.0.1/16"},
        [(".vpc_cidr: network '10.0.0.1/16' has host bits set; allowed: a network address; fix: write '10.0.0.0/16'")],
    ),
    "domain with a scheme": (
        CONTAINER_ENDPOINT,
        {"domain": "https://models.example.com"},
        [
            (
                ".domain: got 'https://models.example.com'; allowed is a domain without scheme and port, such "
                "as models.example.com"
            )
        ],
    ),
    "runbooks with a last slash": (
        CONTAINER_ENDPOINT,
        {"runbooks_url": "https://wiki.example.com/"},
        [
            (
                ".runbooks_url: got 'https://wiki.example.com/'; allowed is a URL without a last slash, such "
                "as https://wiki.example.com/runbooks"
            )
        ],
    ),
    "topic by name": (
        FUNCTION,
        {"alarm_topic_arns": ["alarms"]},
        [
            (
                ".alarm_topic_arns: got 'alarms'; allowed is the ARN of an SNS topic, such as "
                "arn:aws:sns:eu-west-1:111122223333:alarms"
            )
        ],
    ),
    "gateway": (
        CONTAINER_ENDPOINT,
        {"gateway": {"name": "In ference"}},
        [
            (
                ".gateway.name: Kubernetes name 'In ference' is not accepted; allowed: lower-case letters, "
                "digits and -, a letter or digit at both ends; fix: change the characters"
            )
        ],
    ),
    "image of another registry": (
        FUNCTION,
        {"serverless.image": "docker.io/fraud@sha256:" + "1" * 64},
        [
            (
                ".serverless.image: got "
                "'docker.io/fraud@sha256:1111111111111111111111111111111111111111111111111111111111111111'; "
                "allowed is an image of a private ECR by its digest, the only registry that Lambda takes, such "
                "as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud@sha256:<64 hexadecimal digits>"
            )
        ],
    ),
    "GPU of a function": (
        FUNCTION,
        {"serverless.gpus": 1},
        [".serverless: got gpus: Lambda has no GPU; serve by kserve or container instead"],
    ),
    "no concurrency": (
        FUNCTION,
        {"serverless.reserved_concurrency": 0},
        [".serverless.reserved_concurrency: got 0; allowed are 1 requests at once or more"],
    ),
    "memory": (
        FUNCTION,
        {"serverless.memory_mib": 16384},
        [".serverless.memory_mib: got 16384; allowed are 128 to 10240 MiB"],
    ),
    "an hour": (
        FUNCTION,
        {"serverless.timeout_seconds": 3600},
        [
            (
                ".serverless.timeout_seconds: got 3600; allowed are 1 to 900 seconds, Lambda's limit; serve "
                "what takes longer by kserve or container"
            )
        ],
    ),
    "storage": (
        FUNCTION,
        {"serverless.ephemeral_storage_mib": 100},
        [".serverless.ephemeral_storage_mib: got 100; allowed are 512 to 10240 MiB"],
    ),
    "variable of Lambda's": (
        FUNCTION,
        {"serverless.environment": {"AWS_REGION": "eu-west-1"}},
        [(".serverless.environment: got 'AWS_REGION', which Lambda sets; allowed are other names; take it out")],
    ),
    "variable of the endpoint's, of a function": (
        FUNCTION,
        {"serverless.environment": {"MODEL_URI": "s3://others/"}},
        [(".serverless.environment: got 'MODEL_URI', which the endpoint sets; allowed are other names; take it out")],
    ),
    "variable's name": (
        FUNCTION,
        {"serverless.environment": {"1ST": "x"}},
        [
            (
                ".serverless.environment: got '1ST'; allowed is letters, digits and _, first a letter, such as "
                "FEATURE_TABLE"
            )
        ],
    ),
    "function's name": (
        FUNCTION,
        {"serverless.function_name": "fraud scorer"},
        [
            (
                ".serverless.function_name: Lambda function 'fraud scorer' is not accepted; allowed: letters, "
                "digits, - and _; fix: change the characters"
            )
        ],
    ),
    "latest": (
        FUNCTION,
        {"serverless.stable_version": "$LATEST"},
        [
            (
                ".serverless.stable_version: got '$LATEST'; allowed is the number of a published version, "
                "quoted, such as '7'"
            )
        ],
    ),
    "canary beside nothing": (
        FUNCTION,
        {"serverless.canary": {"model_version": "18", "percent": 5}},
        [
            (
                ".serverless: canary without stable_version: the newest version is the canary; set "
                "stable_version to the version that is live now"
            )
        ],
    ),
    "canary that does not differ": (
        FUNCTION,
        {"serverless.canary": {"percent": 5}, "serverless.stable_version": "7"},
        [(".serverless.canary: neither model_version nor image: it would be the stable version; set what differs")],
    ),
    "canary of the stable model": (
        FUNCTION,
        {"serverless.canary": {"model_version": "17", "percent": 5}, "serverless.stable_version": "7"},
        [
            (
                ": serverless.canary has model version '17' and image of the stable version: allowed is a "
                "canary that differs; set another model_version or image"
            )
        ],
    ),
    "canary with all requests": (
        FUNCTION,
        {"serverless.canary": {"model_version": "18", "percent": 100}, "serverless.stable_version": "7"},
        [".serverless.canary.percent: got 100; allowed are 1 to 99 percent"],
    ),
    "canary and instances kept ready": (
        FUNCTION,
        {
            "serverless.canary": {"model_version": "18", "percent": 5},
            "serverless.stable_version": "7",
            "serverless.provisioned_concurrency": 5,
        },
        [
            (
                ".serverless: canary and provisioned_concurrency: Lambda refuses weights on an alias that "
                "keeps instances ready; take one of them out"
            )
        ],
    ),
    "rollout and instances kept ready": (
        FUNCTION,
        {"rollout": ROLLOUT, "serverless.provisioned_concurrency": 5},
        [
            (
                ": rollout and serverless.provisioned_concurrency: a rollout moves weights, which Lambda refuses "
                "on an alias that keeps instances ready; take one of them out"
            )
        ],
    ),
    "rollout and canary": (
        CONTAINER_ENDPOINT,
        {"rollout": ROLLOUT, "registry": REGISTRY, "runtime_image": RUNTIME, "canary": {"model_version": "18"}},
        [": rollout and canary: a rollout declares its candidates by itself; take one of them out"],
    ),
    "rollout and canary of a function": (
        FUNCTION,
        {
            "rollout": ROLLOUT,
            "serverless.canary": {"model_version": "18", "percent": 5},
            "serverless.stable_version": "7",
        },
        [": rollout and serverless.canary: a rollout declares its candidates by itself; take one of them out"],
    ),
    "rollout beside no replica": (
        CONTAINER_ENDPOINT,
        {
            "rollout": ROLLOUT,
            "registry": REGISTRY,
            "runtime_image": RUNTIME,
            "scaling": {"min_replicas": 0, "trigger": {**TRIGGER, "exists_at_zero": True}},
        },
        [
            (
                ": rollout and scaling.min_replicas 0: without a replica a candidate is compared with nothing; "
                "set min_replicas 1"
            )
        ],
    ),
    "rollout of a KServe that scales": (
        KSERVE_ENDPOINT,
        {"rollout": ROLLOUT, "registry": REGISTRY, "runtime_image": RUNTIME},
        [
            (
                ": rollout and scaling from 2 to 4: KServe keeps replicas fixed beside a candidate; set "
                "min_replicas and max_replicas to the same number, without trigger"
            )
        ],
    ),
    "rollout in a namespace of its own": (
        CONTAINER_ENDPOINT,
        {"rollout": {**ROLLOUT, "namespace": "promotions"}, "registry": REGISTRY, "runtime_image": RUNTIME},
        [
            (
                ": rollout.namespace 'promotions' and container: its rollouts run in the endpoint's own namespace; "
                "take it out"
            )
        ],
    ),
    "replicas of a function's candidate": (
        FUNCTION,
        {"rollout": {**ROLLOUT, "replicas": 2}},
        [": rollout.replicas 2 and serverless: a function has none; take it out"],
    ),
    "rollout without a cluster": (
        FUNCTION,
        {"rollout": ROLLOUT},
        [
            (
                ": rollout without cluster_name, vpc_cidr, runbooks_url, registry, runtime_image: needed for rollout; "
                "set them"
            )
        ],
    ),
    "rollout without a registry": (
        CONTAINER_ENDPOINT,
        {"rollout": ROLLOUT},
        [": rollout without registry, runtime_image: needed for rollout; set them"],
    ),
    "GPUs of a candidate": (
        CONTAINER_ENDPOINT,
        {
            "rollout": ROLLOUT,
            "registry": REGISTRY,
            "runtime_image": RUNTIME,
            "resources": {"gpus": 2},
            "pool": "l40s",
            "capacity": [TIER],
            "scaling": {"min_replicas": 3, "max_replicas": 3},
        },
        [
            (
                ": resources.gpus 2 and scaling.max_replicas 3: 12 GPUs with those of a candidate and one more "
                "replica's during updates, and pool 'l40s' has 8; lower them or raise the pool's limit"
            )
        ],
    ),
    "weights that fall": (
        CONTAINER_ENDPOINT,
        {"rollout": {**ROLLOUT, "weights": [5, 50, 25]}, "registry": REGISTRY, "runtime_image": RUNTIME},
        [
            (
                ".rollout.weights: got [5, 50, 25]; allowed are 1 to 99 percent, each more than the one before, such "
                "as [5, 25, 50]; after the last one the candidate gets all requests"
            )
        ],
    ),
    "no weights": (
        CONTAINER_ENDPOINT,
        {"rollout": {**ROLLOUT, "weights": []}, "registry": REGISTRY, "runtime_image": RUNTIME},
        [
            (
                ".rollout.weights: got []; allowed are 1 to 99 percent, each more than the one before, such as "
                "[5, 25, 50]; after the last one the candidate gets all requests"
            )
        ],
    ),
    "all requests at once": (
        CONTAINER_ENDPOINT,
        {"rollout": {**ROLLOUT, "weights": [100]}, "registry": REGISTRY, "runtime_image": RUNTIME},
        [
            (
                ".rollout.weights: got [100]; allowed are 1 to 99 percent, each more than the one before, such as "
                "[5, 25, 50]; after the last one the candidate gets all requests"
            )
        ],
    ),
    "gates of a rollout": (
        CONTAINER_ENDPOINT,
        {
            "rollout": {
                **ROLLOUT,
                "gates": {
                    "min_requests": 0,
                    "patience_minutes": 2000,
                    "max_error_percent": 101,
                    "max_p99_milliseconds": 0,
                    "max_drifted_features": -1,
                    "more": [{"name": "too many words", "query": "sum(refusals)", "max": 1}],
                },
            },
            "registry": REGISTRY,
            "runtime_image": RUNTIME,
        },
        [
            ".rollout.gates.max_drifted_features: got -1; allowed are 0 features or more",
            ".rollout.gates.max_error_percent: got 101.0; allowed are 0 to 100 percent",
            ".rollout.gates.max_p99_milliseconds: got 0; allowed are 1 milliseconds or more",
            ".rollout.gates.min_requests: got 0; allowed are 1 requests or more",
            (
                ".rollout.gates.more[0].name: got 'too many words'; allowed is a word of at most 40 letters, digits, - "
                "and _, such as conversion"
            ),
            ".rollout.gates.patience_minutes: got 2000; allowed are 0 to 1440 minutes",
        ],
    ),
    "gate twice": (
        CONTAINER_ENDPOINT,
        {
            "rollout": {**ROLLOUT, "gates": {"more": [{"name": "refused", "query": "sum(refusals)", "max": 1}] * 2}},
            "registry": REGISTRY,
            "runtime_image": RUNTIME,
        },
        [".rollout.gates: more has refused more than once; allowed is once each; rename the others"],
    ),
    "rollout of nothing that is right": (
        CONTAINER_ENDPOINT,
        {
            "rollout": {
                "schedule": "often",
                "wait_minutes": 0,
                "replicas": 0,
                "ready_minutes": 0,
                "retries": 11,
                "memory": "much",
                "disk": "much",
                "namespace": "Promotions",
            },
            "registry": REGISTRY,
            "runtime_image": RUNTIME,
        },
        [
            ".rollout.disk: got 'much'; allowed is a quantity of Kubernetes, such as 500m, 2 or 16Gi",
            ".rollout.memory: got 'much'; allowed is a quantity of Kubernetes, such as 500m, 2 or 16Gi",
            (
                ".rollout.namespace: Kubernetes name 'Promotions' is not accepted; allowed: lower-case letters, "
                "digits and -, a letter or digit at both ends; fix: change the characters"
            ),
            ".rollout.ready_minutes: got 0; allowed are 1 to 1440 minutes",
            ".rollout.replicas: got 0; allowed are 1 replicas or more",
            ".rollout.retries: got 11; allowed are 0 to 10 times",
            (
                ".rollout.schedule: got 'often'; allowed is a time of cron in five fields, minute and hour first, such "
                "as 30 1 * * mon-fri"
            ),
            ".rollout.wait_minutes: got 0; allowed are 1 to 1440 minutes",
        ],
    ),
    "more ready than answer": (
        FUNCTION,
        {"serverless.provisioned_concurrency": 50},
        [
            (
                ".serverless: provisioned_concurrency 50 and reserved_concurrency 20: more would be kept ready "
                "than may answer; lower the first or raise the second"
            )
        ],
    ),
    "everybody": (
        FUNCTION,
        {"serverless.invoker_arns": ["*"]},
        [
            (
                ".serverless.invoker_arns: got '*'; allowed is the ARN of an IAM role or user, not of a "
                "session, such as arn:aws:iam::111122223333:role/deployer"
            )
        ],
    ),
    "caller twice": (
        FUNCTION,
        {"serverless.invoker_arns": [CALLER, CALLER]},
        [
            (
                ".serverless.invoker_arns: got arn:aws:iam::123456789012:role/checkout more than once; allowed "
                "is once each; take the others out"
            )
        ],
    ),
    "URL and API": (
        FUNCTION,
        {"serverless.invoker_arns": [CALLER], "serverless.api_execution_arn": API},
        [
            (
                ".serverless: invoker_arns and api_execution_arn: with an API there is no URL to invoke; take "
                "one of them out"
            )
        ],
    ),
    "API without a stage": (
        FUNCTION,
        {"serverless.api_execution_arn": "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5"},
        [
            (
                ".serverless.api_execution_arn: got 'arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5'; "
                "allowed is the execution ARN of an API with stage and route, such as "
                "arn:aws:execute-api:eu-west-1:111122223333:a1b2c3d4e5/*/POST/predict"
            )
        ],
    ),
    "no subnets": (
        FUNCTION,
        {"serverless.vpc": {"vpc_id": "vpc-0a", "subnet_ids": [], "cidrs": ["10.0.0.0/16"], "prefix_list_ids": []}},
        [
            (
                ".serverless.vpc.subnet_ids: got none; allowed are one or more, in different zones; name the "
                "private subnets"
            )
        ],
    ),
    "VPC's name": (
        FUNCTION,
        {
            "serverless.vpc": {
                "vpc_id": "main",
                "subnet_ids": ["subnet-0a"],
                "cidrs": ["10.0.0.0/8x"],
                "prefix_list_ids": ["s3"],
            }
        },
        [
            (
                ".serverless.vpc.cidrs: network '10.0.0.0/8x' is not IPv4; allowed: address/prefix; fix: write "
                "for example 10.0.0.0/16"
            ),
            (
                ".serverless.vpc.prefix_list_ids: got 's3'; allowed is the id of a prefix list, such as "
                "pl-0123456789abcdef0"
            ),
            ".serverless.vpc.vpc_id: got 'main'; allowed is the id of a VPC, such as vpc-0123456789abcdef0",
        ],
    ),
    "retention": (
        FUNCTION,
        {"serverless.log_retention_days": 45},
        [
            (
                ".serverless.log_retention_days: got 45; allowed are 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, "
                "180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653 (the periods of CloudWatch "
                "Logs, in days)"
            )
        ],
    ),
    "errors": (
        FUNCTION,
        {"serverless.max_error_percent": 0},
        [".serverless.max_error_percent: got 0; allowed are 1 to 100 percent"],
    ),
}


@covers(
    "serving-endpoint.one-kind",
    field="ServingEndpointArgs.container",
    ends_in="mlplatform:index:ServingEndpoint.args",
)
@covers(
    "serving-endpoint.to-zero",
    field="ServingEndpointArgs.scaling.min_replicas",
    ends_in="mlplatform:index:ServingEndpoint.args",
)
@pytest.mark.parametrize(("base", "change", "says"), BAD.values(), ids=BAD)
def test_is_refused(base: Mapping[str, Any], change: Mapping[str, Any], says: list[str]) -> None:
    with pytest.raises(InvalidArgs) as refused:
        ServingEndpointArgs.of(with_values(base, change))
    assert str(refused.value).splitlines() == [f"ServingEndpointArgs{line}" for line in says]


ACCEPTED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "zero with a trigger that exists there": (
        CONTAINER_ENDPOINT,
        {"scaling": {"min_replicas": 0, "trigger": {**TRIGGER, "exists_at_zero": True}}},
    ),
    "canary that differs in its image": (CONTAINER_ENDPOINT, {"canary": {"model_version": "17", "image": NEXT}}),
    "canary of a fixed KServe": (
        KSERVE_ENDPOINT,
        {"canary": {"model_version": "18"}, "scaling": {"min_replicas": 1, "max_replicas": 1}},
    ),
    "all GPUs of a pool but those of an update": (
        CONTAINER_ENDPOINT,
        {
            "resources": {"gpus": 2},
            "pool": "l40s",
            "capacity": [TIER],
            "scaling": {"min_replicas": 3, "max_replicas": 3},
        },
    ),
    "pool of services": (
        CONTAINER_ENDPOINT,
        {"pool": "cpu", "capacity": [{**TIER, "pool": "cpu", "purpose": "services"}]},
    ),
    "everything of a function": (SERVERLESS, {}),
}


@pytest.mark.parametrize(("base", "change"), ACCEPTED.values(), ids=ACCEPTED)
def test_is_accepted(base: Mapping[str, Any], change: Mapping[str, Any]) -> None:
    assert ServingEndpointArgs.of(with_values(base, change)).model.version == "17"


def test_settings_are_refused_by_themselves() -> None:
    with pytest.raises(InvalidArgs) as refused:
        ServingEndpointSettings.of({"model": MODEL})
    assert str(refused.value) == (
        "ServingEndpointSettings: got none of kserve, container, serverless; allowed is exactly one; set one"
    )


def test_every_bad_field_is_named_at_once() -> None:
    with pytest.raises(InvalidArgs) as refused:
        ServingEndpointArgs.of({"model": {"name": "fraud"}, "container": {"image": IMAGE}, "conatiner": {}})
    assert str(refused.value).splitlines() == [
        f"ServingEndpointArgs.{line}"
        for line in (
            "conatiner: unknown field; known are "
            + ", ".join(sorted(ServingEndpointArgs.model_fields))
            + "; did you mean 'container'?",
            (
                "container.live_path: missing; set it: Path that answers 200 as long as the process need not be "
                "restarted; no other service may be asked for it"
            ),
            (
                "container.ready_path: missing; set it: Path that answers 200 when the model is loaded and requests "
                "may come"
            ),
            "model.version: missing; set it: Version that is served, the second folder",
            "model_bucket_name: missing; set it: Bucket of the promoted models",
            "model_key_arn: missing; set it: KMS key of the models' bucket",
        )
    ]


LONG_VERSION = "2026.01.31-" + "0" * 52

NAMES: dict[str, tuple[str, dict[str, Any], str]] = {
    "first a digit": (
        "1x",
        CONTAINER_ENDPOINT,
        "got '1x'; allowed is a name that begins with a letter from a to z, as those of Services do",
    ),
    "host that is too long": (
        "a" * 32,
        CONTAINER_ENDPOINT,
        f"Kubernetes name '{'a' * 32}-{'a' * 32}' has 65 characters; allowed: 63; fix: take away 2",
    ),
    "role that is too long": (
        "a" * 45,
        {**CONTAINER_ENDPOINT, "namespace": "fraud"},
        (
            f"IAM role '{'a' * 45}-server-role' has 57 characters; allowed: 56 before Pulumi's suffix of 8; "
            "fix: take away 1"
        ),
    ),
    "label of KServe's that is too long": (
        "a" * 42,
        {**KSERVE_ENDPOINT, "namespace": "fraud"},
        f"Kubernetes name 'isvc-{'a' * 42}-canary-predictor' has 64 characters; allowed: 63; fix: take away 1",
    ),
    "policy that is too long": (
        "a" * 44,
        with_values(CONTAINER_ENDPOINT, {"namespace": "fraud", "model.version": LONG_VERSION}),
        (
            f"IAM policy '{'a' * 44}-server-model-{LONG_VERSION}' has 121 characters; allowed: 120 before Pulumi's "
            "suffix of 8; fix: take away 1"
        ),
    ),
    "schedule of rollouts that is too long": (
        "a" * 45,
        {
            **FUNCTION,
            "rollout": {**ROLLOUT, "namespace": "promotions"},
            "registry": REGISTRY,
            "runtime_image": RUNTIME,
            **{name: WIRED[name] for name in ("cluster_name", "vpc_cidr", "runbooks_url")},
        },
        f"CronWorkflow '{'a' * 45}-rollout' has 53 characters; allowed: 52; fix: take away 1",
    ),
    "capitals on Kubernetes": (
        "fRAUD",
        CONTAINER_ENDPOINT,
        (
            "Kubernetes name 'fRAUD-fRAUD' is not accepted; allowed: lower-case letters, digits and -, a letter or "
            "digit at both ends; fix: change the characters"
        ),
    ),
    "folder in a name": (
        "team/fraud",
        FUNCTION,
        "endpoint 'team/fraud' is no folder; allowed: letters, digits, . _ and -; fix: change the characters",
    ),
    "dot in a function's name": (
        "fraud.v2",
        FUNCTION,
        "Lambda function 'fraud.v2' is not accepted; allowed: letters, digits, - and _; fix: change the characters",
    ),
    "function's role that is too long": (
        "a" * 48,
        FUNCTION,
        f"IAM role '{'a' * 48}-function' has 57 characters; allowed: 56 before Pulumi's suffix of 8; fix: take away 1",
    ),
    "security group of AWS's": (
        "sg-fraud",
        SERVERLESS,
        (
            "security group 'sg-fraud-function' is not accepted; allowed: letters, digits, spaces and "
            "._-:/()#,@[]+=&;{}!$*, not beginning with sg-; fix: change the characters"
        ),
    ),
}


@pytest.mark.parametrize(("name", "args", "says"), NAMES.values(), ids=NAMES)
def test_name_is_refused(name: str, args: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: program(args, name))
    assert str(refused.value) == f"ServingEndpoint {name!r}: {says}"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("a" * 31, CONTAINER_ENDPOINT),
        ("a" * 44, {**CONTAINER_ENDPOINT, "namespace": "fraud"}),
        ("a" * 41, {**KSERVE_ENDPOINT, "namespace": "fraud"}),
        ("a" * 47, FUNCTION),
    ],
    ids=["host", "role", "label of KServe's", "function's role"],
)
def test_longest_name_is_accepted(name: str, args: dict[str, Any]) -> None:
    assert record(lambda: program(args, name)).count("mlplatform:index:ServingEndpoint") == 1
