# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Explore the tickets
# What the labelled drafts hold, before any model reads them: who wrote them, how the labels are shared out, how long
# the drafts are, and whether the same draft stands there twice.
#
# `SAMPLE=300` in the environment runs the notebook on that many drafts.

# %%
import os

import pandas as pd
from IPython.display import SVG, display

from training.reports import plots
from training.tickets.datasets import fingerprint
from training.tickets.loading import load
from training.tickets.near_copies import drop_copies
from training.tickets.split_plan import SplitPlan
from training.tickets.splitting import share

drafts = load()
if size := int(os.environ.get("SAMPLE", "0")):
    drafts = drafts[:: max(1, len(drafts) // size)]
print(len(drafts), "drafts,", fingerprint(drafts))

# %%
tickets = pd.DataFrame(
    {
        "writer": [d.writer for d in drafts],
        "language": [d.language for d in drafts],
        "words": [len(d.draft.body.split()) for d in drafts],
        "labels": [", ".join(sorted(d.labels)) or "none" for d in drafts],
        "cancelled_by": [d.order.cancelled_by if d.order else None for d in drafts],
    }
)
tickets.describe(include="all").fillna("")

# %% [markdown]
# ## Labels
# Drafts without any label are the largest group, as in a real inbox; pairs of labels are rare but there.

# %%
display(SVG(plots.svg(plots.share_bars(tickets["labels"].value_counts().head(14).to_dict(), "drafts"))))

# %% [markdown]
# ## Writers
# Whole writers are kept aside, so each needs enough drafts to say something.

# %%
display(SVG(plots.svg(plots.share_bars(tickets["writer"].value_counts().to_dict(), "drafts"))))
tickets.groupby("writer")["words"].describe()[["count", "50%", "max"]]

# %% [markdown]
# ## Copies and contradictions
# A copy that stands in training and in the test part would flatter the model; a run drops it. A contradiction (the same
# words and order, other labels) is for a person to settle.

# %%
shared = share(drafts, SplitPlan.load())
_, copies = drop_copies(drafts)
print(shared.counts(), "parted", shared.rule)
pd.DataFrame(
    [(c.dropped, c.kept, c.likeness, c.contradiction) for c in copies],
    columns=["draft", "like", "likeness", "contradiction"],
)
