"""A valid set of arguments for each component, and for each of its fields another value."""

import pulumi
import pulumi_kubernetes as k8s


def kubernetes(name: str) -> pulumi.ResourceOptions:
    """Options with a Kubernetes provider, for the example of a component that has Kubernetes objects."""
    return pulumi.ResourceOptions(providers=[k8s.Provider(f"{name}-kubernetes", kubeconfig="{}")])
