"""Cluster: EKS with everything that a pod needs before the first controller, or a cluster that exists."""

from collections.abc import Sequence
from typing import Optional

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from mlplatform.cluster import control_plane, eks_addons, karpenter, nodes
from mlplatform.cluster.args import ClusterArgs
from mlplatform.cluster.build import Build, key_arn
from mlplatform.cluster.control_plane import ControlPlane
from mlplatform.cluster.kubeconfig import kubeconfig
from mlplatform.facts.aws.kms import KeyUse


class Cluster(pulumi.ComponentResource):
    """An EKS cluster that is private, encrypted and logged, with Karpenter's side of AWS and one Kubernetes provider.

    What it makes waits for what it needs: log group, role and keys; control plane; network and identity add-ons; system
    nodes; DNS. `kubernetes` is ready after all of them. Adopted, the cluster is taken as it is.
    """

    cluster_name: pulumi.Output[str]
    """Name of the cluster."""
    cluster_arn: pulumi.Output[str]
    """ARN of the cluster."""
    endpoint: pulumi.Output[str]
    """URL of the API server."""
    certificate_authority: pulumi.Output[str]
    """Base64 of the API server's certificate authority."""
    security_group_id: pulumi.Output[str]
    """Id of the cluster security group, which EKS made: control plane and nodes reach each other in it."""
    node_role_arn: pulumi.Output[str]
    """ARN of the role of nodes that Karpenter launches."""
    node_role_name: pulumi.Output[str]
    """Name of that role, for an EC2NodeClass."""
    karpenter_role_arn: pulumi.Output[str]
    """ARN of the role of Karpenter's controller, service account `karpenter` of `kube-system`."""
    interruption_queue_name: pulumi.Output[str]
    """Name of the queue from which Karpenter learns of interruptions."""
    ebs_key_arn: pulumi.Output[str]
    """ARN of the key that encrypts nodes' volumes; its own policy admits Karpenter, Auto Scaling and Spot."""
    kubeconfig: pulumi.Output[str]
    """A kubeconfig that fetches tokens by the AWS CLI; secret."""

    def __init__(self, name: str, args: ClusterArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = ClusterArgs.of(args)
        super().__init__("mlplatform:index:Cluster", name, args.model_dump(exclude_none=True), opts)
        build = Build.of(self, name, args)
        plane = control_plane.adopt(args.name, args.existing) if args.existing else control_plane.create(build)
        scaler = karpenter.adopt(args.existing_karpenter) if args.existing_karpenter else karpenter.create(build, plane)
        self.ebs_key_arn = _ebs_key(build, scaler.controller_role_arn)
        ready = [*plane.access, *scaler.ready, *_first_nodes(build, plane, self.ebs_key_arn)]

        self.cluster_name = plane.name
        self.cluster_arn = plane.arn
        self.endpoint = plane.endpoint
        self.certificate_authority = plane.certificate_authority
        self.security_group_id = plane.security_group_id
        self.node_role_arn = scaler.node_role_arn
        self.node_role_name = scaler.node_role_name
        self.karpenter_role_arn = scaler.controller_role_arn
        self.interruption_queue_name = scaler.queue_name
        self.kubeconfig = _kubeconfig(build, plane)
        self._kubernetes = _provider(build, plane, self.kubeconfig, ready)
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "cluster_arn": self.cluster_arn,
                "endpoint": self.endpoint,
                "certificate_authority": self.certificate_authority,
                "security_group_id": self.security_group_id,
                "node_role_arn": self.node_role_arn,
                "node_role_name": self.node_role_name,
                "karpenter_role_arn": self.karpenter_role_arn,
                "interruption_queue_name": self.interruption_queue_name,
                "ebs_key_arn": self.ebs_key_arn,
                "kubeconfig": self.kubeconfig,
            }
        )

    @property
    def kubernetes(self) -> k8s.Provider:
        """The only Kubernetes provider of this cluster: pass it to whatever has Kubernetes objects.

        The child itself, since a provider cannot be an output.
        """
        return self._kubernetes


def _first_nodes(build: Build, plane: ControlPlane, ebs_key_arn: pulumi.Output[str]) -> Sequence[pulumi.Resource]:
    versions = build.args.addon_versions
    if versions is None:
        return ()
    before = eks_addons.before_nodes(build, plane.name, versions)
    group = nodes.system_nodes(build, plane.name, ebs_key_arn, before)
    return [*before, group, eks_addons.dns(build, plane.name, versions, group)]


def _ebs_key(build: Build, controller_role_arn: pulumi.Output[str]) -> pulumi.Output[str]:
    linked = [
        aws.iam.ServiceLinkedRole(f"{build.name}-{role.name.lower()}", aws_service_name=role.value, opts=build.inside)
        for role in build.args.create_service_linked_roles or ()
    ]
    return key_arn(
        build,
        build.args.ebs_key_arn,
        "ebs-key",
        f"Volumes of the nodes of EKS cluster {build.args.name}",
        uses={KeyUse.EBS: [controller_role_arn], KeyUse.AUTOSCALING: [], KeyUse.SPOT: []},
        opts=build.after(*linked, kept=True),
    )


def _kubeconfig(build: Build, plane: ControlPlane) -> pulumi.Output[str]:
    role_arn = build.args.kubeconfig_role_arn
    parts = pulumi.Output.all(plane.name, build.place.region, plane.endpoint, plane.certificate_authority)
    return pulumi.Output.secret(
        parts.apply(lambda values: kubeconfig(values[0], values[1], values[2], values[3], role_arn))
    )


def _provider(
    build: Build, plane: ControlPlane, config: pulumi.Output[str], ready: Sequence[pulumi.Resource]
) -> k8s.Provider:
    return k8s.Provider(
        f"{build.name}-kubernetes",
        kubeconfig=config,
        # With it, a kubeconfig that changes does not replace the provider and every object in the cluster.
        cluster_identifier=plane.arn,
        opts=build.after(*ready),
    )
