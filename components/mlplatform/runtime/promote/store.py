"""The bucket of promoted models: a version's files are copied once, and are the same whenever they are copied again."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from mlplatform.contracts import digest
from mlplatform.contracts.rollout import marker, prefix

PART: Final = 64 * 2**20
"""Bytes of a part, which is held in memory: S3 takes 10,000 of them (Amazon S3 User Guide, Amazon S3 multipart upload
limits)."""
WHOLE: Final = PART
"""Bytes up to which a file is uploaded as a whole."""
DIGEST: Final = "sha256"
"""Metadata of an object: SHA-256 of its content in hex. A checksum of parts is one of checksums, and an ETag under KMS
none of the content (Amazon S3 User Guide, Checking object integrity)."""
_READ: Final = 2**20
_THERE: Final = ("PreconditionFailed", "412")


class ContentError(Exception):
    """A key holds other content than what is to be there, or a version is not what it was."""


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of a registered model in the bucket."""

    client: Any
    """A client of S3."""
    bucket: str
    """The bucket."""
    model: str
    """The model."""

    def promoted(self, version: str) -> str | None:
        """Digest of a version that is there in full; None for one that is not.

        By a list first: who may list only the model's own folder is not told by a read that an object is missing.
        """
        key = marker(self.model, version)
        listed = self.client.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1).get("Contents", ())
        if key not in {each["Key"] for each in listed}:
            return None
        body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return str(json.loads(body)["digest"])

    def promote(self, version: str, source: Any, expected: str | None) -> str:
        """Copies a version out of a repository of artifacts, and returns its digest; ContentError where it differs.

        One file after the other, so that the disk need only hold the largest. The marker comes last.
        """
        digests = {}
        for path in files(source):
            with TemporaryDirectory() as folder:
                local = Path(source.download_artifacts(path, folder))
                digests[path] = self._upload(f"{prefix(self.model, version)}{path}", local)
        if not digests:
            raise ContentError(f"version {version} of {self.model} has no files; allowed is one with a model")
        found = digest.of_files(digests)
        if expected not in {None, found}:
            raise ContentError(
                f"version {version} of {self.model} has the digest {found}, and had {expected} when it was registered"
            )
        self._mark(version, found, digests)
        return found

    def _upload(self, key: str, path: Path) -> str:
        with path.open("rb") as file:
            found = _sha256(file)
        size = path.stat().st_size
        try:
            if size <= WHOLE:
                self._put(key, path.read_bytes(), found)
            else:
                self._put_parts(key, path, found)
        except ClientError as error:
            if _code(error) not in _THERE:
                raise
            self._same(key, found, size)
        return found

    def _mark(self, version: str, found: str, digests: Mapping[str, str]) -> None:
        content = {"model": self.model, "version": version, "digest": found, "files": dict(sorted(digests.items()))}
        body = json.dumps(content, indent=1, sort_keys=True).encode()
        key, checksum = marker(self.model, version), sha256(body).hexdigest()
        try:
            self._put(key, body, checksum)
        except ClientError as error:
            if _code(error) not in _THERE:
                raise
            self._same(key, checksum, len(body))

    def _put(self, key: str, body: bytes, checksum: str) -> None:
        self.client.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=body,
            IfNoneMatch="*",
            ChecksumSHA256=base64.b64encode(bytes.fromhex(checksum)).decode(),
            Metadata={DIGEST: checksum},
        )

    def _put_parts(self, key: str, path: Path, checksum: str) -> None:
        where = {"Bucket": self.bucket, "Key": key}
        made = self.client.create_multipart_upload(**where, ChecksumAlgorithm="SHA256", Metadata={DIGEST: checksum})
        upload = {**where, "UploadId": made["UploadId"]}
        try:
            parts = [
                _part(
                    number, self.client.upload_part(**upload, PartNumber=number, Body=part, ChecksumAlgorithm="SHA256")
                )
                for number, part in enumerate(_parts(path), start=1)
            ]
            # The bucket wants the condition here, where the object comes into being.
            self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
        except ClientError:
            self.client.abort_multipart_upload(**upload)
            raise

    def _same(self, key: str, checksum: str, size: int) -> None:
        head = self.client.head_object(Bucket=self.bucket, Key=key)
        if (head["Metadata"].get(DIGEST), head["ContentLength"]) != (checksum, size):
            raise ContentError(
                f"s3://{self.bucket}/{key} is there with other content; nothing there is written twice: "
                "register the model as another version"
            )


def files(source: Any, path: str = "") -> Iterator[str]:
    """Paths of all files in a repository of artifacts, in order."""
    for found in sorted(source.list_artifacts(path or None), key=lambda each: str(each.path)):
        if found.is_dir:
            yield from files(source, found.path)
        else:
            yield found.path


def _sha256(file: Any) -> str:
    found = sha256()
    while block := file.read(_READ):
        found.update(block)
    return found.hexdigest()


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(PART):
            yield part


def _part(number: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"PartNumber": number, **{name: answer[name] for name in ("ETag", "ChecksumSHA256") if name in answer}}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
