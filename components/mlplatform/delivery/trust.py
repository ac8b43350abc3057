"""Whose tokens a role is taken with: the subjects that GitHub and GitLab write for previews and for deployments."""

from mlplatform.delivery.args import DeliveryEnvironment, GitHub, GitLab


def deploying(ci: GitHub | GitLab, environment: str, given: DeliveryEnvironment) -> list[str]:
    """Subjects of the jobs that deploy: of one repository, environment and branch."""
    of_ci = given.ci_environment or environment
    if isinstance(ci, GitHub):
        return [_github(ci, f"environment:{of_ci}", f"refs/heads/{ci.branch}")]
    # GitLab Docs, OpenID Connect (OIDC) authentication using ID tokens, Token payload.
    pinned = f":environment:{of_ci}" if ci.environment_in_subject else ""
    return [f"project_path:{ci.project}:ref_type:branch:ref:{ci.branch}{pinned}"]


def previewing(ci: GitHub | GitLab, given: DeliveryEnvironment) -> list[str]:
    """Subjects of the jobs that only read: of pull requests, and of the branch for drift and promotions."""
    if isinstance(ci, GitLab):
        # A pipeline of a merge request has the branch it comes from; one of a fork has the fork's project.
        return [f"project_path:{ci.project}:ref_type:branch:ref:*"]
    if given.preview_environment is not None:
        # The environment's own rules say which refs may use it: pull requests, the branch, or both.
        subjects = [_github(ci, f"environment:{given.preview_environment}", ref) for ref in _refs(ci)]
        return list(dict.fromkeys(subjects))
    pulls, branch = _refs(ci)
    return [_github(ci, "pull_request", pulls), _github(ci, f"ref:{branch}", branch)]


def _refs(ci: GitHub) -> tuple[str, str]:
    return "refs/pull/*", f"refs/heads/{ci.branch}"


def _github(ci: GitHub, context: str, ref: str) -> str:
    """A subject of the template repo, context and, where it is pinned, ref (GitHub Docs, OpenID Connect reference)."""
    return f"repo:{ci.repository}:{context}" + (f":ref:{ref}" if ci.branch_in_subject else "")
