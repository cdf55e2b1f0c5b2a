"""Tags and by-lines as evidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.index import labels

LISTS = st.lists(
    st.lists(st.sampled_from(["Budget", "budget", "Climate", "USA", "Été", "東京"]), max_size=4), max_size=12
)


@given(LISTS)
def test_an_article_is_weighed_alike_when_the_corpus_is_fitted_and_later(some: list[list[str]]) -> None:
    lexicon, matrix = labels.fit(labels.count(some))
    for row, own in enumerate(some):
        kept, later = matrix.vector(row), labels.weigh(lexicon, own)
        if kept.weights.any():
            assert later.terms.tolist() == kept.terms.tolist()
            np.testing.assert_allclose(later.weights, kept.weights, atol=1e-6)
            assert float(np.linalg.norm(kept.weights)) == pytest.approx(1.0, abs=1e-5)
        else:
            assert len(later.terms) == 0


def test_a_rare_label_that_is_shared_says_more_than_a_common_one_and_one_that_all_have_says_nothing() -> None:
    some = [["all", "common", "rare"], ["ALL", "rare"], *[["all", "common"]] * 8, ["all"], []]
    lexicon, matrix = labels.fit(labels.count(some))
    found = labels.similarity([matrix.vector(0)], matrix, [np.array([1, 2, 11])])
    assert found[0] > 0.9 > 0.5 > found[1] > 0.0
    assert np.isnan(found[2])
    everyone = dict(zip(lexicon.vocabulary.to_pylist(), lexicon.weights.tolist(), strict=True))["all"]
    assert everyone < 0.1


def test_where_either_has_no_label_nothing_is_said() -> None:
    lexicon, matrix = labels.fit(labels.count([["storm"], [], ["budget"]]))
    assert np.isnan(labels.similarity([labels.NONE], matrix, [np.array([0, 1, 2])])).all()
    assert np.isnan(labels.similarity([labels.weigh(lexicon, ["unheard of"])], matrix, [np.array([0, 2])])).all()
    assert labels.similarity([labels.weigh(lexicon, ["Storm"])], matrix, [np.array([0, 2])]).tolist() == [1.0, 0.0]
    several = labels.similarity(
        [labels.NONE, labels.weigh(lexicon, ["Storm"])], matrix, [np.array([0]), np.array([1, 2])]
    )
    np.testing.assert_array_equal(several, [np.nan, np.nan, 0.0])


def test_a_corpus_without_labels_has_none() -> None:
    lexicon, matrix = labels.fit(labels.count([[], []]))
    assert (len(lexicon), matrix.rows.shape) == (0, (2, 0))
    assert np.isnan(labels.similarity([labels.weigh(lexicon, ["storm"])], matrix, [np.array([0, 1])])).all()
