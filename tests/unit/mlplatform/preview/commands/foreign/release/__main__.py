"""A Helm release on a cluster whose kubeconfig is only known later."""

import pulumi
import pulumi_kubernetes as kubernetes

cluster = kubernetes.Provider("cluster", kubeconfig=pulumi.Config().require_secret("kubeconfig"))
inside = pulumi.ResourceOptions(provider=cluster)
release = kubernetes.helm.v3.Release("ingress", chart="ingress-nginx", version="4.12.1", namespace="web", opts=inside)
kubernetes.core.v1.ConfigMap("notes", data={"status": release.status.status}, opts=inside)
