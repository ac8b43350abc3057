"""Rules as dictionaries of a PrometheusRule."""

from mlplatform.contracts.alerts import Alert, Recording, Severity, rule_group

ALERT = Alert("GpuHot", "temperature > 90", "10m", Severity.WARNING, "GPU {{ $labels.gpu }} is hot.")


def test_alert_has_severity_summary_and_the_link_to_its_runbook() -> None:
    assert rule_group("gpus", [ALERT], "https://runbooks.example.com") == {
        "name": "gpus",
        "rules": [
            {
                "alert": "GpuHot",
                "expr": "temperature > 90",
                "for": "10m",
                "labels": {"severity": "warning"},
                "annotations": {
                    "summary": "GPU {{ $labels.gpu }} is hot.",
                    "runbook_url": "https://runbooks.example.com/GpuHot.md",
                },
            }
        ],
    }


def test_recording_has_labels_only_where_it_has_some() -> None:
    plain, labelled = Recording("a:b", "vector(1)"), Recording("a:b", "vector(1)", labels={"pool": "x"})
    assert rule_group("cost", [plain, labelled], "")["rules"] == [
        {"record": "a:b", "expr": "vector(1)"},
        {"record": "a:b", "expr": "vector(1)", "labels": {"pool": "x"}},
    ]


def test_severities_are_those_of_the_routes() -> None:
    assert [severity.value for severity in Severity] == ["critical", "warning", "none"]
