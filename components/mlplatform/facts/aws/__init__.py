"""What AWS publishes: instance types, prices, quotas, IAM, KMS, the addresses of a VPC, the rights of controllers."""
