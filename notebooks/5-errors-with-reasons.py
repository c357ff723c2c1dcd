# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Where it errs, and why
# A model that learned from the train part and from half of the tune part judges the other half, whose writers it never
# met. Then each grave error is laid out: the text, what a person marked (underlined), the passages that decided (pale
# ground), who read them, and the reason. The test part is not looked at: whoever looks at its errors has no measure
# left.
#
# `SAMPLE=300` in the environment runs the notebook on that many drafts, with fewer folds and without the encoder.

# %%
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from IPython.display import HTML, SVG, display

from classifier import LABELS, Screener
from classifier.model.artifact import SHIPPED, ModelArtifact
from training.evaluation.figures import decision_table, judge
from training.fitting.model_fitting import Tools, fit_model
from training.fitting.recipe import Recipe
from training.reports import plots
from training.reports.draft_view import errors_html
from training.tickets.loading import load
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import share, without_test

drafts, recipe, tools, encoder = load(), Recipe(), Tools.load(), SHIPPED / "encoder"
if size := int(os.environ.get("SAMPLE", "0")):
    drafts, recipe, encoder = drafts[:: max(1, len(drafts) // size)], replace(recipe, folds=2), None
split = without_test(share(drafts, SplitPlan.load()).split)
with TemporaryDirectory() as folder:
    model = Path(folder) / "model"
    fit_model(split, model, recipe, fingerprint="notebook", encoder=encoder, tools=tools, say=print)
    screener = Screener(policy=tools.policy, book=tools.book, artifact=ModelArtifact.load(model), words=tools.words)
judged = judge(screener, split.test)
print(len(judged), "drafts by", len({j.labelled.writer for j in judged}), "writers that the model never met")

# %%
display(SVG(plots.svg(plots.confusion(decision_table(judged)))))

# %%
mistakes = pd.DataFrame(
    [
        (j.labelled.id, j.labelled.writer, label, "missed" if label in j.labelled.labels else "false alarm",
         j.verdict.probabilities[label], j.decision)
        for j in judged for label in LABELS if (label in j.labelled.labels) != (label in j.verdict.labels)
    ],
    columns=["draft", "writer", "label", "error", "probability", "decision"],
)  # fmt: skip
mistakes.groupby(["label", "error"]).size().unstack(fill_value=0)

# %% [markdown]
# ## Prohibited drafts that are allowed
# The gravest error: nobody looks at these again.


# %%
def worst(kind, decision, most=8):
    """So many errors of one kind, laid out."""
    found = [j for j in judged if (j.kind, j.decision) == (kind, decision)]
    print(len(found), "drafts,", min(most, len(found)), "shown")
    display(HTML(errors_html(screener, found[:most])))


worst("prohibited", "allow")

# %% [markdown]
# ## Permitted drafts that are blocked

# %%
worst("permitted", "block")

# %% [markdown]
# ## Drafts without a label that are blocked, or allowed

# %%
worst("none", "block")
worst("none", "allow")
