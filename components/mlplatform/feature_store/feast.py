"""Feast's side of the contract: names, places and the configuration that Feast 0.67 reads. No Pulumi."""

from collections.abc import Mapping
from typing import Final

import yaml

OFFLINE: Final = "offline/"
"""Sources of features, which data pipelines write and the Glue database describes."""
REGISTRY_FOLDER: Final = "registry/"
"""Feast's registry alone."""
STAGING: Final = "staging/"
"""Results of queries and uploads of entities; they expire."""
MATERIALIZED: Final = "materialized/"
"""Data sets that jobs made of features, for training."""
REGISTRY: Final = f"{REGISTRY_FOLDER}registry.db"
"""Key of Feast's registry."""

HASH_KEY: Final = "entity_id"
"""Feast's only key attribute, text."""
OWN_ATTRIBUTES: Final = (HASH_KEY, "event_ts", "values")
"""Attributes of an item that Feast writes."""
TABLE_NAME_TEMPLATE: Final = "{project}.{table_name}"
"""How Feast names tables."""
BATCH_SIZE: Final = 100
"""Items a read, the most that BatchGetItem takes."""
TEMPORARY_TABLES: Final = ("feast_entity_df_*", "_*")
"""Names of the tables that Feast makes and drops for every query."""
DATA_CATALOG: Final = "AwsDataCatalog"
"""Athena's name for the Glue Data Catalog."""


def table_name(project: str, view: str) -> str:
    """Name of the online table of a feature view."""
    return TABLE_NAME_TEMPLATE.format(project=project, table_name=view)


def configuration(  # noqa: PLR0913 - what the file names
    *, project: str, region: str, bucket: str, database: str, workgroup: str, tags: Mapping[str, str]
) -> str:
    """The text of `feature_store.yaml`; always the same for the same values."""
    content = {
        "project": project,
        "provider": "aws",
        "registry": {
            "registry_type": "file",
            "path": f"s3://{bucket}/{REGISTRY}",
            # With versions Feast would look for tables that it names itself.
            "enable_online_feature_view_versioning": False,
        },
        "online_store": {
            "type": "dynamodb",
            "region": region,
            "table_name_template": TABLE_NAME_TEMPLATE,
            "batch_size": BATCH_SIZE,
            "tags": dict(sorted(tags.items())),
        },
        "offline_store": {
            "type": "athena",
            "data_source": DATA_CATALOG,
            "region": region,
            "database": database,
            "workgroup": workgroup,
            "s3_staging_location": f"s3://{bucket}/{STAGING.rstrip('/')}",
        },
        "entity_key_serialization_version": 3,
    }
    return yaml.safe_dump(content, sort_keys=False, width=1000)
