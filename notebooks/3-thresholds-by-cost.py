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

# %%
import os

import numpy as np
import pandas as pd
from IPython.display import SVG, display

from classifier import LABELS, Screener
from training.evaluation.costs import cost_curve, cost_sheet, minutes_per_thousand
from training.evaluation.figures import decision_table, judge
from training.reports import plots
from training.tickets.loading import load
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import share

drafts = list(share(load(), SplitPlan.load()).split.tune)
if size := int(os.environ.get("SAMPLE", "0")):
    drafts = drafts[:: max(1, len(drafts) // size)]
screener = Screener.load()
judged = judge(screener, drafts)
policy, limits = screener.policy, screener.artifact.thresholds

# %% [markdown]
# ## What mistakes cost today

# %%
sheet = cost_sheet(decision_table(judged), policy.costs)
print(f"{minutes_per_thousand(sheet, len(judged)):.0f} minutes for a thousand drafts like these")
pd.DataFrame(sheet)

# %% [markdown]
# ## What they would cost elsewhere
# One curve for each prohibited label: a miss against a false block, all else allowed.

# %%
curves = {}
for label in LABELS:
    if policy.is_prohibited(label):
        p = np.array([j.verdict.probabilities[label] for j in judged])
        y = np.array([label in j.labelled.labels for j in judged], int)
        curves[str(label)] = cost_curve(p, y, policy.costs)
today = {str(label): limits[label].sure for label in limits}
display(SVG(plots.svg(plots.cost_curves(curves, today))))

# %%
pd.DataFrame(
    [(name, curve.cheapest, curve.minutes.min(), today[name]) for name, curve in curves.items()],
    columns=["label", "cheapest from", "minutes a thousand drafts", "we block from"],
)

# %% [markdown]
# Where the two are far apart, look at the promises: a block that must be right 98 times in 100 starts later than the
# cheapest place, and the warning in between catches the rest.
