# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Choose thresholds by cost
# `policy.toml` prices each mistake in minutes of somebody's day. Here is what blocking from each probability on would
# cost, where it would cost least, and where we block today (the promises in `policy.toml` decide that, not the cost
# alone).
#
# Every draft is judged by models that never met its writer: thresholds chosen on drafts that a model knows are too
# bold, and the functions below take nothing but out-of-fold or unmet predictions. Writers of the test part stay out.
# `SAMPLE=300` in the environment runs the notebook on that many drafts, with fewer folds.

# %%
import os
from dataclasses import replace

import pandas as pd
from IPython.display import SVG, display

from classifier import LABELS
from classifier.model.artifact import SHIPPED, ModelArtifact
from training.evaluation.costs import cost_curve, cost_sheet, minutes_per_thousand
from training.evaluation.figures import decision_table
from training.evaluation.out_of_fold import judge_at, predict_out_of_fold
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.reports import plots
from training.tickets.loading import load
from training.tickets.split_plan import SplitPlan

drafts, recipe, tools = [d for d in load() if SplitPlan.load().part_of(d.writer) != "test"], Recipe(), Tools.load()
if size := int(os.environ.get("SAMPLE", "0")):
    drafts, recipe = drafts[:: max(1, len(drafts) // size)], replace(recipe, folds=2)
policy, limits = tools.policy, ModelArtifact.load(SHIPPED).thresholds
examples = tools.examples(drafts)
predictions = predict_out_of_fold(examples, recipe, print)

# %% [markdown]
# ## What mistakes cost at today's thresholds

# %%
judged = judge_at(examples, predictions, limits, policy)
sheet = cost_sheet(decision_table(judged), policy.costs)
print(f"{minutes_per_thousand(sheet, len(judged)):.0f} minutes for a thousand drafts like these")
pd.DataFrame(sheet)

# %% [markdown]
# ## What they would cost elsewhere
# One curve for each prohibited label: a miss against a false block, all else allowed.

# %%
curves = {str(label): cost_curve(predictions, label, policy.costs) for label in LABELS if policy.is_prohibited(label)}
today = {str(label): limits[label].sure for label in limits}
display(SVG(plots.svg(plots.cost_curves(curves, today))))

# %%
pd.DataFrame(
    [(name, curve.cheapest, curve.minutes.min(), today[name]) for name, curve in curves.items()],
    columns=["label", "cheapest from", "minutes a thousand drafts", "we block from"],
)

# %% [markdown]
# Where the two are far apart, look at the promises: a block that must be right 98 times in 100 starts later than the
# cheapest place, and the warning in between catches the rest. Notebook 6 moves block and warning together.
