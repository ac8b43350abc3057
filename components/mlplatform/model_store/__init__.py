"""ModelStore: where promoted versions of models lie, each written once, for endpoints to read."""

from mlplatform.model_store.component import ModelStore, ModelStoreArgs

__all__ = ["ModelStore", "ModelStoreArgs"]
