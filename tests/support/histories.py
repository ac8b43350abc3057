"""Git histories for tests: real ones, made with git itself."""

import shutil
import subprocess
from pathlib import Path

GIT = shutil.which("git") or "git"


def git(*arguments, cwd="."):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always"]
    done = subprocess.run([GIT, *identity, *arguments], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(**files):
    for name, text in files.items():
        Path(name).write_text(text)
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message", "change")
    return git("rev-parse", "HEAD")
