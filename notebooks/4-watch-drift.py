# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Watch drift
# What it looks like when the inbox changes. The drafts kept aside are the reference; the clear ones of them stand for
# an inbox as it was, and a writer of other languages for one that changed.

# %%
import os

import pandas as pd
from IPython.display import SVG, display

from classifier import Screener
from training.monitoring.drift import Limits, drift, profile
from training.reports import plots
from training.service_data.archive import IncomingDraft
from training.tickets.loading import load
from training.tickets.split_plan import SplitPlan

size = int(os.environ.get("SAMPLE", "0")) or 1500
screener, plan = Screener.load(), SplitPlan.load()


def incoming(drafts):
    """So many of them, evenly chosen, without their labels."""
    return [IncomingDraft(d.id, d.draft, d.order) for d in drafts[:: max(1, len(drafts) // size)]]


everything = load()
aside = [d for d in everything if plan.part_of(d.writer) != "train" and plan.is_clear(d)]
reference, quiet = profile(screener, incoming(aside[::2])), profile(screener, incoming(aside[1::2]))
foreign = profile(screener, incoming([d for d in everything if d.language != "en"]))

# %% [markdown]
# ## An inbox as it was

# %%
calm = drift(reference, quiet, Limits.load())
print("drifted:", calm.drifted)
display(SVG(plots.svg(plots.shifts(calm.shifts[:12]))))

# %% [markdown]
# ## An inbox that changed

# %%
moved = drift(reference, foreign, Limits.load(), reviewed=(14, 60))
print("drifted:", moved.drifted)
display(SVG(plots.svg(plots.shifts(moved.shifts[:12]))))
display(
    SVG(plots.svg(plots.two_histograms(reference, foreign, "unknown_words", "share of words the model does not know")))
)
pd.DataFrame(moved.shifts)

# %% [markdown]
# Language and unknown words moved, as they should; 14 of 60 reviewed verdicts overturned is past its limit as well.
# Next: `python -m training suggest` to choose what to label, `import`, `retrain`, `compare`, `promote`.
