"""What network promises, clause by clause."""

CLAUSES = {
    "network.zones": "VPC over 2-3 zones",
    "network.cidr": "planned by CIDR arithmetic with room for pods",
    "network.subnets": "public, private and intra subnets",
    "network.nat": "NAT none, single or per zone",
    "network.gateway-endpoints": "S3 and DynamoDB gateway endpoints",
    "network.interface-endpoints": "a chosen list of interface endpoints",
    "network.flow-logs": "encrypted flow logs with retention",
    "network.discovery-tags": "discovery tags for load balancers and Karpenter",
    "network.adoption": "adoption of an existing VPC by ids",
}
