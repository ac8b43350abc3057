"""What a delivery needs to know: whose pipelines, which environments, and what they may cost."""

from collections.abc import Mapping, Sequence
from typing import Optional, Self, cast

from pydantic import model_validator

from mlplatform.core.args import Args, In, at_least, between, checked, distinct, each, matching
from mlplatform.core.identifiers import ACCOUNT, BUCKET_NAME, TOPIC_ARN
from mlplatform.core.keys import KEY_ARN
from mlplatform.core.naming import Kind, check
from mlplatform.hardened_bucket import AccessLogs, BucketReplication, refuse_both

SESSION_MINUTES = (60, 720)
"""What a role's longest session may be (IAM API model, roleMaxSessionDurationType, in seconds there)."""
BUDGET_NOTIFICATIONS = 10
BUDGET_EMAILS = 10
"""Per budget, and per notification, beside one SNS topic (AWS Cost Management API reference, Notification)."""

# GitHub Docs, OpenID Connect reference, Immutable subject claims.
REPOSITORY = matching(
    r"[A-Za-z0-9_.-]+(@\d+)?/[A-Za-z0-9_.-]+(@\d+)?",
    "a repository as the subject of its tokens has it: acme/ml, or acme@123456/ml@456789 where GitHub adds ids",
)
PROJECT_PATH = matching(
    r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+", "the path of a project with its groups, such as acme/platform/ml"
)
BRANCH = matching(r"[A-Za-z0-9_./-]+", "a branch without refs/heads/, no wildcard, such as main")
ISSUER = matching(
    r"https://[a-z0-9.-]+(/[A-Za-z0-9_./-]*[A-Za-z0-9_-])?",
    "an https address without port, query or / at its end, such as https://gitlab.example.com",
)
# A . would let the prefix of one stack's files begin those of another.
STACK = matching(r"[A-Za-z0-9_-]{1,100}", "letters, digits, - and _, at most 100, such as prod")
PROJECT = matching(r"[A-Za-z0-9_.-]{1,100}", "a Pulumi project: letters, digits, -, _ and ., such as mlplatform")
ENVIRONMENT = matching(
    r"[A-Za-z0-9][A-Za-z0-9_.-]*", "letters, digits, -, _ and ., first a letter or digit, such as production"
)
SHORT_NAME = matching(
    r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", "lower-case letters, digits and -, at most 32, first a letter, such as prod"
)
POLICY_ARN = matching(
    r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+",
    "the ARN of a managed policy, such as arn:aws:iam::111122223333:policy/deploy",
)
PROVIDER_ARN = matching(
    r"arn:aws[a-z-]*:iam::\d{12}:oidc-provider/.+",
    "the ARN of an OIDC provider, such as arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
)
MONITOR_ARN = matching(
    r"arn:aws[a-z-]*:ce::\d{12}:anomalymonitor/[a-zA-Z0-9-]+",
    "the ARN of an anomaly monitor, such as arn:aws:ce::111122223333:anomalymonitor/0a1b2c3d-1111-2222-3333-4444",
)
EMAIL = matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address, such as ml-costs@example.com")


def _short_names(named: Mapping[str, object]) -> Mapping[str, object]:
    for name in named:
        SHORT_NAME(name)
    return named


def _environments(named: Mapping[str, object]) -> Mapping[str, object]:
    if not named:
        raise ValueError("got none; allowed are one or more; name an environment of this account")
    return _short_names(named)


def _repositories(named: Mapping[str, object]) -> Mapping[str, object]:
    for name in named:
        check(Kind.ECR_REPOSITORY, name)
    return named


class GitHub(Args):
    """GitHub Actions of one repository."""

    repository: str
    """Repository as the subject of its tokens has it: `owner/name`, or `owner@id/name@id` where GitHub puts ids there,
    as it does for repositories made, renamed or moved after 15 July 2026."""
    branch: Optional[str] = "main"
    """Branch that is deployed and watched for drift; main by default."""
    branch_in_subject: Optional[bool] = True
    """Whether subjects also say the ref, so that AWS itself holds a deployment to the branch; on by default. GitHub
    does so once the repository's subject template is `repo`, `context`, `ref` (one API call, in docs/delivery.md);
    until then every role is refused. Off leaves the branch to the rules of GitHub's environment."""
    issuer: Optional[str] = "https://token.actions.githubusercontent.com"
    """Issuer of the tokens; GitHub's own by default, another for GitHub Enterprise."""

    _repository = checked(REPOSITORY, "repository")
    _branch = checked(BRANCH, "branch")
    _issuer = checked(ISSUER, "issuer")


class GitLab(Args):
    """GitLab CI of one project."""

    project: str
    """Path of the project with its groups, such as `acme/platform/ml`."""
    branch: Optional[str] = "main"
    """Branch that is deployed and watched for drift; main by default. Protect it: who may push to it deploys."""
    environment_in_subject: Optional[bool] = True
    """Whether subjects also say the environment, so that a job of one environment cannot take the role of another; on
    by default. GitLab does so once the project's `ci_id_token_sub_claim_components` are `project_path`, `ref_type`,
    `ref`, `environment` (one API call, in docs/delivery.md); until then deploy roles are refused. Off trusts every job
    of the branch."""
    issuer: Optional[str] = "https://gitlab.com"
    """Address of the GitLab instance, which issues the tokens; gitlab.com by default."""

    _project = checked(PROJECT_PATH, "project")
    _branch = checked(BRANCH, "branch")
    _issuer = checked(ISSUER, "issuer")


def issuer_host(ci: GitHub | GitLab) -> str:
    """The issuer of the CI's tokens without its scheme, as IAM names it."""
    return str(ci.issuer).removeprefix("https://")


class DeliveryEnvironment(Args):
    """What pipelines may do in one environment of this account."""

    deploy_policy_arns: Optional[Sequence[In[str]]] = []
    """ARNs of managed policies that let the deploy role make what the environment contains; this or `deploy_policies`,
    since there is no default: what may be made is the owner's to say."""
    deploy_policies: Optional[Mapping[str, In[str]]] = {}
    """Policy documents as JSON text, by a short name, for the deploy role; each becomes a managed policy. None by
    default."""
    preview_policy_arns: Optional[Sequence[In[str]]] = []
    """ARNs of further policies of the preview role, for services that no component here uses; none by default. Whatever
    they allow, reading data stays denied."""
    stack: Optional[str] = None
    """Pulumi stack of the environment; its name by default."""
    ci_environment: Optional[str] = None
    """Environment of GitHub or GitLab whose jobs deploy; named as this one by default. Its approvals are what holds
    back a promotion."""
    preview_environment: Optional[str] = None
    """Environment of GitHub whose jobs preview, for reviews before credentials are given; by default none: every pull
    request of the repository itself may preview, those of forks get no token."""
    pushes_images: Optional[bool] = False
    """Whether the deploy role may push to the repositories; off by default: images are built once, in the first
    environment, and promoted by digest."""
    session_minutes: Optional[In[int]] = 60
    """Longest session of either role in minutes, 60 to 720; 60 by default, IAM's least."""

    _policies = checked(each(POLICY_ARN), "deploy_policy_arns", "preview_policy_arns")
    _documents = checked(_short_names, "deploy_policies")
    _stack = checked(STACK, "stack")
    _ci = checked(ENVIRONMENT, "ci_environment", "preview_environment")
    _session = checked(between(*SESSION_MINUTES, "minutes"), "session_minutes")

    @model_validator(mode="after")
    def _may_do_something(self) -> Self:
        if not self.deploy_policy_arns and not self.deploy_policies:
            raise ValueError(
                "deploy_policy_arns and deploy_policies missing: the deploy role could do nothing; allowed are "
                "policies of your own; set one of them"
            )
        return self


class StateBackend(Args):
    """Where Pulumi keeps the state of the environments."""

    bucket_name: Optional[In[str]] = None
    """Name of a bucket that somebody else made, such as one for all accounts; by default an own one is made."""
    kms_key_arn: Optional[In[str]] = None
    """KMS key of the bucket and of Pulumi's secrets provider; by default an own one, rotated every year. Required with
    `bucket_name`. One given must let the account's IAM policies allow its use."""
    noncurrent_days: Optional[In[int]] = 90
    """Days that superseded versions of a state are kept, at least 1; 90 by default, a quarter in which to notice that
    something is gone: states are small."""
    access_logs: Optional[AccessLogs] = AccessLogs()
    """Where access logs of the own bucket go; to a bucket of its own by default. They say who read a state."""
    replication: Optional[BucketReplication] = None
    """Copies of every state in another bucket; none by default."""

    _bucket = checked(BUCKET_NAME, "bucket_name")
    _key = checked(KEY_ARN, "kms_key_arn")
    _days = checked(at_least(1, "days"), "noncurrent_days")

    @model_validator(mode="after")
    def _own_or_given(self) -> Self:
        if self.bucket_name is None:
            return self
        if self.kms_key_arn is None:
            raise ValueError(
                "bucket_name without kms_key_arn: the roles could not read what that bucket encrypts; "
                "set kms_key_arn to the bucket's key"
            )
        own = [name for name in ("access_logs", "noncurrent_days", "replication") if name in self.model_fields_set]
        if own:
            raise ValueError(
                f"bucket_name and {', '.join(own)}: a bucket of others is set up by them; take one or the other out"
            )
        return self


class ImageRepository(Args):
    """A repository of container images in ECR: tags never move, and every image is scanned when it is pushed."""

    keep_images: Optional[In[int]] = 200
    """Newest images that are kept, 2 to 10000; 200 by default: more than are deployed at a time anywhere. ECR does not
    know what runs."""
    untagged_days: Optional[In[int]] = 14
    """Days after which untagged images go, at least 1; 14 by default: nothing is deployed from them."""
    pull_account_ids: Optional[Sequence[In[str]]] = []
    """Accounts whose roles may pull, such as those of later environments; none by default."""
    lambda_pulls: Optional[bool] = False
    """Whether Lambda functions of this account run images of the repository; off by default."""

    _keep = checked(between(2, 10_000, "images"), "keep_images")
    _untagged = checked(at_least(1, "days"), "untagged_days")
    _accounts = checked(each(ACCOUNT), "pull_account_ids")
    _twice = checked(distinct, "pull_account_ids")


class MonthlyBudget(Args):
    """What may be spent in a month, and who hears of it before and after."""

    limit_usd: In[int]
    """US dollars a month, at least 1. A budget warns; it stops nothing."""
    emails: Optional[Sequence[In[str]]] = []
    """E-mail addresses that are told, at most 10; these or `sns_topic_arn`."""
    sns_topic_arn: Optional[In[str]] = None
    """SNS topic of this account that is told, whose policy lets budgets.amazonaws.com publish; none by default."""
    actual_percent: Optional[Sequence[int]] = [80, 100]
    """Percent of the limit, once spent, at which a message goes out, 1 to 1000; 80 and 100 by default."""
    forecast_percent: Optional[Sequence[int]] = [100]
    """Percent of the limit, once forecast for the month, at which a message goes out, 1 to 1000; 100 by default: AWS
    forecasts after about five weeks of data."""
    tags: Optional[Mapping[str, str]] = {}
    """Cost-allocation tags, activated in billing, one of which a cost must have to count; everything in the account
    counts by default."""

    _limit = checked(at_least(1, "US dollars"), "limit_usd")
    _emails = checked(each(EMAIL), "emails")
    _topic = checked(TOPIC_ARN, "sns_topic_arn")
    _percent = checked(each(between(1, 1000, "percent")), "actual_percent", "forecast_percent")

    @model_validator(mode="after")
    def _somebody_is_told(self) -> Self:
        if not self.emails and self.sns_topic_arn is None:
            raise ValueError("emails and sns_topic_arn missing: nobody would be told; set one of them")
        if len(self.emails or ()) > BUDGET_EMAILS:
            raise ValueError(f"{len(self.emails or ())} emails: AWS takes {BUDGET_EMAILS}; use sns_topic_arn for more")
        return self

    @model_validator(mode="after")
    def _notified(self) -> Self:
        count = len(set(self.actual_percent or ())) + len(set(self.forecast_percent or ()))
        if not 1 <= count <= BUDGET_NOTIFICATIONS:
            raise ValueError(
                f"actual_percent and forecast_percent have {count} thresholds; allowed are 1 to {BUDGET_NOTIFICATIONS} "
                "together; change one of them"
            )
        return self


class CostAnomalies(Args):
    """Daily mail about costs that are out of the ordinary, by service."""

    emails: Sequence[In[str]]
    """E-mail addresses that are told, at least one."""
    impact_usd: Optional[In[int]] = 100
    """US dollars by which costs must be out of the ordinary, at least 1; 100 by default: less is noise."""
    monitor_arn: Optional[In[str]] = None
    """Monitor that exists already, since an account has one by service only; by default one is made."""

    _emails = checked(each(EMAIL), "emails")
    _impact = checked(at_least(1, "US dollars"), "impact_usd")
    _monitor = checked(MONITOR_ARN, "monitor_arn")

    @model_validator(mode="after")
    def _somebody_is_told(self) -> Self:
        if not self.emails:
            raise ValueError("emails got none; allowed are one or more addresses; name one, or take anomalies out")
        return self


class DeliveryArgs(Args):
    """Whose pipelines may do what in an account, where state and images lie, and what may be spent."""

    github: Optional[GitHub] = None
    """GitHub Actions as the CI; this or `gitlab`."""
    gitlab: Optional[GitLab] = None
    """GitLab CI as the CI; this or `github`."""
    oidc_provider_arn: Optional[In[str]] = None
    """OIDC provider of the issuer that the account has already: it can have one only. Made by default. One given must
    know `audience`."""
    audience: Optional[str] = "sts.amazonaws.com"
    """Audience of the tokens; sts.amazonaws.com by default, which AWS's own GitHub action asks for."""
    project: str
    """Pulumi project whose stacks are deployed: roles reach its files only."""
    environments: Mapping[str, DeliveryEnvironment]
    """Environments in this account, by name such as `prod`: two roles each."""
    permissions_boundary_arn: In[str]
    """Policy that bounds what every role made here can ever do. Required: who may make roles may otherwise make
    one with every right."""
    bounds_made_roles: Optional[bool] = True
    """Whether the deploy roles may make and change only roles that carry the same boundary, and no users; on by
    default. The components' field `permissions_boundary_arn` puts it there."""
    state: Optional[StateBackend] = StateBackend()
    """Where Pulumi keeps state."""
    repositories: Optional[Mapping[str, ImageRepository]] = {}
    """Repositories of container images in ECR, by name; none by default."""
    images_kms_key_arn: Optional[In[str]] = None
    """KMS key of the repositories; by default an own one, apart from that of the state, rotated every year. One given
    must let the account's roles use it by ECR."""
    budgets: Mapping[str, MonthlyBudget]
    """Budgets by a short name. Required, and `{}` where somebody else watches what the account costs: a GPU left
    running is dear before anybody asks."""
    anomalies: Optional[CostAnomalies] = None
    """Mail about costs out of the ordinary; none by default, since an account can have one such monitor only."""
    deletion_protection: Optional[bool] = True
    """Whether state, images and keys are protected from deletion by Pulumi, and kept when they leave the program; on
    by default: without its state, an environment is nobody's."""
    force_destroy: Optional[bool] = False
    """Whether deleting this deletes the states and images that are there; off by default: AWS then refuses."""

    _provider = checked(PROVIDER_ARN, "oidc_provider_arn")
    _audience = checked(matching(r"[\w.:/-]{1,255}", "an audience, such as sts.amazonaws.com"), "audience")
    _project = checked(PROJECT, "project")
    _environments = checked(_environments, "environments")
    _boundary = checked(POLICY_ARN, "permissions_boundary_arn")
    _repositories = checked(_repositories, "repositories")
    _images_key = checked(KEY_ARN, "images_kms_key_arn")
    _budgets = checked(_short_names, "budgets")

    @property
    def ci(self) -> GitHub | GitLab:
        """The CI whose tokens are trusted."""
        return cast("GitHub | GitLab", self.github or self.gitlab)

    def stack_of(self, environment: str) -> str:
        """The Pulumi stack of an environment."""
        return self.environments[environment].stack or environment

    @model_validator(mode="after")
    def _one_ci(self) -> Self:
        if (self.github is None) == (self.gitlab is None):
            given = "neither" if self.github is None else "both"
            raise ValueError(f"github and gitlab: {given} given; allowed is exactly one; set one of them")
        return self

    @model_validator(mode="after")
    def _provider_of_the_issuer(self) -> Self:
        ci = self.github or self.gitlab
        arn = self.oidc_provider_arn
        if ci and isinstance(arn, str):
            issuer = issuer_host(ci)
            if arn.partition(":oidc-provider/")[2] != issuer:
                raise ValueError(
                    f"oidc_provider_arn {arn!r}: not that of issuer {issuer!r}; give the issuer's provider"
                )
        return self

    @model_validator(mode="after")
    def _previews_of_github(self) -> Self:
        if self.gitlab:
            for name, environment in self.environments.items():
                if environment.preview_environment is not None:
                    raise ValueError(
                        f"gitlab and environments.{name}.preview_environment {environment.preview_environment!r}: "
                        "GitLab's previews are trusted by branch; take preview_environment out"
                    )
        return self

    @model_validator(mode="after")
    def _own_stacks(self) -> Self:
        stacks = [self.stack_of(name) for name in self.environments]
        twice = sorted({stack for stack in stacks if stacks.count(stack) > 1})
        if twice:
            raise ValueError(f"environments: stack {twice[0]!r} is that of two; allowed is one each; set another stack")
        return self

    @model_validator(mode="after")
    def _pushing_somewhere(self) -> Self:
        pushing = [name for name, given in self.environments.items() if given.pushes_images]
        if pushing and not self.repositories:
            raise ValueError(
                f"environments.{pushing[0]}.pushes_images true and no repositories: there is nowhere to push; "
                "name repositories or take it out"
            )
        return self

    @model_validator(mode="after")
    def _kept_or_destroyed(self) -> Self:
        refuse_both(deletion_protection=self.deletion_protection, force_destroy=self.force_destroy)
        return self
