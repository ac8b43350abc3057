"""What addons promises, clause by clause."""

CLAUSES = {
    "addons.matrix": "one version matrix (chart, version, repository, namespace, CRD source, images, supported "
    "Kubernetes range)",
    "addons.cluster-version": "that a test holds against the cluster's version",
    "addons.contents": "contents, owners and CRD sources as decided",
    "addons.switches": "each controller can be switched off",
    "addons.outputs": "and has an output to depend on",
    "addons.order": "CRDs before controllers before custom resources",
    "addons.values": "every value set exists in the chart's defaults where they are at hand; the rest are named",
    "addons.owners": "each controller, exporter and CRD set is installed once",
    "addons.mirror": "every image comes from a mirror where one is named",
    "addons.digests": "images by digest where the chart allows",
    "addons.charts": "every chart comes from a registry where one is named",
    "addons.chart-digests": "charts by digest where one is given",
    "addons.unverified": "a figure with no source is a required field, or a row marked unverified that a test counts "
    "and names",
    "addons.storage": "encrypted default StorageClass",
    "addons.secrets": "External Secrets reads what it is allowed to, by Pod Identity",
    "addons.queue-configuration": "Kueue gives jobs up never, and manages labelled namespaces only",
    "addons.serving-mode": "KServe in Standard mode on the Gateway API",
    "addons.workflows": "Argo Workflows without static credentials, in restricted contexts",
    "addons.tear-down": "Gateways and load balancers go before their controller",
}
