"""What a run keeps in S3, as `contracts.pipeline` lays it out."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Final

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from mlplatform.contracts.digest import of_files
from mlplatform.contracts.pipeline import ARTIFACTS, FIRST_ROUND, key, search_round
from mlplatform.runtime.pipeline.search import Round, Trial
from mlplatform.runtime.pipeline.verdicts import Metrics

_CHUNK: Final = 1 << 20
_GONE: Final = ("NoSuchKey", "404")
_WRITTEN: Final = ("PreconditionFailed", "412")


class RunError(Exception):
    """Something of the run is not as it must be; the text says what."""


@dataclass(frozen=True, slots=True)
class Source:
    """What was read."""

    uri: str
    """Its address."""
    version: str
    """Its version, as its store names it."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of a run on this machine."""

    path: Path
    """Where it is."""
    digest: str
    """SHA-256 of its bytes."""


@dataclass(frozen=True, slots=True)
class Runs:
    """The folder of one run."""

    client: Any
    """A client of S3."""
    bucket: str
    """Bucket of the pipeline's runs."""
    run: str
    """The run."""

    def round(self, number: int) -> Round | None:
        """A round; None where it was not written."""
        where = search_round(self.run, number)
        body = self._body(where)
        if body is None:
            return None
        try:
            found = json.loads(body)
            return Round([Trial(each["trial"], each["parameters"]) for each in found["trials"]], found["stop"])
        except (ValueError, KeyError, TypeError):
            raise RunError(f"{where}: is no round of a search") from None

    def rounds(self) -> list[Round]:
        """All rounds, in their order."""
        found: list[Round] = []
        while (there := self.round(FIRST_ROUND + len(found))) is not None:
            found.append(there)
        return found

    def write_round(self, number: int, made: Round) -> Round:
        """Writes a round unless it is there; the one that is there."""
        trials = [{"trial": trial.number, "parameters": dict(trial.parameters)} for trial in made.trials]
        body = json.dumps({"trials": trials, "stop": made.stop}, sort_keys=True).encode()
        where = search_round(self.run, number)
        try:
            self.client.put_object(
                Bucket=self.bucket, Key=where, Body=body, ContentType="application/json", IfNoneMatch="*"
            )
        except ClientError as error:
            if _code(error) not in _WRITTEN:
                raise
            return self.round(number) or made
        return made

    def metrics(self, trial: int) -> Metrics | str:
        """What a trial left, or why it left nothing of use."""
        body = self._body(key(self.run, "metrics", trial))
        if body is None:
            return "metrics.json is missing"
        try:
            return numbers(json.loads(body))
        except ValueError as error:
            return f"metrics.json is unreadable: {error}"

    def source(self) -> Source:
        """What `prepare` read."""
        found = self._document("source")
        uri, version = found.get("uri"), found.get("version")
        if not isinstance(uri, str) or not uri or not isinstance(version, str) or not version:
            raise RunError('source.json: allowed is {"uri": text, "version": text}, neither empty')
        return Source(uri, version)

    def evaluation(self) -> tuple[Metrics, Metrics | None]:
        """Metrics of the candidate, and of the champion; the second None where there is none."""
        found = self._document("evaluation")
        sides: list[Metrics | None] = []
        for side in ("candidate", "champion"):
            try:
                sides.append(None if found.get(side) is None else numbers(found[side]))
            except ValueError as error:
                raise RunError(f"evaluation.json: {side}: {error}") from None
        if sides[0] is None:
            raise RunError("evaluation.json: candidate is missing; allowed is an object of numbers")
        return sides[0], sides[1]

    def names(self, artifact: str, trial: int | str = "") -> list[str]:
        """Paths of a folder's files, below it, sorted; RunError where there is none."""
        folder = f"{key(self.run, artifact, trial)}/"
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=folder)
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        # What ends in a slash is a folder's mark, no file.
        names = sorted(each.removeprefix(folder) for each in keys if not each.endswith("/"))
        if not names:
            raise RunError(f"{ARTIFACTS[artifact].key.format(trial=trial)}: no file; fix: leave one in the step")
        for name in names:
            if any(part in ("", ".", "..") for part in name.split("/")):
                raise RunError(f"{folder}{name}: is no path of a file below its folder")
        return names

    def digest(self, artifact: str, trial: int | str = "") -> str:
        """SHA-256 over names and contents of a folder's files."""
        return of_files({name: self._read(artifact, trial, name) for name in self.names(artifact, trial)})

    @contextmanager
    def file(self, artifact: str, trial: int | str, name: str) -> Iterator[Copy]:
        """A file of a folder, for as long as the context lasts, under its own name."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / PurePosixPath(name).name
            with path.open("wb") as to:
                digest = self._read(artifact, trial, name, to.write)
            yield Copy(path, digest)

    def _read(self, artifact: str, trial: int | str, name: str, to: Callable[[bytes], object] = len) -> str:
        """Hands on a file's bytes piece by piece; their SHA-256."""
        digest = sha256()
        where = f"{key(self.run, artifact, trial)}/{name}"
        for piece in self.client.get_object(Bucket=self.bucket, Key=where)["Body"].iter_chunks(_CHUNK):
            digest.update(piece)
            to(piece)
        return digest.hexdigest()

    def _document(self, artifact: str) -> Mapping[str, Any]:
        name = ARTIFACTS[artifact].key
        body = self._body(key(self.run, artifact))
        if body is None:
            raise RunError(f"{name}: missing; fix: leave it in the step")
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RunError(f"{name}: is no JSON object")
        return found

    def _body(self, where: str) -> bytes | None:
        try:
            return bytes(self.client.get_object(Bucket=self.bucket, Key=where)["Body"].read())
        except ClientError as error:
            if _code(error) in _GONE:
                return None
            raise


def numbers(value: Any) -> Metrics:
    """An object of numbers; ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError("allowed is an object of numbers")  # noqa: TRY004 - whatever is wrong is caught as one
    for name, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ValueError(f"{name} is no number")
    return {name: float(number) for name, number in value.items()}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))
