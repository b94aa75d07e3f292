"""The papers of the official releases and of the scores, and where licence agreements are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class DatabasePaper:
    """The paper of a database.

    Parameters
    ----------
    title : str
        The database, as its authors call it.
    citation : str
        The paper, with its DOI.
    doi : str
        Of the paper.
    request : str
        The page that says how to ask for the data; the paper's, where none is known that lasts.
    """

    title: str
    citation: str
    doi: str
    request: str


DATABASE_PAPERS: Mapping[str, DatabasePaper] = {
    "smic": DatabasePaper(
        "SMIC-HS",
        "Li et al. 2013, A spontaneous micro-expression database: inducement, collection and baseline, IEEE FG, "
        "doi:10.1109/FG.2013.6553717",
        "10.1109/FG.2013.6553717",
        "https://www.oulu.fi/cmvs/node/41319",
    ),
    "samm": DatabasePaper(
        "SAMM",
        "Davison et al. 2018, SAMM: A spontaneous micro-facial movement dataset, IEEE Transactions on Affective "
        "Computing 9(1), doi:10.1109/TAFFC.2016.2573832",
        "10.1109/TAFFC.2016.2573832",
        "https://doi.org/10.1109/TAFFC.2016.2573832",
    ),
    "casme2": DatabasePaper(
        "CASME II",
        "Yan et al. 2014, CASME II: An improved spontaneous micro-expression database and the baseline evaluation, "
        "PLoS ONE 9(1), doi:10.1371/journal.pone.0086041",
        "10.1371/journal.pone.0086041",
        "http://fu.psych.ac.cn/CASME/casme2-en.php",
    ),
    "casme3": DatabasePaper(
        "CAS(ME)^3",
        "Li et al. 2023, CAS(ME)3: A Third Generation Facial Spontaneous Micro-Expression Database, TPAMI 45(3), "
        "doi:10.1109/TPAMI.2022.3174895",
        "10.1109/TPAMI.2022.3174895",
        "http://casme.psych.ac.cn/casme/e4",
    ),
}
"""Name of the database to its paper."""

SCORES_PAPER = (
    "See et al. 2019, MEGC 2019 - The Second Facial Micro-Expressions Grand Challenge, IEEE FG, "
    "doi:10.1109/FG.2019.8756611"
)
"""Defines UF1 and UAR of predictions pooled over the folds."""
