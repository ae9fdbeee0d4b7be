from layercurv.fits import synthetic_agreement


def test_planted_laws_are_found_more_often_than_by_chance():
    found = synthetic_agreement([48], n_pairs=12, n_samples=256, seed=0)
    assert len(found["planted"]) == len(found["found"]) == 12
    assert found["share"] == sum(a == b for a, b in zip(found["planted"], found["found"], strict=True)) / 12
    assert found["share"] > found["expected_share"]
