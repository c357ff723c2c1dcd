# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Explain one draft
# The live model on one draft: the decision, the passages that decided and who read them, each label's probability
# beside its thresholds, and what the draft would be without each of its sentences. Put your own text in the cell.

# %%
import pandas as pd
from IPython.display import HTML, SVG, display

from classifier import Draft, Order, Screener
from training.reports import plots
from training.reports.draft_view import explained, without_each_sentence

draft = Draft(
    "GG-8K2P-4L7Q-XY19",
    "Your order of the blue jacket",
    "Hi Dana,\n\nThank you for your order. Sadly the blue jacket is out of stock. Would you like the green one "
    "instead? Just reply yes and we ship it today. Our address has not changed.\n\nKind regards,\nHarbour Outfitters",
)
order = Order(cancelled_by=None)
screener = Screener.load()
verdict = screener.screen(draft, order)
display(HTML(explained(screener, draft, order)))

# %% [markdown]
# ## Probabilities and thresholds
# A dot is the probability; the marks are `possible`, `asserted` and, for prohibited labels, `sure`.

# %%
display(SVG(plots.svg(plots.probabilities(verdict, screener.artifact.thresholds, screener.policy))))

# %% [markdown]
# ## Without each sentence
# A draft carries a label as surely as its surest passage; take that passage away, and the label goes with it.

# %%
pd.DataFrame(without_each_sentence(screener, draft, order))
