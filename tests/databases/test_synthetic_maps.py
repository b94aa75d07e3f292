from __future__ import annotations

import numpy as np
import pytest

from mer_bench.databases import synthetic_maps as synthetic
from mer_bench.databases.synthetic_maps import SyntheticMaps
from mer_bench.errors import MerBenchError
from mer_bench.samples import DATABASES

EMOTIONS = ["negative", "positive", "surprise"]


def source(size: str = "tiny", seed: int = 0) -> SyntheticMaps:
    return SyntheticMaps(None, {"size": size, "seed": seed})


def test_data_and_subjects_are_synthetic() -> None:
    assert SyntheticMaps.caveats == ("synthetic",)
    assert all(sample_id.split("/")[1].startswith("synthetic") for sample_id in source().read_samples().ids)


def test_small_has_the_releases_imbalance_and_uneven_subjects() -> None:
    frame = source("small").read_samples().frame
    by_subject = frame.groupby("subject")["emotion"]
    share = frame.groupby("database")["emotion"].value_counts(normalize=True)

    assert 120 <= len(frame) <= 150
    assert set(frame["database"]) == set(DATABASES) - {"casme3"}
    assert by_subject.ngroups == 15
    assert by_subject.size().max() >= 5 * by_subject.size().min()
    assert (by_subject.nunique() < 3).any()
    for database, real in {"smic": (70, 51, 43), "samm": (92, 26, 15), "casme2": (88, 32, 25)}.items():
        np.testing.assert_allclose(share[database][EMOTIONS], np.array(real) / sum(real), atol=0.03)


def test_each_class_moves_its_own_part_of_the_face() -> None:
    data = source("small")
    frame = data.read_samples().frame
    mean = {
        emotion: np.mean([data.load(sample_id) for sample_id in group["sample_id"]], axis=0)
        for emotion, group in frame.groupby("emotion")
    }
    brows = slice(5, 9), slice(6, 25)
    left_lip, right_lip = (slice(20, 24), slice(8, 12)), (slice(20, 24), slice(19, 23))

    assert mean["surprise"][brows][..., 1].mean() < 0 < mean["negative"][brows][..., 1].mean()
    assert mean["positive"][left_lip][..., 1].mean() < 0
    assert mean["positive"][left_lip][..., 0].mean() < 0 < mean["positive"][right_lip][..., 0].mean()


def test_a_sample_does_not_depend_on_what_was_made_before() -> None:
    ids = source().read_samples().ids
    forwards, backwards = source(), source()
    there = {sample_id: forwards.load(sample_id) for sample_id in ids}
    back = {sample_id: backwards.load(sample_id) for sample_id in reversed(ids)}

    assert all(np.array_equal(there[sample_id], back[sample_id]) for sample_id in ids)
    assert len({there[sample_id].tobytes() for sample_id in ids}) == len(ids)


def test_seed_and_size_change_the_maps_and_their_digest_and_so_does_new_code(monkeypatch: pytest.MonkeyPatch) -> None:
    sample_id = "casme2/synthetic01/synthetic01_po_01"
    variants = [source("tiny", 0), source("tiny", 1), source("small", 0)]

    assert len({data.digest(sample_id) for data in variants}) == 3
    assert len({data.load(sample_id).tobytes() for data in variants}) == 3
    before = variants[0].digest(sample_id)
    assert source().digest(sample_id) == before
    monkeypatch.setattr(synthetic, "GENERATOR_VERSION", synthetic.GENERATOR_VERSION + 1)
    assert source().digest(sample_id) != before


def test_the_generator_still_gives_the_maps_of_its_version() -> None:
    """A change here asks for a new GENERATOR_VERSION: cached maps and stored results carry it in their keys."""
    loaded = source().load("samm/synthetic02/synthetic02_sur_01")

    assert (loaded.shape, loaded.dtype) == ((28, 28, 3), np.float32)
    np.testing.assert_allclose(loaded[14, 7], [-0.20038, -0.03958, 0.04840], atol=1e-4)


def test_an_unknown_sample_is_refused() -> None:
    with pytest.raises(MerBenchError, match=r"size tiny has no sample 'smic/s1/s1_ne_01'"):
        source().load("smic/s1/s1_ne_01")
