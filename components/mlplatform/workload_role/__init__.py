"""WorkloadRole: the IAM role of one Kubernetes service account, delivered by EKS Pod Identity."""

from mlplatform.workload_role.component import DNS_LABEL, WorkloadRole, WorkloadRoleArgs

__all__ = ["DNS_LABEL", "WorkloadRole", "WorkloadRoleArgs"]
