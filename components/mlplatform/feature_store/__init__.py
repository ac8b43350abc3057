"""FeatureStore: where Feast keeps features, offline in S3 and online in DynamoDB."""

from mlplatform.feature_store.args import FeatureStoreArgs, FeatureStoreSettings, FeatureView
from mlplatform.feature_store.component import FeatureStore

__all__ = ["FeatureStore", "FeatureStoreArgs", "FeatureStoreSettings", "FeatureView"]
