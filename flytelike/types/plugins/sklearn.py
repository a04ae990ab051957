"""scikit-learn's estimators, as joblib files: read only by a task with the same classes, as pickles are."""

import joblib
from sklearn.base import BaseEstimator

from flytelike.types.blob_transformer import BlobTransformer

transformer: BlobTransformer = BlobTransformer(
    BaseEstimator,
    name="Sklearn Estimator",
    file_format="SklearnEstimator",
    file_name="estimator.joblib",
    write=joblib.dump,
    read=joblib.load,
)
