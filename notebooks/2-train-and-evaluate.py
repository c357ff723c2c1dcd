# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Train and evaluate
# The same run as `python -m training retrain`, with the errors laid out afterwards: which writers are hardest, which
# labels are confused, and which drafts went wrong. Nothing is put live from here.
#
# `SAMPLE=300` in the environment runs the notebook on that many drafts, with fewer folds.

# %%
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
from IPython.display import SVG, display

from classifier import LABELS, Screener
from training.evaluation.figures import judge, report_of
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.pipeline import TrainingRequest, run_pipeline
from training.registry.model_registry import ModelRegistry
from training.reports import plots
from training.reports.html import target_rows
from training.tickets.loading import load
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import share

drafts, recipe = load(), Recipe()
if size := int(os.environ.get("SAMPLE", "0")):
    drafts, recipe = drafts[:: max(1, len(drafts) // size)], replace(recipe, folds=2)
home = Path(os.environ.get("NOTEBOOK_HOME") or tempfile.mkdtemp())

# %%
registry = ModelRegistry(home)
done = run_pipeline(
    drafts, registry, home, TrainingRequest(recipe, who="notebook", why="to look at"), Tools.load(), print
)
print(done.version, "from", done.fingerprint, "in", done.seconds, "s")

# %% [markdown]
# ## On drafts by writers that the model never met

# %%
screener = Screener.load(registry.folder(done.version))
judged = judge(screener, share(drafts, SplitPlan.load()).split.test)
report = report_of(judged, done.version, rounds=100).as_dict()
pd.DataFrame(
    [
        (row["figure"], row["clear"]["value"], row["clear"]["target"], row["hard"]["value"], row["hard"]["target"])
        for row in target_rows(report)
    ],
    columns=["figure", "clear", "target", "hard", "target "],
)

# %%
display(SVG(plots.svg(plots.label_bars(report["labels"]))))
display(SVG(plots.svg(plots.confusion(report["decisions"]))))

# %% [markdown]
# ## Does a probability mean what it says?

# %%
display(SVG(plots.svg(plots.reliability(judged))))

# %% [markdown]
# ## Where it errs
# By writer first: one voice that nobody taught the model shows at once.

# %%
display(SVG(plots.svg(plots.slice_bars(report["slices"], "writer:"))))

# %%
errors = pd.DataFrame(
    [
        (
            j.labelled.id,
            label,
            "missed" if label in j.labelled.labels else "false alarm",
            j.verdict.probabilities[label],
        )
        for j in judged
        for label in LABELS
        if (label in j.labelled.labels) != (label in j.verdict.labels)
    ],
    columns=["draft", "label", "error", "probability"],
)
errors.groupby(["label", "error"]).size().unstack(fill_value=0)

# %% [markdown]
# The gravest first: missed with the least suspicion, alarmed with the most.

# %%
errors["certainty"] = (errors["probability"] - 0.5).abs()
errors.sort_values("certainty", ascending=False).head(15)
