"""ServingEndpoint: a model behind an address, by KServe, by an own container or in AWS Lambda."""

from mlplatform.serving_endpoint.args import (
    KServeProtocol,
    ServedModel,
    ServingCanary,
    ServingContainer,
    ServingEndpointArgs,
    ServingEndpointSettings,
    ServingGateway,
    ServingKServe,
    ServingMetrics,
    ServingObjectives,
    ServingRequestLog,
    ServingResources,
    ServingScaling,
    ServingTrigger,
)
from mlplatform.serving_endpoint.component import ServingEndpoint
from mlplatform.serving_endpoint.rollout_args import ServingRollout, ServingRolloutGate, ServingRolloutGates
from mlplatform.serving_endpoint.serverless_args import Serverless, ServerlessCanary, ServerlessVpc

__all__ = [
    "KServeProtocol",
    "ServedModel",
    "Serverless",
    "ServerlessCanary",
    "ServerlessVpc",
    "ServingCanary",
    "ServingContainer",
    "ServingEndpoint",
    "ServingEndpointArgs",
    "ServingEndpointSettings",
    "ServingGateway",
    "ServingKServe",
    "ServingMetrics",
    "ServingObjectives",
    "ServingRequestLog",
    "ServingResources",
    "ServingRollout",
    "ServingRolloutGate",
    "ServingRolloutGates",
    "ServingScaling",
    "ServingTrigger",
]
