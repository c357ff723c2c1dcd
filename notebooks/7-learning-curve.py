# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Would more drafts help?
# The same recipe on growing shares of the train part, judged on writers that no model met (half of the tune part; the
# test part is not looked at). A curve that still climbs asks for more drafts; a flat one for other ideas.
#
# `SAMPLE=300` in the environment runs the notebook on that many drafts, with fewer folds.

# %%
import os
from dataclasses import replace

import pandas as pd
from IPython.display import SVG, display

from training.evaluation.learning_curve import learning_curve
from training.fitting.model_fitting import Tools
from training.fitting.recipe import Recipe
from training.reports import plots
from training.tickets.loading import load
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import share, without_test

drafts, recipe, shares = load(), Recipe(), (0.05, 0.1, 0.2, 0.4, 1.0)
if size := int(os.environ.get("SAMPLE", "0")):
    drafts, recipe, shares = drafts[:: max(1, len(drafts) // size)], replace(recipe, folds=2), (0.3, 1.0)
split = without_test(share(drafts, SplitPlan.load()).split)
points = learning_curve(split, shares, recipe, Tools.load(), print)

# %%
display(SVG(plots.svg(plots.learning(points))))
pd.DataFrame(points)
