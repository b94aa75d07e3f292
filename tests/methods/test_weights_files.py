"""A file of weights: its digest, and whom it says the weights were trained on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from mer_bench import MerBenchError
from mer_bench.methods.initial_weights import SUBJECTS, InitialWeights, weights_metadata


def save(folder: Path, metadata: dict[str, str] | None) -> tuple[str, str]:
    """Return the path and the digest of a file of weights."""
    file = folder / "weights.safetensors"
    file.write_bytes(safetensors.numpy.save({"layer": np.arange(3.0)}, metadata))
    return str(file), hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("text", ['"casme3/spNO.1"', "[1, 2]", '["casme3/spNO.1", null]', '{"a": 1}', "7", "[", ""])
def test_subjects_that_are_no_list_of_names_are_not_known(text: str, tmp_path: Path) -> None:
    assert InitialWeights.named(*save(tmp_path, {SUBJECTS: text})).subjects is None


def test_subjects_are_read_as_they_were_written_and_checked(tmp_path: Path) -> None:
    weights = InitialWeights.named(*save(tmp_path, weights_metadata(["b/2", "a/1", "b/2"], {})))

    assert weights.subjects == ("a/1", "b/2")
    weights.check_subjects(["a/2"])
    with pytest.raises(MerBenchError, match="were trained on b/2, which this protocol tests on"):
        weights.check_subjects(["a/2", "b/2"])
    assert InitialWeights.named(*save(tmp_path, None)).subjects is None


def test_every_way_to_give_a_digest_is_the_same_digest(tmp_path: Path) -> None:
    file, whole = save(tmp_path, None)

    for given in (whole, whole.upper(), whole[:12], whole[:20].upper()):
        assert InitialWeights.named(file, given).sha256 == whole
    for wrong in (whole[:11], whole[1:], "", f"{whole[:12]}-"):
        with pytest.raises(MerBenchError, match=whole):
            InitialWeights.named(file, wrong)
