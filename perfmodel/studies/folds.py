"""Groups in which rows are left out of a fit: whole families, whole models, the largest scales."""

from collections.abc import Mapping

import numpy as np

from perfmodel.studies.run_predictions import LoweredRows

MODEL_FOLDS = 10
"""Groups of models; the models of one are left out together."""

LARGE = 512
"""Chips above which a run belongs to the largest scales, as in the table by scale."""

FAMILIES, MODELS, SCALES = "families", "models", f"runs on more than {LARGE} chips"
"""What is left out."""


def folds(rows: LoweredRows) -> Mapping[str, np.ndarray]:
    """Group of each row by what is left out; empty where a row always stays.

    Parameters
    ----------
    rows
        What a fit is held to.

    Returns
    -------
    Mapping[str, np.ndarray]
        Names of groups, one per row.
    """
    models = [run.row.model_id or run.row.model or "" for run in rows.runs]
    place = {name: number % MODEL_FOLDS for number, name in enumerate(sorted(set(models)))}
    large = [(run.row.chips or 1) > LARGE for run in rows.runs]
    return {
        FAMILIES: np.array(rows.families),
        MODELS: np.array([f"fold {place[model]}" for model in models]),
        SCALES: np.where(large, SCALES, ""),
    }
