"""Delivery: what a company's CI needs of an AWS account to preview and deploy its environments."""

from mlplatform.delivery.args import (
    CostAnomalies,
    DeliveryArgs,
    DeliveryEnvironment,
    GitHub,
    GitLab,
    ImageRepository,
    MonthlyBudget,
    StateBackend,
)
from mlplatform.delivery.component import Delivery

__all__ = [
    "CostAnomalies",
    "Delivery",
    "DeliveryArgs",
    "DeliveryEnvironment",
    "GitHub",
    "GitLab",
    "ImageRepository",
    "MonthlyBudget",
    "StateBackend",
]
