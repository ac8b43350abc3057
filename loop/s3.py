"""Folders and files in S3, as whatever moves artifacts and models there does it."""

from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError


def download(client: Any, bucket: str, key: str, path: Path) -> bool:
    """Brings a file, or a folder with all below it, to a path; False where there is neither."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # As a file first, as Argo does it (Argo Workflows, workflow/artifacts/s3).
        path.write_bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"NoSuchBucket", "NoSuchKey"}:
            raise
    else:
        return True
    prefix = f"{key.rstrip('/')}/"
    try:
        pages = list(client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    except client.exceptions.NoSuchBucket:
        return False
    inside = [item["Key"] for page in pages for item in page.get("Contents", ())]
    for found in inside:
        target = path / found.removeprefix(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, found, str(target))
    return bool(inside)


def upload(client: Any, path: Path, bucket: str, key: str) -> int:
    """Takes a file, or all files of a folder, to a key; how many."""
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    for file in files:
        name = key if file == path else f"{key.rstrip('/')}/{file.relative_to(path).as_posix()}"
        client.put_object(Bucket=bucket, Key=name, Body=file.read_bytes())
    return len(files)
