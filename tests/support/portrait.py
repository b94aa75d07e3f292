"""The public-domain portrait of scikit-image, and the faces that the detectors find in it."""

from __future__ import annotations

from functools import cache

from skimage import data

from mer_bench.arrays import ByteArray
from mer_bench.vision.landmarks import Face, detect_face

PORTRAIT: ByteArray = data.astronaut()
"""512×512 RGB; the face is about 90 pixels wide, its nose near (224, 124)."""
PORTRAIT.setflags(write=False)


def face_in(image: ByteArray, detector: str) -> Face:
    """Return the face that one detector finds in an image."""
    face = detect_face(image, (detector,))
    assert face is not None
    return face


@cache
def portrait_face(detector: str) -> Face:
    """Return the portrait's face, detected once in a process."""
    return face_in(PORTRAIT, detector)
