"""The trust-region fit finds what scikit-learn's liblinear finds."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array
from sklearn.linear_model import LogisticRegression

from training import newton

CASES = [
    ("as the drafts are fitted", 1.0, 20.0, True, 1e-2, 1e-9),
    ("unbalanced and strongly held back", 1.0, 0.05, False, 1e-2, 1e-9),
    ("to the last digit", 1.0, 5.0, True, 1e-8, 1e-7),
    ("columns so large that steps end at the edge of the region", 300.0, 1000.0, True, 1e-8, 1e-4),
]


def rows(scale: float) -> tuple[csr_matrix, np.ndarray]:
    """400 rows of 60 columns, and a label that some of the columns tell."""
    rng = np.random.default_rng(7)
    x = csr_matrix(random_array((400, 60), density=0.2, rng=rng, dtype=np.float32) * np.float32(scale))
    told = np.asarray(x[:, :5].sum(axis=1)).ravel() / scale + rng.normal(scale=0.3, size=400)
    return x, (told > 0.8).astype(np.int64)


@pytest.mark.parametrize(
    ("scale", "c", "balanced", "tolerance", "alike"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_weights_are_liblinears(scale: float, c: float, balanced: bool, tolerance: float, alike: float) -> None:
    x, y = rows(scale)
    model = LogisticRegression(
        C=c, class_weight="balanced" if balanced else None, solver="liblinear", tol=tolerance, random_state=7
    ).fit(x, y)
    found = newton.fit(x, y, c, balanced=balanced, tolerance=tolerance)
    np.testing.assert_allclose(found, np.append(model.coef_[0], model.intercept_), rtol=alike, atol=alike / 100)


def test_a_row_without_columns_hears_only_the_constant() -> None:
    x, y = rows(1.0)
    bare = csr_matrix((len(y), x.shape[1]))
    found = newton.fit(bare, y, 1.0, balanced=False, tolerance=1e-10)
    assert not found[:-1].any()
    assert 1 / (1 + np.exp(-found[-1])) == pytest.approx(y.mean(), abs=0.01)
