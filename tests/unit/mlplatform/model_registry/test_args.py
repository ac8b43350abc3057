"""Arguments of ModelRegistry: what is refused, with the whole message."""

from typing import Any

import pytest

from components import with_values
from examples import kubernetes
from examples.hardened_bucket import KEY
from examples.model_registry import EXISTING, SERVICES, SMALLEST
from mlplatform.core.args import InvalidArgs
from mlplatform.model_registry import ModelRegistry, ModelRegistryArgs
from recorded import Refused, record

PROTECTED = (
    "deletion_protection true and force_destroy true: what is protected cannot be destroyed; set one of them to false"
)

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "image by tag": (
        {"server.image": "ghcr.io/mlflow/mlflow:v3.17.2-full"},
        (
            ".server.image: got 'ghcr.io/mlflow/mlflow:v3.17.2-full'; allowed is an image by its digest, which no push "
            "changes, such as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/fraud@sha256:<64 hexadecimal digits>"
        ),
    ),
    "secret by URL": (
        {"server.credentials_secret": "https://example.com/?token=1"},
        (
            ".server.credentials_secret: got 'https://example.com/?token=1'; allowed is the name or the ARN of a "
            "secret in "
            "Secrets Manager, such as platform/registry"
        ),
    ),
    "no replica": ({"server.replicas": 0}, ".server.replicas: got 0; allowed are 1 servers or more"),
    "no worker": ({"server.workers": 0}, ".server.workers: got 0; allowed are 1 processes or more"),
    "too little CPU": (
        {"server.cpu_millicores": 50},
        ".server.cpu_millicores: got 50; allowed are 100 thousandths of a core or more",
    ),
    "too little memory": (
        {"server.memory_mib": 512},
        ".server.memory_mib: got 512; allowed are 1024 MiB or more",
    ),
    "no disk": ({"server.disk_gib": 0}, ".server.disk_gib: got 0; allowed are 1 GiB or more"),
    "host with a path": (
        {"server.hosts": ["https://registry.example.com/"]},
        (
            ".server.hosts: got 'https://registry.example.com/'; allowed is a host as browsers name it, * for any "
            "letters, such as registry.example.com"
        ),
    ),
    "schedule": (
        {"server.collection.schedule": "daily"},
        (
            ".server.collection.schedule: got 'daily'; allowed is a time of cron in five fields, minute and hour "
            "first, such as 30 1 * * mon-fri"
        ),
    ),
    "collected at once": (
        {"server.collection.older_than_days": 0},
        ".server.collection.older_than_days: got 0; allowed are 1 days or more",
    ),
    "identifier": (
        {"server.database.identifier": "Registry"},
        (
            ".server.database.identifier: RDS instance 'Registry' is not accepted; allowed: lower-case letters, "
            "digits and "
            "single -, first a letter, last no -; fix: change the characters"
        ),
    ),
    "version": (
        {"server.database.postgres_version": 13},
        ".server.database.postgres_version: got 13; allowed are 14, 15, 16, 17 (major versions)",
    ),
    "class of EC2": (
        {"server.database.instance_class": "m7g.large"},
        ".server.database.instance_class: got 'm7g.large'; allowed is a class of RDS, such as db.t4g.medium",
    ),
    "too little storage": (
        {"server.database.storage_gib": 10},
        ".server.database.storage_gib: got 10; allowed are 20 to 65536 GiB",
    ),
    "no room to grow": (
        {"server.database.storage_gib": 100},
        (
            ".server.database: storage_gib 100 and max_storage_gib 100: RDS allows a tenth more or above; set "
            "max_storage_gib to 110 or more"
        ),
    ),
    "no backup": ({"server.database.backup_days": 0}, ".server.database.backup_days: got 0; allowed are 1 to 35 days"),
    "monitoring": (
        {"server.database.monitoring_seconds": 20},
        ".server.database.monitoring_seconds: got 20; allowed are 0, 1, 5, 10, 15, 30, 60 (seconds)",
    ),
    "certificates by name": (
        {"server.database.certificates": "global-bundle.pem"},
        (
            ".server.database.certificates: got 'global-bundle.pem' and so on; allowed are certificates as PEM; take "
            "the "
            "bundle that AWS publishes for the region (Amazon RDS User Guide, Using SSL/TLS to encrypt a connection)"
        ),
    ),
    "both kinds": (
        {"existing": EXISTING["existing"]},
        ": got server and existing of server, existing; allowed is exactly one; take the other out",
    ),
    "no kind": ({"server": None}, ": got none of server, existing; allowed is exactly one; set one"),
    "protected and destroyed": ({"force_destroy": True}, f": {PROTECTED}"),
    "one subnet": (
        {"subnet_ids": ["subnet-0a1b2c3d"]},
        ".subnet_ids: got 1; allowed are two or more, in different zones, as RDS needs them; name another",
    ),
    "subnet twice": (
        {"subnet_ids": ["subnet-0a1b2c3d", "subnet-0a1b2c3d"]},
        ".subnet_ids: got subnet-0a1b2c3d more than once; allowed is once each; take the others out",
    ),
    "security group by name": (
        {"cluster_security_group_id": "nodes"},
        ".cluster_security_group_id: got 'nodes'; allowed is the id of a security group, such as sg-0123456789abcdef0",
    ),
    "role by ARN": (
        {"secrets_role_name": "arn:aws:iam::111122223333:role/external-secrets"},
        (
            ".secrets_role_name: got 'arn:aws:iam::111122223333:role/external-secrets'; allowed is the name of an IAM "
            "role, not its ARN, such as external-secrets-role"
        ),
    ),
    "not wired": (
        {"vpc_id": None, "secrets_role_name": None},
        ": server without secrets_role_name, vpc_id: needed for server; set them",
    ),
    "bucket of models without key": (
        {"model_bucket_name": "promoted-models"},
        ": model_bucket_name alone: allowed are model_bucket_name and model_key_arn together; set both",
    ),
    "key of models without bucket": (
        {"model_key_arn": KEY},
        ": model_key_arn alone: allowed are model_bucket_name and model_key_arn together; set both",
    ),
    "client in capitals": (
        {"clients": {"Vision": {"access": "reader"}}},
        (
            ".clients: Kubernetes name 'Vision' is not accepted; allowed: lower-case letters, digits and -, a letter "
            "or "
            "digit at both ends; fix: change the characters"
        ),
    ),
    "client in the server's namespace": (
        {"clients": {"model-registry": {"access": "reader"}}},
        ": clients.model-registry: the server's own namespace is no client; take it out",
    ),
    "client as administrator": (
        {"clients": {"vision": {"access": "admin"}}},
        ".clients.vision.access: got 'admin'; allowed are 'reader', 'writer'",
    ),
    "unknown pool": (
        {"server.pool": "services"},
        ": server.pool 'services' is unknown; known are none; name one",
    ),
    "pool of a queue": (
        {"server.pool": "services", "capacity": [{**SERVICES, "purpose": "training"}]},
        (
            ": server.pool 'services' is for training; allowed are pools for inference and services, since the others "
            "belong to a queue; name another"
        ),
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        ModelRegistryArgs.of(with_values(SMALLEST, change))
    assert str(refused.value) == f"ModelRegistryArgs{message}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"namespace": "mlflow"}, ": existing and namespace: an own server has these; take them out"),
        (
            {"existing.tracking_uri": "https://user@mlflow.example.com/"},
            (
                ".existing.tracking_uri: got 'https://user@mlflow.example.com/'; allowed is a URL without user, query "
                "and "
                "last slash, such as https://mlflow.example.com"
            ),
        ),
    ],
)
def test_existing_server_has_no_settings_of_an_own(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgs) as refused:
        ModelRegistryArgs.of(with_values(EXISTING, change))
    assert str(refused.value) == f"ModelRegistryArgs{message}"


def test_missing_arguments_are_named() -> None:
    with pytest.raises(InvalidArgs) as refused:
        ModelRegistryArgs.of({"server": {}})
    assert str(refused.value) == (
        "ModelRegistryArgs.secret_store: missing; set it: ClusterSecretStore through which External Secrets reads "
        "Secrets Manager\n"
        "ModelRegistryArgs.server.credentials_secret: missing; set it: Name or ARN of the secret in Secrets Manager "
        "with `admin_password`, `writer_password` and `reader_password`, of at least 12 characters each, and a random "
        "`secret_key`, as JSON\n"
        "ModelRegistryArgs.server.image: missing; set it: Image of MLflow 3.17 by digest, with the extras `auth`, `db` "
        "and `extras`, as MLflow's own `-full` images have them"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "r" * 41,
            (
                f"ModelRegistry '{'r' * 41}': S3 bucket '{'r' * 41}-artifacts-logs-bucket' has 63 characters; "
                f"allowed: 55 "
                "before Pulumi's suffix of 8; fix: take away 8"
            ),
        ),
        (
            "sg-registry",
            (
                "ModelRegistry 'sg-registry': security group 'sg-registry-database' is not accepted; allowed: letters, "
                "digits, spaces and ._-:/()#,@[]+=&;{}!$*, not beginning with sg-; fix: change the characters"
            ),
        ),
        (
            "1st",
            (
                "ModelRegistry '1st': RDS instance '1st' is not accepted; allowed: lower-case letters, digits and "
                "single "
                "-, first a letter, last no -; fix: change the characters"
            ),
        ),
    ],
)
def test_names_that_aws_refuses_are_refused_first(name: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: ModelRegistry(name, ModelRegistryArgs.of(SMALLEST), kubernetes("x")))
    assert str(refused.value) == message


def test_without_kubernetes_provider_nothing_is_made() -> None:
    with pytest.raises(Refused) as refused:
        record(lambda: ModelRegistry("x", ModelRegistryArgs.of(EXISTING)))
    assert str(refused.value) == (
        "x: no Kubernetes provider; allowed is an explicit one; give ResourceOptions(providers=[..., "
        "cluster.kubernetes])"
    )
