"""The head: multinomial logistic regression over standardised features."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from headgate_pipelines.errors import Refused
from headgate_pipelines.params import Train


@dataclass(frozen=True)
class Head:
    """A fitted classifier of scikit-learn, and the same as one matrix product."""

    pipeline: Pipeline
    converged: bool

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """float64 [N,classes] of features float32 [N,width], as scikit-learn computes them."""
        return self.pipeline.predict_proba(features)

    def linear(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight float32 [width,classes] and bias float32 [classes]: softmax(features @ weight + bias).

        The standardisation is folded in. Two classes have one logit z in scikit-learn: here they have 0 and z.
        """
        scaler, regression = self.pipeline[0], self.pipeline[1]
        coefficients, intercepts = regression.coef_, regression.intercept_
        if len(coefficients) == 1:
            coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
            intercepts = np.array([0.0, intercepts[0]])
        weight = coefficients / scaler.scale_
        bias = intercepts - weight @ scaler.mean_
        return weight.T.astype(np.float32), bias.astype(np.float32)


def fit(features: np.ndarray, classes: np.ndarray, labels: Sequence[str], params: Train) -> Head:
    """Fits the head. The same arguments give the same bits: on one thread, a sum has one order.

    Args:
        features: float32 [N,width].
        classes: index into `labels` of each row, int [N].

    Raises:
        Refused: there is one label only, or a label has no image.
    """
    if len(labels) < 2:
        raise Refused(f"the data has one label only: {', '.join(labels)}", "a classifier needs two labels or more")
    counts = np.bincount(classes, minlength=len(labels))
    absent = [label for label, count in zip(labels, counts, strict=True) if count == 0]
    if absent:
        raise Refused(f"no training image has the label {', '.join(absent)}", "add images, or take the label out")
    regression = LogisticRegression(C=params.c, max_iter=params.max_iterations, random_state=params.seed)
    pipeline = make_pipeline(StandardScaler(), regression)
    with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        pipeline.fit(features.astype(np.float64), classes)
    return Head(pipeline, not any(issubclass(warning.category, ConvergenceWarning) for warning in caught))
