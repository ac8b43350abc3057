"""The life of a model, told as it happens: what is done to the platform, what it does by itself, and what is shown."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from loop import cloud
from loop.argo import Node, Run
from loop.payments import SHIFTED, USUAL
from loop.world import PAST, REQUESTS_IN_ROLLOUTS, Check, Platform

BEGIN: Final = 6
"""Hour of the day (UTC) at which it begins, so that a day's budget is that of one day."""
PIPELINE, ENDPOINT, DRIFT = "TrainingPipeline", "ServingEndpoint", "DriftMonitor"
PATIENCE_HOURS: Final = 30
"""Hours within which something must have come about."""
INSTEAD: Final[Mapping[str, str]] = {
    "AWS": "moto, in a process of its own, with the rights of roles and buckets (loop/cloud.py, loop/aws.py)",
    "Kubernetes API": "objects of the graph behind the API's paths, with the graph's own roles (loop/kubernetes.py)",
    "kubelet, nodes, images": "processes of this machine; images are this environment (loop/machine.py, workloads.py)",
    "Argo Workflows": "runs WorkflowTemplates as they are; waits of retries are left out (loop/argo.py)",
    "Kueue": "admits at once",
    "KEDA": "looks at the queue, starts a worker (loop/world.py)",
    "KServe": "a scikit-learn server, one pod a track, behind the request log's own sidecar (loop/kserve.py)",
    "Envoy Gateway": "routes by host and weight, counts as Envoy does (loop/gateway.py)",
    "Prometheus, Pushgateway": "samples in memory, PromQL, the text format and the HTTP API (loop/prometheus.py)",
    "External Secrets": "fills Secrets out of Secrets Manager (loop/external_secrets.py)",
    "cluster DNS": "names of Services lead to ports of this machine (loop/pod)",
    "the clock": "hours pass at once, and at once for whoever sleeps (loop/clock.py, loop/pod)",
    "the team's data": "made-up card payments (loop/payments.py)",
}
"""What stands in for what."""


class StoryError(Exception):
    """Something that should have come about did not."""


@dataclass
class Point:
    """What was known of the endpoint at a check for drift."""

    time: datetime
    rows: int
    score: float | None
    """Greatest distance of a feature or the prediction."""
    drifted: list[str]
    accuracy: float | None
    """As the drift job measured it, by the labels."""
    version: str
    retraining: str
    alerts: list[str]


@dataclass
class Story:
    """One telling."""

    platform: Platform
    console: Console
    points: list[Point] = field(default_factory=list)
    marks: list[tuple[datetime, str]] = field(default_factory=list)
    """Moments that the picture shows."""
    notes: dict[str, str] = field(default_factory=dict)
    """Results, for the table."""

    def tell(self) -> None:
        """From nothing to a model that serves, drifts, is trained anew and replaced."""
        self.stand()
        self.first_model()
        self.serve()
        self.shift()
        self.retrain()
        self.roll_out()
        self.calm()

    # The chapters.

    def stand(self) -> None:
        """Brings the platform up, and says what stands in for what."""
        self.chapter("The platform of the recorded graph, on this machine")
        for what, instead in INSTEAD.items():
            self.console.print(f"  [dim]{what}:[/dim] {instead}")
        self.platform.start()
        self.platform.argo.hooks.ended = self._ended
        for line in cloud.lines(self.platform.cloud):
            self.say(f"AWS: {line}")
        self.say(
            f"MLflow's own server is up on {self.platform.registry.database}, its schema migrated by the Job's commands"
        )
        for (_, name), pod in self.platform.kserve.pods.items():
            self.say(f"{name} is not ready: {pod.why}")
        begin = (self.platform.clock.now() + timedelta(days=1)).replace(hour=BEGIN, minute=0, second=0, microsecond=0)
        self.platform.clock.until(begin)
        for schedule in self.platform.schedules():
            self.platform.plan(schedule)

    def first_model(self) -> None:
        """Writes data, trains by hand, and lets the schedule of rollouts promote the first version."""
        self.chapter("A first model")
        self.say(f"{PAST} payments whose outcome is known lie at {self.platform.lake(USUAL)}")
        run = self.platform.submit(PIPELINE, {"requested-by": "by hand: the first version"})
        self.require(run.phase == "Succeeded", f"the first training: {run.message}")
        self._trained(run)
        self.wait("the first rollout", lambda: self.champion() != "")
        self.mark(f"version {self.champion()}")
        self.say(f"version {self.champion()} is champion and serves")

    def serve(self) -> None:
        """Traffic as it was when the model was trained."""
        self.chapter("Requests, and labels that follow")
        self.say(
            "the schedule of rollouts rests from here on, since it would find nothing to do every quarter of an hour"
        )
        self.platform.quiet = True
        self.platform.world = USUAL
        self.day()
        self.require(not self.points[-1].drifted, f"drift where nothing changed: {self.points[-1].drifted}")
        self.midnight()

    def shift(self) -> None:
        """The world changes, and the drift job sees it."""
        self.chapter("The data shift")
        self.platform.world = SHIFTED
        self.mark("data shift")
        self.say("people spend three times as much, travel, and fraud goes to small payments near home")
        self.check()
        self.require(not self.points[-1].drifted, f"drift in the day before it: {self.points[-1].drifted}")
        self.day()
        point = self.points[-1]
        self.require(bool(point.drifted) and point.retraining == "granted", f"no request for retraining: {point}")
        self.mark("drift found")

    def retrain(self) -> None:
        """The queue's message becomes a Workflow, which trains on what is known by now."""
        self.chapter("One request, one retraining")
        waiting = self.platform.waiting(self.queue())
        self.say(f"messages in the queue: {waiting}")
        self.require(waiting == 1, f"{waiting} messages of one request")
        runs = self.platform.settle()
        self.require(len(runs) == 1, f"{len(runs)} Workflows of one request")
        self.require(runs[0].phase == "Succeeded", f"the retraining: {runs[0].message}")
        self._trained(runs[0])

    def roll_out(self) -> None:
        """The schedule of rollouts takes the challenger up, step by step."""
        self.chapter("The rollout")
        before = self.champion()
        self.platform.quiet = False
        self.say(
            f"while it waits, {REQUESTS_IN_ROLLOUTS} requests an hour come, so that its gates have enough to judge by"
        )
        self.wait("the rollout", lambda: self.champion() != before)
        self.platform.quiet = True
        self.mark(f"version {self.champion()}")
        self.say(f"version {self.champion()} is champion, and version {before} serves no more")
        self.notes["champion before, after"] = f"{before}, {self.champion()}"
        self.notes["stages of the rollout"] = ", ".join(self._gates(self.platform.runs[-1]))

    def calm(self) -> None:
        """Requests go on, and nothing has drifted any more."""
        self.chapter("After it")
        self.day()
        self.require(not self.points[-1].drifted, f"still drift: {self.points[-1].drifted}")
        ended = [process.popen.poll() for process in self.platform.followed]
        self.require(ended == [0], f"workers ended with {ended}")

    # What happens in them.

    def day(self) -> None:
        """Lets a day pass up to the check after it, with the labels that come meanwhile."""
        self.midnight()
        self.check()

    def midnight(self) -> None:
        """Lets the day pass, and labels come."""
        platform = self.platform
        tomorrow = (platform.clock.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        platform.until(tomorrow)
        self.say(f"a day of requests has passed; labels that came: {platform.label()}")

    def check(self) -> None:
        """Lets time pass until the drift job has looked."""
        before = len(self.platform.checks)
        self.wait("a check for drift", lambda: len(self.platform.checks) > before)
        self.checked(self.platform.checks[-1])

    def checked(self, check: Check) -> None:
        """Notes what a check found."""
        platform = self.platform
        scores = {label: value for (name, label), value in check.gauges.items() if name == "mlplatform_drift_score"}
        drifted = [
            label for (name, label), value in check.gauges.items() if name == "mlplatform_drift_drifted" and value
        ]
        accuracy = check.gauges.get(("mlplatform_model_quality", "accuracy"))
        alerts = sorted(
            platform.prometheus.firing(
                platform.cluster, platform.drift_job()["metadata"]["labels"]["mlplatform.dev/component"]
            )
        )
        event = check.event
        point = Point(
            check.time,
            event.get("rows", 0),
            max(scores.values(), default=None),
            sorted(drifted),
            accuracy,
            event.get("model_version", ""),
            event.get("retraining") or "",
            alerts,
        )
        self.points.append(point)
        shown = f"accuracy {accuracy:.3f}" if accuracy is not None else "accuracy unknown"
        score = f"{point.score:.3f}" if point.score is not None else "unknown"
        found = ", ".join(point.drifted) or ", ".join(event.get("problems", ())) or "nothing"
        self.say(
            f"drift job: {point.rows} requests of {point.version or 'no version'}, greatest distance {score}, {shown}; "
            f"found: {found}"
        )
        if point.retraining or alerts:
            self.say(
                f"retraining: {point.retraining or 'not asked for'}; alerts that hold: {', '.join(alerts) or 'none'}"
            )

    def wait(self, what: str, come: Any) -> None:
        """Lets time pass until something has come about; StoryError where it takes too long."""
        platform = self.platform
        end = platform.clock.now() + timedelta(hours=PATIENCE_HOURS)
        while True:
            # It comes of a Workflow or of a check.
            before = len(platform.runs), len(platform.checks)
            while (len(platform.runs), len(platform.checks)) == before:
                self.require(platform.clock.now() < end, f"{what} did not come about")
                platform.pass_(60)
            if come():
                return

    def champion(self) -> str:
        """The version of alias champion, as the registry has it; empty for none."""
        return self.alias("champion")

    def alias(self, name: str) -> str:
        """The version of an alias; empty for none."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - takes seconds to load

        config = self.platform.told(PIPELINE, "PIPELINE_CONFIG")
        try:
            return str(self.platform.client().get_model_version_by_alias(config["model"], name).version)
        except MlflowException:
            return ""

    def queue(self) -> str:
        """URL of the queue that retraining is asked of."""
        return str(self.platform.told(DRIFT, "REQUEST_CONFIG")["queue_url"])

    @staticmethod
    def _gates(run: Run) -> Iterator[str]:
        """What each pod of a rollout that judged says it came to."""
        for node in run.pods():
            events = node.process.events if node.process else ()
            yield from (f"{node.name.rpartition('.')[2]} {event['outcome']}" for event in events if "outcome" in event)

    def _trained(self, run: Run) -> None:
        made = next(node.outputs for node in reversed(run.nodes) if "decision" in node.outputs)
        config = self.platform.told(PIPELINE, "PIPELINE_CONFIG")
        version = self.platform.client().get_model_version(config["model"], made["version"])
        tags = {name.removeprefix("mlplatform."): value for name, value in sorted(version.tags.items())}
        self.say(
            f"version {made['version']} is {made['decision']}: {tags['reason']}; asked for by {tags['requested-by']}"
        )
        self.notes[f"version {made['version']}"] = f"{made['decision']}: {tags['reason']}"

    # How it is told.

    def chapter(self, title: str) -> None:
        """A heading."""
        self.console.print(f"\n[bold]{title}[/bold]")

    def say(self, text: str) -> None:
        """A sentence, with the platform's time."""
        self.console.print(f"  [cyan]{self.platform.clock.now():%a %H:%M}[/cyan] {escape(text)}", highlight=False)

    def mark(self, text: str) -> None:
        """A moment for the picture."""
        self.marks.append((self.platform.clock.now(), text))

    def require(self, true: bool, otherwise: str) -> None:  # noqa: FBT001 - what is required
        """StoryError with what is wrong, unless it is true."""
        if not true:
            raise StoryError("\n".join((otherwise, *_tails(self.platform))))

    def _ended(self, run: Run, node: Node) -> None:
        said = {key: value for key, value in node.outputs.items() if len(value) < 20}  # noqa: PLR2004 - fits a line
        outputs = ", ".join(f"{key} {value}" for key, value in said.items())
        again = f", attempt {node.attempts}" if node.attempts > 1 else ""
        name = node.name.removeprefix(run.name).lstrip(".")
        words = [f"{node.phase}{again}", f"{node.seconds:.1f} s", *filter(None, (outputs, node.message))]
        self.console.print(f"    [dim]{run.name}[/dim] {escape(name)}: {escape(', '.join(words))}", highlight=False)


def _tails(platform: Platform) -> Iterator[str]:
    """The last words of what failed last."""
    for run in platform.runs[-2:]:
        for node in run.failed():
            if node.process is not None:
                yield f"{node.process.name}: {node.process.text[-1500:]}"


def facts(story: Story) -> dict[str, Any]:
    """All that was found, as JSON has it."""
    return {
        "points": [{**vars(point), "time": point.time.isoformat()} for point in story.points],
        "marks": [{"time": time.isoformat(), "text": text} for time, text in story.marks],
        "notes": story.notes,
        "days": [
            {**vars(day), "start": day.start.isoformat(), "end": day.end.isoformat()}
            for _, day in sorted(story.platform.days.items())
        ],
        "runs": {run.name: str(run.phase) for run in story.platform.runs},
        "refused": story.platform.cloud.refused,
        "made": dict(story.platform.cloud.made),
    }


def dumped(story: Story) -> str:
    """The same as text."""
    return json.dumps(facts(story), indent=2) + "\n"
