# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # A playground for thresholds
# Move where we block, where we warn and what counts as a reason, and see what becomes of allow, warn and block, and
# what it costs. The predictions are out of fold: every draft is judged by models that never met its writer.
#
# `SAMPLE=300` in the environment runs the notebook on that many drafts, with fewer folds.

# %%
import os
from dataclasses import replace

import numpy as np
import pandas as pd
from IPython.display import SVG, display

from training.evaluation.out_of_fold import predict_out_of_fold
from training.evaluation.threshold_trials import cost_map, moved, try_thresholds
from training.fitting import thresholds
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.reports import plots
from training.tickets.loading import load
from training.tickets.split_plan import SplitPlan

drafts, recipe, tools = [d for d in load() if SplitPlan.load().part_of(d.writer) != "test"], Recipe(), Tools.load()
if size := int(os.environ.get("SAMPLE", "0")):
    drafts, recipe = drafts[:: max(1, len(drafts) // size)], replace(recipe, folds=2)
policy = tools.policy
examples = tools.examples(drafts)
predictions = predict_out_of_fold(examples, recipe, print)
promised = thresholds.choose(predictions, policy)
display(pd.DataFrame(thresholds.as_record(promised)).T)

# %% [markdown]
# ## Try your own
# Change the numbers and run the cell again; None keeps what the promises of `policy.toml` choose.

# %%
SURE, POSSIBLE, RECOGNISED = 0.8, 0.2, None

before = try_thresholds(examples, predictions, promised, policy)
after = try_thresholds(
    examples, predictions, moved(promised, policy, sure=SURE, possible=POSSIBLE, recognised=RECOGNISED), policy
)
print(f"{before.minutes:.0f} minutes a thousand drafts by the promises, {after.minutes:.0f} by yours")
pd.concat({"promises": pd.DataFrame(before.decisions).T, "yours": pd.DataFrame(after.decisions).T}, axis=1)

# %%
display(SVG(plots.svg(plots.confusion(after.decisions))))

# %% [markdown]
# ## The whole plane
# Minutes for a thousand drafts by where we block and where we warn; the white point is the cheapest place.

# %%
places = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.95])
minutes = cost_map(examples, predictions, promised, policy, sure=places, possible=places)
display(SVG(plots.svg(plots.decision_map(minutes, places, places))))

# %% [markdown]
# The cheapest place keeps no promise. To block or warn more, lower a promise in `policy.toml` and `recalibrate`; the
# gate then says what that does to the kept-aside drafts.
