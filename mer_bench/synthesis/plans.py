"""What a synthetic release contains: subjects, clips, frame numbers, and the official releases' annotation errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mer_bench.samples import SMIC_CODES, canonical_subject
from mer_bench.synthesis.draws import generator

Counts = tuple[int, int, int]

# Samples (negative, positive, surprise) of each subject. `tiny`: every class remains, whichever subject is left out.
# `small`: subjects of unequal size, one without a surprise.
_COUNTS: Mapping[str, Sequence[Counts]] = {
    "tiny": ((2, 2, 2), (2, 2, 2)),
    "small": ((4, 3, 2), (2, 2, 1), (2, 1, 1), (1, 1, 0)),
}
# `large`: MEGC 2019's official counts for the three databases of CDE; a quarter of CAS(ME)^3's.
_TOTALS: Mapping[str, Counts] = {
    "smic": (70, 51, 43),
    "samm": (92, 26, 15),
    "casme2": (88, 32, 25),
    "casme3": (127, 16, 50),
}
# Emotions outside the three classes, one a subject in turn; SMIC has none.
_OTHERS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "tiny": {"samm": ("Other",), "casme2": ("others", "sadness"), "casme3": ("others",)},
    "small": {
        "samm": ("Other", "Other", "Other"),
        "casme2": ("others", "others", "sadness", "fear", "others"),
        "casme3": ("others", "others", "others"),
    },
    "large": {"samm": ("Other",) * 6, "casme2": ("others",) * 6 + ("sadness", "fear"), "casme3": ("others",) * 10},
}
# Subjects' numbers of the real releases, first those that the small sizes use.
_SUBJECTS: Mapping[str, Sequence[int]] = {
    "smic": (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 18, 19, 20),
    "samm": (6, 7, 28, *range(9, 25), 26, *range(30, 38)),
    "casme2": (1, 4, 5, 17, 2, 3, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 24, 25, 26),
    "casme3": tuple(range(1, 25)),
}
_EMOTIONS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "smic": {"negative": ("negative",), "positive": ("positive",), "surprise": ("surprise",)},
    "samm": {
        "negative": ("Anger", "Anger", "Anger", "Contempt", "Disgust", "Fear", "Sadness"),
        "positive": ("Happiness",),
        "surprise": ("Surprise",),
    },
    "casme2": {
        "negative": ("disgust", "disgust", "repression"),
        "positive": ("happiness",),
        "surprise": ("surprise",),
    },
    "casme3": {
        "negative": ("disgust", "disgust", "disgust", "fear", "anger", "sad"),
        "positive": ("happy",),
        "surprise": ("surprise",),
    },
}

# Clips of the real releases with known errors: a reader that corrects by name must not match a synthetic clip.
_TAKEN = frozenset(
    {
        *("s18_sur_03", "s3_po_08", "s3_sur_01", "s3_sur_05", "s3_ne_16"),
        *("028_4_1", "032_3_1", "032_3_2", "013_1_9"),
        *("EP09_05f", "EP12_01f", "EP12_03f", "EP01_08", "EP02_07", "EP07_01", "EP07_04f", "EP10_03"),
    }
)


@dataclass(frozen=True)
class ClipPlan:
    """One clip to be written.

    Parameters
    ----------
    database : str
    subject : str
        Canonical: ``s1``, ``006``, ``sub01``, ``spNO.1``.
    name : str
        The clip as the workbook prints it.
    kind : str
        Kind of expression, as for `mer_bench.synthesis.motion.draw_expression`.
    emotion : str
        As the workbook prints it.
    onset, apex, offset : int
        Frame numbers of the rendered expression.
    printed_apex : int or str, optional
        The apex in the workbook, if it differs.
    margin : int
        Frames on disk before the onset and after the offset.
    lost : tuple of int
        Frames in between that are not on disk.
    """

    database: str
    subject: str
    name: str
    kind: str
    emotion: str
    onset: int
    apex: int
    offset: int
    printed_apex: int | str | None = None
    margin: int = 0
    lost: tuple[int, ...] = ()

    @property
    def clip(self) -> str:
        """The clip in a sample id: CAS(ME)^3's names repeat, so the onset is added."""
        return f"{self.name}@{self.onset}" if self.database == "casme3" else self.name

    @property
    def number(self) -> int:
        """The subject's number."""
        return int("".join(filter(str.isdigit, self.subject)))

    @property
    def printed(self) -> tuple[int, int | str, int]:
        """The workbook's onset, apex and offset."""
        return self.onset, self.apex if self.printed_apex is None else self.printed_apex, self.offset

    @property
    def key_frame(self) -> int:
        """The frame that readers use as the apex: the printed one if it is within the clip; SMIC's offset."""
        if self.database == "smic":
            return self.offset
        _, printed, _ = self.printed
        return printed if isinstance(printed, int) and self.onset <= printed <= self.offset else self.apex

    @property
    def measured_frame(self) -> int:
        """Where the expression has its stated strength: the key frame, or the true apex if that is the onset."""
        return self.key_frame if self.key_frame > self.onset else self.apex

    @property
    def frames(self) -> tuple[int, ...]:
        """The numbers of the frames on disk."""
        numbers = range(self.onset - self.margin, self.offset + self.margin + 1)
        return tuple(number for number in numbers if number not in self.lost)


def plan_release(database: str, size: str, seed: int) -> tuple[ClipPlan, ...]:
    """Return a database's clips, subject by subject."""
    counts = _COUNTS[size] if size in _COUNTS else _spread(_TOTALS[database], len(_SUBJECTS[database]))
    plans: list[ClipPlan] = []
    for place, (number, per_class) in enumerate(zip(_SUBJECTS[database], counts, strict=False)):
        extra = _OTHERS[size].get(database, ())[place :: len(counts)]
        plans += _plan_subject(database, number, counts=per_class, others=extra, size=size, seed=seed)
    if size == "large" and database == "samm":
        # The real subject without a clip of the three classes: missing from every list of three classes.
        plans += _plan_subject(database, 25, counts=(0, 0, 0), others=("Other",), size=size, seed=seed)
    return tuple(sorted(plans, key=lambda plan: plan.number))


def _spread(totals: Counts, subjects: int) -> list[Counts]:
    """Distribute the classes over the subjects in equal proportions; the first subjects get the most clips."""
    weights = np.arange(subjects, 0, -1) / np.arange(1, subjects + 1).sum()
    sizes = 1 + np.floor((sum(totals) - subjects) * weights).astype(int)
    sizes[: sum(totals) - int(sizes.sum())] += 1
    # Spread every class evenly over one row of clips and cut it up: no subject has one class more often.
    row = sorted(((nth + 0.5) / total, kind) for kind, total in enumerate(totals) for nth in range(total))
    cuts = np.split(np.array([kind for _, kind in row]), np.cumsum(sizes)[:-1])
    return [(int((cut == 0).sum()), int((cut == 1).sum()), int((cut == 2).sum())) for cut in cuts]


def _plan_subject(
    database: str, number: int, *, counts: Counts, others: Sequence[str], size: str, seed: int
) -> Iterator[ClipPlan]:
    subject = canonical_subject(database, str(number))
    wanted = [kind for kind, count in zip(SMIC_CODES, counts, strict=True) for _ in range(count)]
    rng = generator(seed, database, subject, size, "plan")
    emotions = [(kind, str(rng.choice(_EMOTIONS[database][kind]))) for kind in wanted]
    emotions += [("negative" if emotion in ("sadness", "fear") else "other", emotion) for emotion in others]
    # Names and frame numbers depend on the order, which must not reveal the class.
    emotions = [emotions[place] for place in rng.permutation(len(emotions))]
    names = _names(database, number, [kind for kind, _ in emotions])
    onset = 0
    planned = []
    for place, (name, (kind, emotion)) in enumerate(zip(names, emotions, strict=True)):
        onset = _onset(database, rng, place, onset)
        apex = onset + int(rng.integers(3, 5))
        offset = apex + int(rng.integers(3, 5))
        lost = (apex - 2,) if database == "casme3" and place % 2 else ()
        margin = {"casme2": 2, "casme3": 1}.get(database, 0)
        planned.append(
            ClipPlan(
                database, subject, name, kind, emotion, onset=onset, apex=apex, offset=offset, margin=margin, lost=lost
            )
        )
    yield from _with_annotation_errors(database, subject, planned)


def _with_annotation_errors(database: str, subject: str, planned: Sequence[ClipPlan]) -> Iterator[ClipPlan]:
    """Yield a subject's clips with typical annotation errors: an apex that is ``/``, the onset, or out of order.

    In the real releases, CASME II's two faulty rows are extra to the counts of the classes; SAMM's is included.
    """
    if (database, subject) == ("samm", "028"):
        # A known error of this clip, corrected to 1105: the face is at its apex there.
        *planned, last = planned
        planned.append(replace(last, name="028_4_1", onset=1101, apex=1105, offset=1109, printed_apex=1150))
    yield from planned
    extra = partial(ClipPlan, database, subject, kind="negative", emotion="disgust")
    if (database, subject) == ("casme2", "sub04"):
        yield extra("EP12_01f", onset=261, apex=303, offset=321, printed_apex="/")
    if (database, subject) == ("casme2", "sub05"):
        yield extra("EP09_05f", onset=69, apex=95, offset=123, printed_apex=69)
    if (database, subject) == ("casme3", "spNO.2"):
        onset = planned[-1].onset + 60
        yield extra("m", onset=onset, apex=onset + 4, offset=onset + 8, printed_apex=onset, margin=1)


def _names(database: str, number: int, kinds: Sequence[str]) -> Iterator[str]:
    """Yield a name for each clip, as the real release might call it."""
    taken = set(_TAKEN)
    for place, kind in enumerate(kinds):
        if database == "casme3":
            # Two samples per video: the video's name repeats, and the onset distinguishes them.
            yield chr(ord("b") + place // 2 % 10)
            continue
        name = next(name for name in _candidates(database, number, kind) if name not in taken)
        taken.add(name)
        yield name


def _candidates(database: str, number: int, kind: str) -> Iterator[str]:
    for take in range(1000):
        if database == "smic":
            yield f"s{number}_{SMIC_CODES[kind]}_{take + 1:02d}"
        elif database == "samm":
            yield f"{number:03d}_{take // 5 + 1}_{take % 5 + 2}"
        else:
            yield f"EP{take // 4 + 2:02d}_{take % 4 + 1:02d}{'' if take % 3 == 1 else 'f'}"


def _onset(database: str, rng: np.random.Generator, place: int, last: int) -> int:
    """Return an onset frame's number; some clips cross 9 and 10, or 99 and 100: texts sort differently."""
    jitter = int(rng.integers(0, 3))
    if database == "smic":
        return 559740 + 1000 * place + 7 * jitter
    if database == "samm":
        return (9996 if place == 1 else 562 + 1000 * place) + jitter
    if database == "casme2":
        return (46, 95, 6)[place % 3] + (jitter if place else 0)
    # One video after another, so that no two samples of a video share frames.
    return last + 47 + jitter if place else 166 - 73 * int(rng.integers(0, 2))
