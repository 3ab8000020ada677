"""
Prices in dollars, in us-east-1: each with where it was seen, and when. The one place that has them.

AWS's pages show prices by script, so that most of these were read from AWS's Price List API, as others published it.
"""

from __future__ import annotations

from tools.scale.model import Rate

API = "AWS Price List API"

RATES = {
    "s3_gb": Rate("S3 Standard, storage", "GB-month", 0.023, API, "2026-07-28"),
    "s3_put": Rate("S3, PUT, POST and LIST", "1,000 requests", 0.005, API, "2026-07-28"),
    "s3_get": Rate("S3, GET", "1,000 requests", 0.0004, API, "2026-07-28"),
    "emr_vcpu": Rate("EMR Serverless, x86", "vCPU-hour", 0.052624, API, "2026-08-13"),
    "emr_gb": Rate("EMR Serverless, memory", "GB-hour", 0.0057785, API, "2026-08-13"),
    "athena_tb": Rate("Athena, at least 10 MB a query", "TB read", 5.0, API, "2026-08-27"),
    "kms_key": Rate("KMS, a key", "month", 1.0, API, "2025-08-28"),
    "kms": Rate("KMS", "10,000 requests", 0.03, API, "2025-08-28"),
    "glue": Rate(
        "Glue Data Catalog, over a million a month", "1,000,000 requests", 1.0,
        "AWS Glue's page of prices", "2026-09-20",
    ),
    "lake_gb": Rate("CloudTrail Lake, one year, uncompressed", "GB taken in", 0.75, API, "2025-07-01"),
    "lake_7": Rate("CloudTrail Lake, seven years, first 5 TB a month", "GB taken in", 2.5, API, "2025-07-01"),
    "lake_7_over_5": Rate("the same, next 20 TB", "GB taken in", 1.0, API, "2025-07-01"),
    "lake_7_over_25": Rate("the same, above", "GB taken in", 0.5, API, "2025-07-01"),
    "lake_scan": Rate("CloudTrail Lake, queries, compressed", "GB read", 0.005, API, "2025-07-01"),
    "security_gb": Rate(
        "Security Lake, CloudTrail management events", "GB", 0.75,
        "AWS's own tool that estimates a Security Lake's bill", "2023-05-25, in use until 2026-01",
    ),
    "security_normal": Rate(
        "Security Lake, normalization", "GB", 0.035, "the same tool", "2023-05-25, in use until 2026-01",
    ),
}  # fmt: skip
