"""ModelRegistry: MLflow on PostgreSQL and S3, or one that exists, and who may write to it and read from it."""

from mlplatform.contracts.registry import PORT as REGISTRY_PORT
from mlplatform.model_registry.args import (
    ExistingRegistry,
    ModelRegistryArgs,
    ModelRegistrySettings,
    RegistryArtifacts,
    RegistryClient,
    RegistryCollection,
    RegistryDatabase,
    RegistryServer,
)
from mlplatform.model_registry.component import ModelRegistry

__all__ = [
    "REGISTRY_PORT",
    "ExistingRegistry",
    "ModelRegistry",
    "ModelRegistryArgs",
    "ModelRegistrySettings",
    "RegistryArtifacts",
    "RegistryClient",
    "RegistryCollection",
    "RegistryDatabase",
    "RegistryServer",
]
