"""What drift_monitor promises, clause by clause."""

CLAUSES = {
    "drift-monitor.cron-job": "a CronJob",
    "drift-monitor.window": "that compares the live window with the training reference",
    "drift-monitor.thresholds": "by feature, with a threshold for each, and for the prediction",
    "drift-monitor.min-rows": "a minimum sample size",
    "drift-monitor.quality": "and model quality where labels arrive",
    "drift-monitor.gauges": "gauges pushed to Prometheus",
    "drift-monitor.report": "a report to S3",
    "drift-monitor.alerts": "alerts for drift, bad data, staleness and a spent budget",
    "drift-monitor.request": "on breach one retraining request",
    "drift-monitor.cooldown": "cooldown",
    "drift-monitor.one-at-a-time": "one at a time",
    "drift-monitor.budget": "daily and monthly budget",
    "drift-monitor.table": "held in DynamoDB by conditional writes: KMS, recovery, deletion protection, expiry",
    "drift-monitor.bad-data": "data-quality failures alert and never retrain",
    "drift-monitor.topic": "a topic that hears of requests",
    "drift-monitor.pod": "a restricted pod with an image by digest",
    "drift-monitor.role": "a role with no more than that",
    "drift-monitor.network": "and egress to AWS and the Pushgateway only",
    "drift-monitor.namespace": "in a namespace of its own, or one given",
}
