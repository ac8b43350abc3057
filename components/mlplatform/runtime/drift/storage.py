"""Objects of S3 as lines of text, and reports as objects."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]


@dataclass(frozen=True, slots=True)
class Storage:
    """Buckets of S3."""

    client: Any
    """A client of S3."""

    def lines(self, bucket: str, prefix: str) -> Iterator[str]:
        """Lines of all objects below a prefix, by key; those whose key ends in .gz are unpacked."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for found in page.get("Contents", []):
                yield from self._object(bucket, found["Key"])

    def write(self, bucket: str, key: str, report: dict[str, Any]) -> None:
        """Writes a report; a later run of the same window writes it anew."""
        body = json.dumps(report, indent=2, sort_keys=True).encode()
        self.client.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")

    def _object(self, bucket: str, key: str) -> Iterator[str]:
        try:
            body = self.client.get_object(Bucket=bucket, Key=key)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                # A lifecycle rule has deleted it since the listing.
                return
            raise
        lines = gzip.GzipFile(fileobj=body) if key.endswith(".gz") else body.iter_lines()
        try:
            # What is no UTF-8 becomes a line that is no row, and is counted as one; so does what cannot be unpacked.
            yield from (line.decode("utf-8", "replace") for line in lines)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            yield f"{key} is damaged"
