"""What a feature store needs to know: settings that a person writes, and what is wired from the cluster."""

from collections.abc import Mapping
from functools import partial
from typing import Optional, Self

from pydantic import model_validator

from mlplatform.core.args import Args, In, at_least, between, checked, matching
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.naming import Kind, check
from mlplatform.feature_store.feast import OWN_ATTRIBUTES, REGISTRY, STAGING, table_name
from mlplatform.hardened_bucket import (
    AccessLogs,
    BucketLifecycle,
    BucketReplication,
    ObjectLock,
    refuse_both,
)

READ_UNITS = 3000
WRITE_UNITS = 1000
"""What one partition of a table serves in a second (Amazon DynamoDB Developer Guide, Best practices for designing and
using partition keys effectively): a small table gets no more, whatever is allowed."""
RECOVERY_DAYS = 35
"""The longest period that DynamoDB offers; shorter ones cost the same (Amazon DynamoDB Developer Guide, Enable
point-in-time recovery)."""

# Feast 0.67 takes no hyphen, whatever the online store: it checks the name before it knows the store.
PROJECT = matching(r"[A-Za-z][A-Za-z0-9_]*", "a Feast project: letters, digits and _, first a letter, such as fraud")
VIEW = matching(
    r"[A-Za-z_][A-Za-z0-9_]*", "an SQL name, as Feast's queries use it: letters, digits and _, no digit first"
)


def _views(names: Mapping[str, object]) -> Mapping[str, object]:
    if not names:
        raise ValueError("got none; allowed are one or more; name a feature view, {} has all its defaults")
    for name in names:
        VIEW(name)
    return names


def _ttl_attribute(name: str) -> str:
    if name in OWN_ATTRIBUTES:
        raise ValueError(
            f"got {name!r}, which Feast writes, and not as a time; allowed is an attribute of your own writers, "
            "a number of seconds since 1970, such as expires_at"
        )
    return name


class FeatureView(Args):
    """The online table of one of Feast's feature views; what is left out is as the store has it."""

    max_read_request_units: Optional[In[int]] = None
    """Read request units that the table serves in a second, at least 1; the store's by default."""
    max_write_request_units: Optional[In[int]] = None
    """Write request units that the table serves in a second, at least 1; the store's by default."""
    recovery_days: Optional[In[int]] = None
    """Days back to which the table can be restored, 1 to 35; the store's by default."""
    ttl_attribute: Optional[str] = None
    """Attribute with the time, in seconds since 1970, at which DynamoDB deletes an item; none by default: Feast writes
    no such attribute, so it is for writers of your own."""

    _units = checked(at_least(1, "request units a second"), "max_read_request_units", "max_write_request_units")
    _recovery = checked(between(1, RECOVERY_DAYS, "days"), "recovery_days")
    _ttl = checked(_ttl_attribute, "ttl_attribute")


class FeatureStoreSettings(Args):
    """What a person decides of a feature store."""

    project: str
    """Feast project. Tables are named `<project>.<feature view>`, so it is unique in account and region; a change
    replaces every table."""
    feature_views: Mapping[str, FeatureView]
    """Feast's feature views, by name: one online table each. Feast's roles make none, so the table comes before the
    view."""
    max_read_request_units: Optional[In[int]] = READ_UNITS
    """Read request units that each table serves in a second, at least 1: a ceiling of what it can cost, beyond which
    reads are throttled. A unit is one consistent read of 4 KB or two others. 3000 by default, what one partition
    serves."""
    max_write_request_units: Optional[In[int]] = WRITE_UNITS
    """Write request units that each table serves in a second, at least 1: a ceiling of what it can cost, beyond which
    materialization waits and retries. A unit is one write of 1 KB. 1000 by default, what one partition serves."""
    recovery_days: Optional[In[int]] = RECOVERY_DAYS
    """Days back to which each table can be restored to any second, 1 to 35; 35 by default, since DynamoDB charges the
    size of the table and not the days. Less is for data that must not be kept."""
    scan_limit_gib: Optional[In[int]] = 100
    """GiB that one Athena query may scan before it is cancelled, at least 1: a ceiling of what it can cost. 100 by
    default, a tenth of the terabyte that Athena's price is for; a long history may need more."""
    staging_days: Optional[In[int]] = 7
    """Days after which results of queries expire under `staging/`, at least 1; 7 by default: Feast reads them at once,
    and leaves some of them behind."""
    database: Optional[str] = None
    """Name of the Glue database of the offline data, lower-case letters, digits and _; by default the project's, in
    lower case."""
    namespace: Optional[str] = "features"
    """Namespace of the service accounts `feature-reader`, `feature-materializer` and `feature-admin`; features by
    default. Another store on the same cluster needs another."""
    kms_key_arn: Optional[In[str]] = None
    """KMS key that encrypts bucket, tables and results of queries; by default an own one, rotated every year. One given
    must let the account's IAM policies allow its use by S3 and DynamoDB."""
    lifecycle: Optional[BucketLifecycle] = BucketLifecycle()
    """When objects of the offline bucket are moved and deleted."""
    access_logs: Optional[AccessLogs] = AccessLogs()
    """Where the access logs of the offline bucket go; to an own bucket by default."""
    object_lock: Optional[ObjectLock] = None
    """Object Lock of the offline bucket, for what auditors ask for; none by default."""
    replication: Optional[BucketReplication] = None
    """Copies of the offline bucket; none by default. The online tables are materialized anew instead."""
    permissions_boundary_arn: Optional[In[str]] = None
    """Policy that bounds what every role made here can ever do; none by default."""
    deletion_protection: Optional[bool] = True
    """Whether bucket, tables, database and key are protected from deletion, by AWS and by Pulumi, and kept when they
    leave the program; on by default. Off is for throw-away environments."""
    force_destroy: Optional[bool] = False
    """Whether deleting the store deletes the objects in its buckets and the history of its queries; off by default: AWS
    then refuses to delete what is not empty."""

    _project = checked(PROJECT, "project")
    _views = checked(_views, "feature_views")
    _units = checked(at_least(1, "request units a second"), "max_read_request_units", "max_write_request_units")
    _recovery = checked(between(1, RECOVERY_DAYS, "days"), "recovery_days")
    _scan = checked(at_least(1, "GiB"), "scan_limit_gib")
    _staging = checked(at_least(1, "days"), "staging_days")
    _database = checked(partial(check, Kind.GLUE_DATABASE), "database")
    _namespace = checked(partial(check, Kind.KUBERNETES), "namespace")
    _key = checked(KEY_ARN, "kms_key_arn")

    @property
    def database_name(self) -> str:
        """Name of the Glue database."""
        return self.database or self.project.lower()

    @model_validator(mode="after")
    def _table_names(self) -> Self:
        for view in self.feature_views:
            try:
                check(Kind.DYNAMODB_TABLE, table_name(self.project, view))
            except ValueError as error:
                raise ValueError(f"project {self.project!r} and feature_views.{view}: {error}") from None
        return self

    @model_validator(mode="after")
    def _expiry(self) -> Self:
        expiring = (self.lifecycle or BucketLifecycle()).expire_days or {}
        if STAGING in expiring:
            raise ValueError(
                f"lifecycle.expire_days {STAGING!r} and staging_days: both say when results of queries expire; "
                "set staging_days only"
            )
        for prefix in expiring:
            if REGISTRY.startswith(prefix):
                raise ValueError(
                    f"lifecycle.expire_days {prefix!r} and {REGISTRY}: Feast's registry would expire with all its "
                    "definitions; name a narrower prefix"
                )
        return self

    @model_validator(mode="after")
    def _kept_or_destroyed(self) -> Self:
        refuse_both(deletion_protection=self.deletion_protection, force_destroy=self.force_destroy)
        return self


class FeatureStoreArgs(FeatureStoreSettings):
    """What a feature store needs to know."""

    cluster_name: Optional[In[str]] = None
    """EKS cluster whose pods take the roles; by default the roles are made and nobody can take them."""
    table_tags: Optional[Mapping[str, In[str]]] = {}
    """Tags of every table, also those that it has from the AWS provider's default tags; none by default. The Feast
    configuration carries them, since `feast apply` tries to remove every tag that it does not know."""
