# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Compare two models
# Two models on the same unmet drafts: what is better, by how much, how sure that is, and the drafts that changed
# sides, with their texts. Here the champion goes without the encoder and the challenger with it. To compare versions of
# your registry, put `Screener.load(ModelRegistry().folder("model-…"))` in their place, and judge the drafts of the test
# part.
#
# `SAMPLE=300` in the environment runs the notebook on that many drafts, without the encoder: the challenger is then the
# same recipe, regularised less.

# %%
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from IPython.display import HTML, SVG, display

from classifier import Screener
from classifier.model.artifact import SHIPPED, ModelArtifact
from training.evaluation.comparison import compare
from training.evaluation.figures import judge
from training.fitting.model_fitting import Tools, fit_model
from training.fitting.recipe import Recipe
from training.reports import plots
from training.reports.draft_view import errors_html
from training.tickets.loading import load
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import share, without_test

drafts, tools = load(), Tools.load()
recipes, encoders = [Recipe(), Recipe()], [None, SHIPPED / "encoder"]
if size := int(os.environ.get("SAMPLE", "0")):
    drafts, encoders = drafts[:: max(1, len(drafts) // size)], [None, None]
    recipes = [replace(Recipe(), folds=2, stack_c=c) for c in (0.05, 5.0)]
split = without_test(share(drafts, SplitPlan.load()).split)


def fitted(recipe, encoder):
    with TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        fit_model(split, model, recipe, fingerprint="notebook", encoder=encoder, tools=tools, say=print)
        artifact = ModelArtifact.load(model)
        return Screener(policy=tools.policy, book=tools.book, artifact=artifact, words=tools.words)


screeners = [fitted(recipe, encoder) for recipe, encoder in zip(recipes, encoders, strict=True)]
judged = [judge(screener, split.test) for screener in screeners]
found = compare(judged[0], judged[1], ("champion", "challenger"))

# %%
display(SVG(plots.svg(plots.gains(found.gains))))
pd.DataFrame(
    [(g.name, g.champion, g.challenger, g.low, g.high) for g in found.gains],
    columns=["figure", "champion", "challenger", "from", "to"],
)

# %% [markdown]
# ## Right where the other is wrong

# %%
pd.DataFrame(found.paired)

# %% [markdown]
# ## Drafts that changed sides

# %%
by_id = {j.labelled.id: j for j in judged[1]}
for name in ("gained_catches", "lost_catches", "new_false_blocks", "cured_false_blocks"):
    ids = getattr(found, name)
    print(name.replace("_", " ") + ":", len(ids))
    display(HTML(errors_html(screeners[1], [by_id[i] for i in ids[:3]])))
