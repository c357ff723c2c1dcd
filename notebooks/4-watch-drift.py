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
# What it looks like when the inbox changes. The clear drafts of the test part, which no model learned from, are dealt
# out in turn: one half is the reference, the other stands for an inbox as it was. Drafts in other languages stand for
# one that changed.

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


def show(report):
    """The figure and its words from one report: dark bars are what drifted."""
    passed = [shift.name for shift in report.shifts if shift.drifted]
    print("drifted:", ", ".join(passed) or "nothing")
    unsure = [shift.name for shift in report.shifts if shift.unsure]
    print("past its limit, on too few drafts to say:", ", ".join(unsure) or "nothing")
    display(SVG(plots.svg(plots.shifts(report.shifts[: max(12, len(passed) + len(unsure))]))))


everything = load()
aside = [d for d in everything if plan.part_of(d.writer) == "test" and plan.is_clear(d)]
reference, quiet = profile(screener, incoming(aside[::2])), profile(screener, incoming(aside[1::2]))
foreign = profile(screener, incoming([d for d in everything if d.language != "en"]))

# %% [markdown]
# ## An inbox as it was

# %%
calm = drift(reference, quiet, Limits.load())
show(calm)

# %% [markdown]
# ## An inbox that changed
# Here 14 of 60 reviewed verdicts were overturned as well.

# %%
moved = drift(reference, foreign, Limits.load(), reviewed=(14, 60))
show(moved)
display(
    SVG(plots.svg(plots.two_histograms(reference, foreign, "unknown_words", "share of words the model does not know")))
)
pd.DataFrame(moved.shifts)

# %% [markdown]
# Next: `python -m training suggest` to choose what to label, `import`, `retrain`, `compare`, `promote`.
