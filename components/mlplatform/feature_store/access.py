"""Who may do what in a feature store: three roles, and the policies that allow what Feast does for each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import pulumi

from mlplatform.core.place import Place
from mlplatform.facts.aws.iam import Conditions, Statement, document
from mlplatform.feature_store.feast import (
    DATA_CATALOG,
    MATERIALIZED,
    OFFLINE,
    REGISTRY_FOLDER,
    STAGING,
    TEMPORARY_TABLES,
    table_name,
)

_READ_ITEMS: Final = ("dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:GetItem")
_WRITE_ITEMS: Final = ("dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
_PUT: Final = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject")
_QUERY: Final = (
    *("athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup"),
    *("athena:StartQueryExecution", "athena:StopQueryExecution"),
)
_READ_CATALOG: Final = (
    *("glue:BatchGetPartition", "glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions"),
    *("glue:GetTable", "glue:GetTables"),
)
_TEMPORARY: Final = ("glue:CreateTable", "glue:DeleteTable")
_DEFINE: Final = (
    *("glue:BatchCreatePartition", "glue:BatchDeletePartition", "glue:CreatePartition", "glue:CreateTable"),
    *("glue:DeletePartition", "glue:DeleteTable", "glue:UpdatePartition", "glue:UpdateTable"),
)


@dataclass(frozen=True, slots=True)
class Access:
    """What one role may do: prefixes of the bucket, and actions on tables and definitions."""

    reads: Sequence[str]
    """Prefixes whose objects it gets."""
    writes: Sequence[str]
    """Prefixes whose objects it gets and puts."""
    owns: Sequence[str]
    """Prefixes whose objects it gets, puts and deletes."""
    items: Sequence[str]
    """Actions on the online tables. None creates, deletes or tags a table: that is Pulumi's."""
    definitions: Sequence[str] = ()
    """Actions on any table of the Glue database, beside temporary ones."""


ROLES: Final[Mapping[str, Access]] = MappingProxyType(
    {
        # Serving and training: online features, and queries over the offline ones.
        "reader": Access((OFFLINE, REGISTRY_FOLDER, MATERIALIZED), (), (STAGING,), _READ_ITEMS),
        # `feast materialize`: it also notes in the registry how far it came.
        "materializer": Access((OFFLINE,), (REGISTRY_FOLDER, MATERIALIZED), (STAGING,), (*_READ_ITEMS, *_WRITE_ITEMS)),
        # `feast apply`: it compares the tables with the registry, and defines offline data.
        "admin": Access(
            *((), (), (OFFLINE, REGISTRY_FOLDER, STAGING, MATERIALIZED)),
            (*_READ_ITEMS, *_WRITE_ITEMS, "dynamodb:ListTagsOfResource"),
            _DEFINE,
        ),
    }
)
"""Each role's access; its service account is `feature-<role>`."""


@dataclass(frozen=True, slots=True)
class Store:
    """What the policies name."""

    place: Place
    project: str
    database: str
    bucket_arn: pulumi.Output[str]
    workgroup_arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]

    def objects(self, prefixes: Sequence[str]) -> tuple[pulumi.Output[str], ...]:
        """ARNs of all objects under prefixes."""
        return tuple(pulumi.Output.concat(self.bucket_arn, f"/{prefix}*") for prefix in prefixes)

    def glue(self, *tables: str) -> tuple[pulumi.Output[str], ...]:
        """ARNs of tables of the database, and of what they are in: Glue asks for all three."""
        names = ("catalog", f"database/{self.database}", *(f"table/{self.database}/{table}" for table in tables))
        return tuple(self.place.arn("glue", name) for name in names)


def policies(store: Store, access: Access) -> dict[str, pulumi.Output[str]]:
    """The role's policy documents, by a short name; several, since each may have 6144 characters only."""
    parts = {
        "online": _online(store, access),
        "offline": _offline(store, access),
        "queries": _queries(store, access),
        "key": _key(store),
    }
    return {name: pulumi.Output.json_dumps(document(*statements)) for name, statements in parts.items()}


def _online(store: Store, access: Access) -> Iterator[Statement]:
    # All of the project's names: for a view without a table, Feast then says so, instead of a denial.
    yield Statement("Tables", access.items, (store.place.arn("dynamodb", f"table/{table_name(store.project, '*')}"),))


def _offline(store: Store, access: Access) -> Iterator[Statement]:
    # Names of all objects, contents of some: Feast opens the registry with HeadBucket, which is ListBucket without a
    # prefix, and tidies up after a query by listing a prefix of the bucket's root.
    bucket = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")
    yield Statement("Bucket", bucket, (store.bucket_arn,))
    yield Statement("Get", ("s3:GetObject",), store.objects((*access.reads, *access.writes, *access.owns)))
    yield Statement("Put", _PUT, store.objects((*access.writes, *access.owns)))
    yield Statement("Delete", ("s3:DeleteObject",), store.objects(access.owns))


def _queries(store: Store, access: Access) -> Iterator[Statement]:
    yield Statement("Query", _QUERY, (store.workgroup_arn,))
    catalog = (store.place.arn("athena", f"datacatalog/{DATA_CATALOG}"),)
    yield Statement("DataCatalog", ("athena:GetDataCatalog", "athena:GetTableMetadata"), catalog)
    yield Statement("ReadCatalog", _READ_CATALOG, store.glue("*"))
    # Athena looks at it before every statement that makes or drops a table.
    default = tuple(store.place.arn("glue", name) for name in ("catalog", "database/default"))
    yield Statement("DefaultDatabase", ("glue:GetDatabase",), default)
    yield Statement("TemporaryTables", _TEMPORARY, store.glue(*TEMPORARY_TABLES))
    if access.definitions:
        yield Statement("Definitions", access.definitions, store.glue("*"))


def _key(store: Store) -> Iterator[Statement]:
    """Use of the key through S3 and DynamoDB only: Athena too reads and writes by S3."""
    services = [store.place.host(service) for service in ("dynamodb", "s3")]
    conditions: Conditions = {"StringEquals": {"kms:ViaService": services}}
    actions = ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")
    yield Statement("Key", actions, (store.key_arn,), conditions=conditions)
