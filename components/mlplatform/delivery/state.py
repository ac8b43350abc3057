"""Pulumi's own backend in S3: where a stack's files lie, and what reading and writing them takes.

Paths and order of access are those of `pkg/backend/diy` of pulumi/pulumi (store.go, lock.go, meta.go, stack_tags.go,
backend.go): a preview takes no lock and writes nothing; an update locks, writes, journals, backs up and notes its
history. The secrets provider is `pkg/secrets/cloud`, which decrypts a data key once a run, and encrypts one only when a
stack is made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi

from mlplatform.core.place import Place
from mlplatform.facts.aws.iam import Conditions, Statement

ROOT = ".pulumi"
META = f"{ROOT}/meta.yaml"
CONTEXT = "environment"
"""Key of the encryption context under which a stack's data key is encrypted: it parts the environments of one key."""


@dataclass(frozen=True, slots=True)
class State:
    """Where the state of all environments lies."""

    bucket_name: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    place: Place
    project: str

    @property
    def url(self) -> pulumi.Output[str]:
        """What `pulumi login` takes."""
        return pulumi.Output.concat("s3://", self.bucket_name, "?region=", self.place.region)

    def secrets_provider(self, environment: str) -> pulumi.Output[str]:
        """What `pulumi stack init --secrets-provider` takes (gocloud.dev, secrets/awskms, URLOpener)."""
        where = pulumi.Output.concat("awskms:///", self.key_arn, "?region=", self.place.region)
        return pulumi.Output.concat(where, f"&context_{CONTEXT}={environment}")

    def read_by_previews(self, stack: str) -> tuple[pulumi.Output[str], ...]:
        """ARNs of what a preview reads: state, tags, and the locks that it names in its error."""
        return self._objects(META, *self._replaced(stack))

    def statements(self, environment: str, stack: str, *, writes: bool) -> Iterator[Statement]:
        """What a role may do with one stack's files."""
        # Names of all files, contents of some: for a file that is not there, such as a stack's tags, S3 says so only to
        # who may list without a prefix, and else denies, at which Pulumi stops.
        yield Statement("ListState", ("s3:ListBucket",), (self.bucket_arn,))
        kept = self._kept(stack) if writes else ()
        readable = self._objects(META, *self._replaced(stack), *kept)
        yield Statement("ReadState", ("s3:GetObject",), readable)
        if writes:
            written = self._objects(*self._replaced(stack), *kept)
            yield Statement("WriteState", ("s3:AbortMultipartUpload", "s3:PutObject"), written)
            # History and backups are never deleted by an update; versions of the rest stay in the bucket.
            yield Statement("DeleteState", ("s3:DeleteObject",), self._objects(*self._replaced(stack)))
        yield from self._key(environment, writes=writes)

    def _key(self, environment: str, *, writes: bool) -> Iterator[Statement]:
        by_s3: Conditions = {"StringEquals": {"kms:ViaService": self.place.host("s3")}}
        actions = ("kms:Decrypt", "kms:GenerateDataKey") if writes else ("kms:Decrypt",)
        yield Statement("KeyByS3", actions, (self.key_arn,), conditions=by_s3)
        own: Conditions = {"StringEquals": {f"kms:EncryptionContext:{CONTEXT}": environment}}
        yield Statement("SecretsProvider", ("kms:Decrypt",), (self.key_arn,), conditions=own)

    def _replaced(self, stack: str) -> Sequence[str]:
        """What an update replaces and deletes: checkpoint, its backup and tags, locks, journal."""
        return (
            f"{ROOT}/stacks/{self.project}/{stack}.*",
            f"{ROOT}/locks/organization/{self.project}/{stack}/*",
            f"{ROOT}/journal/{self.project}/{stack}/*",
        )

    def _kept(self, stack: str) -> Sequence[str]:
        """What an update only adds to."""
        return (f"{ROOT}/history/{self.project}/{stack}/*", f"{ROOT}/backups/{self.project}/{stack}/*")

    def _objects(self, *paths: str) -> tuple[pulumi.Output[str], ...]:
        return tuple(pulumi.Output.concat(self.bucket_arn, f"/{path}") for path in paths)
