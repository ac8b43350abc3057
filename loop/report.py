"""How a story ends: a table, and a picture of drift and accuracy over time; every number is of the run."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from loop.story import Story


def table(story: Story) -> Table:
    """Checks for drift, one a row."""
    made = Table(title="What the drift job found, day by day")
    quality = story.platform.told("DriftMonitor", "DRIFT_CONFIG").get("quality", {})
    for heading in (
        "time (UTC)",
        "version",
        "requests",
        "greatest distance",
        "drifted",
        f"accuracy over {quality.get('window_hours', 0)} hours",
        "retraining",
        "alerts",
    ):
        made.add_column(heading)
    for point in story.points:
        made.add_row(
            f"{point.time:%Y-%m-%d %H:%M}",
            point.version or "none",
            str(point.rows),
            _number(point.score),
            ", ".join(point.drifted) or "none",
            _number(point.accuracy),
            point.retraining or "no",
            ", ".join(point.alerts) or "none",
        )
    return made


def outcome(story: Story) -> Table:
    """What became of versions, runs and requests."""
    platform = story.platform
    made = Table(title="What became of it", show_header=False)
    days = list(platform.days.values())
    asked, failed = sum(day.asked for day in days), sum(day.failed for day in days)
    trainings = [run for run in platform.runs if any("decision" in node.outputs for node in run.nodes)]
    rollouts = [run for run in platform.runs if any(node.kind == "suspend" for node in run.nodes)]
    rows = {
        **story.notes,
        "requests, failed": f"{asked}, {failed}",
        "trainings": ", ".join(f"{run.name} {run.phase}" for run in trainings),
        "rollouts in steps": ", ".join(f"{run.name} {run.phase}" for run in rollouts),
        "requests for retraining granted": str(sum(point.retraining == "granted" for point in story.points)),
        "pods of Workflows": str(sum(len(run.pods()) for run in platform.runs)),
        "resources in AWS": str(sum(platform.cloud.made.values())),
        "database of MLflow": platform.registry.database,
    }
    for name, value in rows.items():
        made.add_row(name, value)
    return made


def picture(story: Story, path: Path) -> None:
    """Distance and accuracy over time, with what happened when, as a PNG."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a second to load

    mpl.use("Agg")
    from matplotlib import dates  # noqa: PLC0415 - after the choice
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    threshold = story.platform.told("DriftMonitor", "DRIFT_CONFIG")["threshold"]
    figure, axes = plt.subplots(figsize=(11, 5.5), layout="constrained")
    times = [point.time for point in story.points]
    axes.plot(
        times,
        [point.score for point in story.points],
        "o-",
        color="tab:red",
        label="greatest distance, by the drift job",
    )
    axes.axhline(threshold, color="tab:red", linestyle=":", label="its threshold")
    days = [day for _, day in sorted(story.platform.days.items()) if day.asked - day.failed]
    middles = [day.start + (day.end - day.start) / 2 for day in days]
    axes.plot(
        middles,
        [day.accuracy for day in days],
        "s-",
        color="tab:blue",
        label="accuracy of the day's answers, by their labels",
    )
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("share")
    axes.set_xlabel("time (UTC)")
    axes.xaxis.set_major_formatter(dates.DateFormatter("%a %H:%M"))
    for at, (time, text) in enumerate(story.marks):
        axes.axvline(time, color="gray", linewidth=0.8)
        axes.annotate(f" {text}", (time, 0.96 - 0.06 * (at % 3)), fontsize=9, color="dimgray")
    figure.legend(loc="outside lower center", ncols=3)
    axes.set_title("Drift and accuracy of the endpoint")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def end(story: Story, console: Console, folder: Path) -> None:
    """The end of a story."""
    console.print()
    console.print(table(story))
    console.print(outcome(story))
    path = folder / "loop.png"
    picture(story, path)
    console.print(f"picture: {path}")


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
