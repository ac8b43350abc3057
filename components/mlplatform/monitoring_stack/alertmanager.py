"""Alertmanager's configuration: whom an alert goes to, as plain dictionaries of its own file format.

Source: Prometheus documentation, Alertmanager, Configuration.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi

from mlplatform.contracts.alerts import Severity
from mlplatform.monitoring_stack.args import TELLING, AlertmanagerServer

SECRETS: Final = "/etc/alertmanager/secrets"
"""Where the operator mounts the Secrets that an Alertmanager names (Prometheus operator, API reference,
AlertmanagerSpec)."""
DEAD_MAN_SWITCH: Final = "dead-man-switch"
"""Receiver of the alert that always fires, and key of its URL."""
NOBODY: Final = "null"
"""Receiver that sends nothing."""
# SNS refuses a subject of more than 100 characters, and Alertmanager does not send it again; its own default has every
# common label (Amazon SNS API reference, Publish; prometheus/alertmanager, notify/sns).
SUBJECT: Final = '[{{ .Status | toUpper }}] {{ printf "%.80s" .GroupLabels.alertname }}'


def webhook_key(name: str) -> str:
    """Key of a webhook's URL in the Secret."""
    return f"webhook-{name}"


def urls(server: AlertmanagerServer) -> Mapping[str, pulumi.Input[str]]:
    """Names of the secrets in Secrets Manager that are URLs, by their key in the Secret that Alertmanager mounts."""
    found = {webhook_key(name): webhook.secret for name, webhook in (server.webhooks or {}).items()}
    if server.dead_man_switch:
        found[DEAD_MAN_SWITCH] = server.dead_man_switch.secret
    return found


def configuration(
    server: AlertmanagerServer, *, topic_arn: pulumi.Input[str], region: pulumi.Input[str], secret: str
) -> dict[str, object]:
    """Alertmanager's configuration; `secret` is the Secret with the URLs.

    What has no severity goes where warnings go: nothing is lost by a forgotten label.
    """
    sns = {"topic_arn": topic_arn, "sigv4": {"region": region}, "subject": SUBJECT}
    severities = [
        {"name": severity.value, "sns_configs": [sns], "webhook_configs": _webhooks(server, severity, secret)}
        for severity in TELLING
    ]
    switch = {"url_file": f"{SECRETS}/{secret}/{DEAD_MAN_SWITCH}", "send_resolved": False}
    receivers: Sequence[object] = [
        {"name": NOBODY},
        *severities,
        *([{"name": DEAD_MAN_SWITCH, "webhook_configs": [switch]}] if server.dead_man_switch else []),
    ]
    return {"route": _route(server), "inhibit_rules": [_CRITICAL_HIDES_WARNING], "receivers": receivers}


_CRITICAL_HIDES_WARNING: Final[Mapping[str, object]] = {
    "source_matchers": [f'severity = "{Severity.CRITICAL}"'],
    "target_matchers": [f'severity = "{Severity.WARNING}"'],
    "equal": ["namespace", "alertname"],
}


def _webhooks(server: AlertmanagerServer, severity: Severity, secret: str) -> list[dict[str, object]]:
    return [
        {"url_file": f"{SECRETS}/{secret}/{webhook_key(name)}", "send_resolved": True}
        for name, webhook in (server.webhooks or {}).items()
        if severity in (webhook.severities or ())
    ]


def _route(server: AlertmanagerServer) -> dict[str, object]:
    return {
        "receiver": Severity.WARNING.value,
        "group_by": ["alertname", "namespace"],
        "group_wait": _time(server.group_wait_seconds, "s"),
        "group_interval": _time(server.group_interval_minutes, "m"),
        "repeat_interval": _time(server.warning_repeat_hours, "h"),
        "routes": [
            _watchdog(server),
            {"receiver": NOBODY, "matchers": ['severity =~ "info|none"']},
            {
                "receiver": Severity.CRITICAL.value,
                "matchers": [f'severity = "{Severity.CRITICAL}"'],
                "repeat_interval": _time(server.critical_repeat_hours, "h"),
            },
        ],
    }


def _watchdog(server: AlertmanagerServer) -> dict[str, object]:
    """Where the alert goes that fires while alerting works."""
    route: dict[str, object] = {"receiver": NOBODY, "matchers": ['alertname = "Watchdog"']}
    if server.dead_man_switch:
        # It is looked at every interval, and sent when the last time is longer ago than the shorter repetition.
        every = _time(server.dead_man_switch.every_minutes, "m")
        route |= {"receiver": DEAD_MAN_SWITCH, "group_wait": "0s", "group_interval": every, "repeat_interval": "1m"}
    return route


def _time(number: pulumi.Input[int] | None, unit: str) -> pulumi.Output[str]:
    return pulumi.Output.format("{0}" + unit, number)
