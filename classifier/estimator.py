"""Models whose passages are judged by any estimator, kept as ONNX in the manifest: data that runs no code, but slower.

The estimator stands in the place of the linear stack, and reads the same features. Everything after it stays.
"""

import base64
import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.labels import LABELS
from classifier.model.artifact import ArtifactError, ModelArtifact
from classifier.model.scorer import TextScorer

ENTRY = "estimator"
"""The entry of a manifest: the `name` of the estimator, and `graphs`, label -> ONNX in base64, or a number: the
probability where there was nothing to learn."""

LEAST = 1e-4
"""No estimator is surer than this: its log-odds stay numbers."""


def log_odds(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """The logits of what `predict_proba` says."""
    p = np.clip(probabilities.astype(np.float64), LEAST, 1 - LEAST)
    result: NDArray[np.float64] = np.log(p / (1 - p))
    return result


def scorer_of(artifact: ModelArtifact) -> TextScorer:
    """What scores readings with this artifact. Raises ArtifactError for an estimator that cannot be loaded."""
    return EstimatorScorer(artifact) if ENTRY in artifact.manifest else TextScorer(artifact)


class EstimatorScorer(TextScorer):
    """Scores readings with an artifact whose stack is an estimator."""

    def __init__(self, artifact: ModelArtifact) -> None:
        super().__init__(artifact)
        graphs = artifact.manifest[ENTRY]["graphs"]
        self._graphs = [_loaded(artifact.version, graphs.get(str(label))) for label in LABELS]

    def _logits(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        logits = np.zeros((len(features), len(LABELS)))
        if len(features):
            x = features.astype(np.float32)
            for i, graph in enumerate(self._graphs):
                p = np.full(len(x), graph) if isinstance(graph, float) else graph.run(None, {"x": x})[1][:, 1]
                logits[:, i] = log_odds(p)
        return logits


def _loaded(version: str, graph: Any) -> Any:
    """A session of one thread, or the constant."""
    if isinstance(graph, int | float):
        return float(graph)
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        data = base64.b64decode(graph, validate=True)
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except (ImportError, TypeError, binascii.Error, RuntimeError) as error:
        raise ArtifactError(f"{version}: the estimator cannot be loaded: {type(error).__name__}") from error
    except Exception as error:  # onnxruntime's own errors have no common class
        raise ArtifactError(f"{version}: the estimator is no ONNX graph that can be served") from error
