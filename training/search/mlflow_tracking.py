"""Trials in MLflow too, where SCREENING_MLFLOW_URI names a tracking server or a folder. Needs the extra `mlflow`."""

import os
from collections.abc import Callable
from dataclasses import asdict

from training.search.trials import Trial

SETTING = "SCREENING_MLFLOW_URI"
EXPERIMENT = "screening recipes"


def tracker() -> Callable[[Trial], None] | None:
    """What logs a trial; None where the setting is empty. Raises ValueError where MLflow is not installed, or cannot
    use the address."""
    address = os.environ.get(SETTING, "")
    if not address:
        return None
    if address.startswith("file:") or "://" not in address:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # a folder is a store that MLflow no longer advises
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ModuleNotFoundError as error:
        raise ValueError(f"{SETTING} is set, but MLflow is not installed: pip install -e '.[mlflow]'") from error
    try:
        client = MlflowClient(tracking_uri=address)
        known = client.get_experiment_by_name(EXPERIMENT)
        experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
    except MlflowException as error:
        raise ValueError(f"{SETTING}: {error}") from error

    def log(trial: Trial) -> None:
        run = client.create_run(experiment, run_name=trial.recipe.digest(), tags={"data": trial.data})
        for name, value in {**asdict(trial.recipe), "data": trial.data, "drafts": trial.drafts}.items():
            client.log_param(run.info.run_id, name, value)
        for name in ("average_precision", "macro_f1", "seconds"):
            client.log_metric(run.info.run_id, name, getattr(trial, name))
        client.set_terminated(run.info.run_id)

    return log
