"""TrainingPipeline: trains, searches, evaluates and registers a model, as a Workflow that a training queue admits."""

from mlplatform.training_pipeline.args import (
    PipelineDrift,
    PipelineKubeflow,
    PipelineSchedule,
    TrainingPipelineArgs,
    TrainingPipelineSettings,
)
from mlplatform.training_pipeline.component import TrainingPipeline
from mlplatform.training_pipeline.search_args import (
    MetricBound,
    PipelineGoal,
    PipelineObjective,
    PipelineSearch,
    SearchFloatRange,
    SearchIntRange,
    SearchParameter,
)
from mlplatform.training_pipeline.step_args import (
    PipelineCode,
    PipelineDistribution,
    PipelineJobs,
    PipelineRuntime,
    PipelineStep,
    PipelineSteps,
    PipelineTraining,
)

__all__ = [
    "MetricBound",
    "PipelineCode",
    "PipelineDistribution",
    "PipelineDrift",
    "PipelineGoal",
    "PipelineJobs",
    "PipelineKubeflow",
    "PipelineObjective",
    "PipelineRuntime",
    "PipelineSchedule",
    "PipelineSearch",
    "PipelineStep",
    "PipelineSteps",
    "PipelineTraining",
    "SearchFloatRange",
    "SearchIntRange",
    "SearchParameter",
    "TrainingPipeline",
    "TrainingPipelineArgs",
    "TrainingPipelineSettings",
]
