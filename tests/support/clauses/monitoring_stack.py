"""What monitoring_stack promises, clause by clause."""

CLAUSES = {
    "monitoring.chart": "kube-prometheus-stack, its CRDs and the DCGM exporter from elsewhere",
    "monitoring.registry": "the chart from a registry where one is named, by digest where one is given",
    "monitoring.storage": "with persistent storage",
    "monitoring.foreign": "foreign monitors selected",
    "monitoring.password": "no default password",
    "monitoring.rules": "alert rules for GPUs, queues, serving, pools and cost",
    "monitoring.severity": "each rule with severity, summary and runbook",
    "monitoring.dashboards": "and dashboards for them",
    "monitoring.sns": "Alertmanager to SNS",
    "monitoring.webhooks": "and webhook receivers from secrets",
    "monitoring.alarms": "CloudWatch alarms for the AWS parts",
    "monitoring.amp": "optional Amazon Managed Prometheus",
    "monitoring.parse": "alert expressions parse and name only metrics of the table",
    "monitoring.runbooks": "every alert has a runbook page",
}
