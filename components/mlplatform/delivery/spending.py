"""Budgets with alerts, and mail about costs that are out of the ordinary."""

from typing import TypeAlias

import pulumi
import pulumi_aws as aws

from mlplatform.core.build import Build
from mlplatform.delivery.args import CostAnomalies, DeliveryArgs, MonthlyBudget

_Build: TypeAlias = Build[DeliveryArgs]


def budget(build: _Build, name: str, given: MonthlyBudget) -> aws.budgets.Budget:
    """A monthly budget in US dollars."""
    thresholds = {"ACTUAL": given.actual_percent or (), "FORECASTED": given.forecast_percent or ()}
    tagged = [f"user:{key}${value}" for key, value in sorted((given.tags or {}).items())]
    return aws.budgets.Budget(
        f"{build.name}-budget-{name}",
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount=pulumi.Output.from_input(given.limit_usd).apply(lambda usd: str(int(usd))),
        limit_unit="USD",
        cost_filters=[aws.budgets.BudgetCostFilterArgs(name="TagKeyValue", values=tagged)] if tagged else None,
        notifications=[
            _notification(given, kind, percent)
            for kind, of_kind in thresholds.items()
            for percent in sorted(set(of_kind))
        ],
        opts=build.inside,
    )


def _notification(given: MonthlyBudget, kind: str, percent: int) -> aws.budgets.BudgetNotificationArgs:
    return aws.budgets.BudgetNotificationArgs(
        comparison_operator="GREATER_THAN",
        notification_type=kind,
        threshold=percent,
        threshold_type="PERCENTAGE",
        subscriber_email_addresses=list(given.emails or ()) or None,
        subscriber_sns_topic_arns=None if given.sns_topic_arn is None else [given.sns_topic_arn],
    )


def anomalies(build: _Build, given: CostAnomalies) -> None:
    """A monitor by service, unless one is given, and mail about what it finds."""
    arn = _monitor(build).arn if given.monitor_arn is None else given.monitor_arn
    impact = aws.costexplorer.AnomalySubscriptionThresholdExpressionDimensionArgs(
        key="ANOMALY_TOTAL_IMPACT_ABSOLUTE",
        match_options=["GREATER_THAN_OR_EQUAL"],
        values=[pulumi.Output.from_input(given.impact_usd).apply(lambda usd: str(int(usd or 0)))],
    )
    aws.costexplorer.AnomalySubscription(
        f"{build.name}-anomalies",
        # IMMEDIATE is for topics only.
        frequency="DAILY",
        monitor_arn_lists=[arn],
        subscribers=[
            aws.costexplorer.AnomalySubscriptionSubscriberArgs(type="EMAIL", address=email) for email in given.emails
        ],
        threshold_expression=aws.costexplorer.AnomalySubscriptionThresholdExpressionArgs(dimension=impact),
        opts=build.inside,
    )


def _monitor(build: _Build) -> aws.costexplorer.AnomalyMonitor:
    return aws.costexplorer.AnomalyMonitor(
        f"{build.name}-anomalies", monitor_type="DIMENSIONAL", monitor_dimension="SERVICE", opts=build.inside
    )
