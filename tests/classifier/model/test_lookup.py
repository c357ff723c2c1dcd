"""Every key is found where it stands, and nothing else is."""

import numpy as np
import pytest

from classifier.model.hash_table import HashTable


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1_000, 50_000])
def test_keys_are_found_and_strangers_are_not(count: int) -> None:
    rng = np.random.default_rng(7)
    keys = np.unique(rng.integers(0, 1 << 57, count))
    strangers = np.setdiff1d(rng.integers(0, 1 << 57, 1_000), keys)
    queries = np.concatenate([keys, strangers, keys[::-1]])
    known, columns = HashTable(keys).find(queries)
    assert known.tolist() == [*range(len(keys)), *range(len(keys) + len(strangers), len(queries))]
    assert columns.tolist() == [*range(len(keys)), *reversed(range(len(keys)))]


def test_keys_that_are_close_to_each_other_find_a_place_too() -> None:
    keys = np.arange(0, 3_000) << 36
    known, columns = HashTable(keys).find(np.arange(0, 3_010) << 36)
    assert known.tolist() == columns.tolist() == list(range(3_000))
