"""Addons: the controllers of a cluster, each once, in versions that belong together."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Optional

import pulumi

from mlplatform.addons.args import Addon, AddonsArgs
from mlplatform.addons.install import KEDA_ROLE, SECRET_STORE, SECRETS_ROLE, STORAGE_CLASS, everything
from mlplatform.addons.site import Site
from mlplatform.addons.values import GATEWAY_NAME, GATEWAY_NAMESPACE


class Addons(pulumi.ComponentResource):
    """Every controller of the platform and the software of GPUs, with their CRDs, namespaces and roles.

    CRDs come before controllers, and controllers before objects of their kinds. Karpenter runs on the system nodes and
    comes first; most others run on nodes that it launches, and so need a NodePool. Whoever makes one waits for
    `controllers["karpenter"]` alone: a pool that waited for all add-ons would wait for pods that wait for the pool. The
    same holds for all that uses an add-on: `depends_on=[addons.controllers["kueue"]]`, not `depends_on=[addons]`.

    On the way down, what uses an add-on goes before it. Where it also waits for the pool that the add-on's pods run on,
    it goes before that pool too, and the add-on still has nodes for what it has to clean up. The AWS Load Balancer
    Controller and Envoy Gateway, which clean up last, also run on dedicated system nodes.
    """

    installed: pulumi.Output[Mapping[str, str]]
    """Version of each chart and EKS add-on, by name."""
    images: pulumi.Output[Sequence[str]]
    """Images that charts install, as a mirror must have them: registry, path, tag, and a digest where one is known."""
    keda_role_arn: pulumi.Output[Optional[str]]
    """ARN of the role of KEDA's operator, which roles of scalers trust; none where KEDA is switched off."""
    external_secrets_role_name: pulumi.Output[Optional[str]]
    """Name of the role of External Secrets, to which the right to read one more secret can be attached; none where it
    is switched off."""
    storage_class: pulumi.Output[Optional[str]]
    """Name of the default StorageClass; none where the EBS CSI driver is switched off."""
    secret_store: pulumi.Output[Optional[str]]
    """Name of the ClusterSecretStore on Secrets Manager; none where External Secrets is switched off."""
    gateway_name: pulumi.Output[Optional[str]]
    """Name of the Gateway of endpoints; none where it is switched off."""
    gateway_namespace: pulumi.Output[Optional[str]]
    """Namespace of the Gateway and of its Envoys; none where it is switched off."""

    def __init__(self, name: str, args: AddonsArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        args = AddonsArgs.of(args)
        super().__init__("mlplatform:index:Addons", name, args.model_dump(exclude_none=True), opts)
        site = Site.of(self, name, args)
        everything(site)
        self._ready = MappingProxyType(site.ready)
        self._namespaces = MappingProxyType(site.namespaces)

        def where(addon: Addon, value: str) -> pulumi.Output[Optional[str]]:
            return pulumi.Output.from_input(value if args.has(addon) else None)

        keda, secrets = site.roles.get(KEDA_ROLE), site.roles.get(SECRETS_ROLE)
        self.installed = pulumi.Output.from_input(dict(sorted(site.versions.items())))
        self.images = pulumi.Output.from_input(sorted({image.reference for image in site.images}))
        self.keda_role_arn = keda.role_arn if keda else pulumi.Output.from_input(None)
        self.external_secrets_role_name = secrets.role_name if secrets else pulumi.Output.from_input(None)
        self.storage_class = where(Addon.EBS_CSI, STORAGE_CLASS)
        self.secret_store = where(Addon.EXTERNAL_SECRETS, SECRET_STORE)
        self.gateway_name = where(Addon.GATEWAY, GATEWAY_NAME)
        self.gateway_namespace = where(Addon.GATEWAY, GATEWAY_NAMESPACE)
        self.register_outputs(
            {
                "installed": self.installed,
                "images": self.images,
                "keda_role_arn": self.keda_role_arn,
                "external_secrets_role_name": self.external_secrets_role_name,
                "storage_class": self.storage_class,
                "secret_store": self.secret_store,
                "gateway_name": self.gateway_name,
                "gateway_namespace": self.gateway_namespace,
            }
        )

    @property
    def controllers(self) -> Mapping[str, pulumi.Resource]:
        """What to wait for in order to use an add-on, by its name as `without` has it, or gpu-software, efa, trainer.

        The children themselves, since an order cannot be an output; an add-on that is switched off has none.
        """
        return self._ready

    @property
    def namespaces(self) -> Mapping[str, pulumi.Resource]:
        """Namespaces made here, by name, for who installs something more in one of them."""
        return self._namespaces
