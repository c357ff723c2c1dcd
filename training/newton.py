"""Logistic regression by Newton steps within a trust region (Lin, Weng and Keerthi, JMLR 2008) on sparse columns.

The steps are those of scikit-learn's liblinear, so the weights come out the same. liblinear copies the
columns twice for every fit, at 28 bytes a number; scipy's products need 12 and hold no lock: a quarter less time, and a
hundred thousand drafts fit into memory with one fit on each core.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import daxpy, ddot, dnrm2
from scipy.sparse import csc_matrix, csr_matrix
from scipy.special import expit

Vector = NDArray[np.float64]
_MOST_STEPS = 100
_NEAR_ENOUGH = 0.1
"""A Newton step is solved for until the residual is this share of the gradient."""

_WORTH, _POOR, _GOOD = 1e-4, 0.25, 0.75
"""A step is taken from this share of the promised gain on; it narrows the region below the second, widens it above the
third."""

_NOTHING = 1e-12
"""Nothing is left to gain where gain and promise are this share of the loss."""


@dataclass(frozen=True, slots=True, eq=False)
class _Loss:
    """Half the squared weights and each row's weighted logistic loss. rows (n, m), the same `turned` (m, n); weights
    (m + 1,) end with the constant's; `sides` (n,) is 1 or -1, `costs` (n,)."""

    rows: csr_matrix
    turned: csc_matrix
    sides: Vector
    costs: Vector

    def scores(self, weights: Vector) -> Vector:
        """The score of each row, (n,)."""
        result: Vector = self.rows @ weights[:-1]
        result += weights[-1]
        return result

    def _gathered(self, shares: Vector) -> Vector:
        """Rows times their shares (n,), added up row after row, (m + 1,)."""
        return np.append(self.turned @ shares, np.add.accumulate(shares)[-1])

    def value(self, weights: Vector, margins: Vector) -> float:
        """The loss, summed row after row; `margins` (n,) are the scores times the sides."""
        beyond = np.log(1.0 + np.exp(-np.abs(margins)))
        lost = self.costs * np.where(margins >= 0, beyond, -margins + beyond)
        half = np.add.accumulate(weights * weights)[-1] / 2.0
        return float(np.add.accumulate(np.concatenate([[half], lost]))[-1])

    def slope(self, weights: Vector, margins: Vector) -> tuple[Vector, Vector]:
        """The gradient (m + 1,), and how much each row (n,) bends the loss."""
        right = expit(margins)
        return weights + self._gathered(self.costs * (right - 1.0) * self.sides), self.costs * (right * (1.0 - right))

    def bent(self, bends: Vector, direction: Vector) -> Vector:
        """The Hessian times a direction, (m + 1,)."""
        result: Vector = direction + self._gathered(bends * self.scores(direction))
        return result


def fit(x: csr_matrix, y: NDArray[np.int64], c: float, *, balanced: bool, tolerance: float) -> Vector:
    """Weights (m + 1,) of columns and, last, of the constant, for x (n, m) and y (n,) of zeros and ones, both of which
    occur. `c` is the inverse regularisation; `balanced` gives both sides the same say."""
    yes = y == 1
    order = np.argsort(yes, kind="stable")
    counts = np.array([len(y) - yes.sum(), yes.sum()])
    costs = c * (len(y) / (2.0 * counts)) if balanced else np.array([c, c])
    rows = x[order].astype(np.float64)
    loss = _Loss(rows, rows.T, np.where(yes[order], 1.0, -1.0), costs[yes[order].astype(np.intp)])
    return _descend(loss, tolerance * counts.min() / len(y))


def _descend(loss: _Loss, tolerance: float) -> Vector:
    """Newton steps until the gradient is that small beside the first one."""
    weights = np.zeros(loss.rows.shape[1] + 1)
    margins = loss.sides * loss.scores(weights)
    value = loss.value(weights, margins)
    slope, bends = loss.slope(weights, margins)
    first = radius = dnrm2(slope)
    steps = 0
    while steps < _MOST_STEPS and dnrm2(slope) > tolerance * first:
        step, rest = _newton_step(loss, bends, slope, radius)
        there = weights + step
        margins = loss.sides * loss.scores(there)
        reached = loss.value(there, margins)
        along = ddot(slope, step)
        promised, gained, length = -0.5 * (along - ddot(step, rest)), value - reached, dnrm2(step)
        radius = _next_radius(min(radius, length) if not steps else radius, length, gained, promised, along)
        if gained > _WORTH * promised:
            steps += 1
            weights, value = there, reached
            slope, bends = loss.slope(weights, margins)
        if max(abs(gained), abs(promised)) <= _NOTHING * abs(value):
            break
    return weights


def _next_radius(radius: float, length: float, gained: float, promised: float, along: float) -> float:
    """How far the next step may go."""
    curve = -gained - along
    scale = 4.0 if curve <= 0 else max(0.25, -0.5 * (along / curve))
    reach = scale * length
    if gained < _WORTH * promised:
        return min(reach, 0.5 * radius)
    if gained < _POOR * promised:
        return max(0.25 * radius, min(reach, 0.5 * radius))
    if gained < _GOOD * promised:
        return max(0.25 * radius, min(reach, 4.0 * radius))
    return max(radius, min(reach, 4.0 * radius))


def _newton_step(loss: _Loss, bends: Vector, slope: Vector, radius: float) -> tuple[Vector, Vector]:
    """Conjugate gradients: the step (m + 1,), no longer than the radius, and what is left unsolved."""
    step, rest = np.zeros_like(slope), -slope
    direction = rest.copy()
    enough, square = _NEAR_ENOUGH * dnrm2(slope), ddot(rest, rest)
    while dnrm2(rest) > enough:
        bent = loss.bent(bends, direction)
        share = square / ddot(direction, bent)
        longer = daxpy(direction, step.copy(), a=share)
        if dnrm2(longer) > radius:
            share = _to_the_edge(step, direction, radius)
            return daxpy(direction, step, a=share), daxpy(bent, rest, a=-share)
        step, rest = longer, daxpy(bent, rest, a=-share)
        before, square = square, ddot(rest, rest)
        direction *= square / before
        direction = daxpy(rest, direction, a=1.0)
    return step, rest


def _to_the_edge(step: Vector, direction: Vector, radius: float) -> float:
    """How many directions lead from the step to the edge of the region."""
    across, inside, size = ddot(step, direction), ddot(step, step), ddot(direction, direction)
    room = radius * radius - inside
    root = math.sqrt(across * across + size * room)
    return float(room / (across + root) if across >= 0 else (root - across) / size)
