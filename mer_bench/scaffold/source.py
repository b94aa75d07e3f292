"""Where the tests of a new plugin get mer-bench from: a package index, a Git repository, or a path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mer_bench.errors import MerBenchError

INDEX = "mer-bench"
"""The default: the newest release on the index that pip uses."""

# Neither quotes nor braces: a URL becomes part of a shell command and of a tox file.
_URL = r"[a-z+]+://[^\s;,'{}\\]+"
_VERSION = r"(?:===|==|~=|!=|<=|>=|<|>) *\d[\w.!+*]*"
_REQUIREMENT = re.compile(rf"mer[-_]bench *(?P<versions>(?:{_VERSION}(?: *, *{_VERSION})*)?)")
_DIRECT = re.compile(rf"(?:mer[-_]bench *@ *(?P<url>{_URL})|(?P<git>git\+{_URL}))")


@dataclass(frozen=True)
class Source:
    """A source of mer-bench, as a new plugin names it.

    Parameters
    ----------
    dependency : str
        For the plugin's own ``pyproject.toml``: the name, with a version only if the user gave one. Never a URL, which
        would replace the user's mer-bench on each installation of the plugin, and which package indexes refuse.
    direct : str
        For tox, which installs it before the plugin: ``mer-bench @ URL``; empty where the index has it.
    """

    dependency: str
    direct: str = ""

    @property
    def requirement(self) -> str:
        """What ``pip install`` takes."""
        return self.direct or self.dependency

    @property
    def in_tox(self) -> str:
        """`direct` as a line of a tox file, where ``#`` begins a comment."""
        return self.direct.replace("#", r"\#")

    @property
    def is_local(self) -> bool:
        """Whether no other machine has it."""
        return self.direct.startswith(f"{INDEX} @ file:")

    @classmethod
    def of(cls, text: str) -> Source:
        """Read ``--mer-bench``: a requirement, a Git URL, or the path of a checkout, a wheel or an sdist.

        Raises
        ------
        MerBenchError
            It is none of them, or nothing that pip could install is at the path.
        """
        given = text.strip()
        if requirement := _REQUIREMENT.fullmatch(given):
            return cls(f"{INDEX}{requirement['versions']}")
        if direct := _DIRECT.fullmatch(given):
            return cls(INDEX, f"{INDEX} @ {direct['url'] or direct['git']}")
        path = Path(given).expanduser()
        if given and (_is_project(path) or (path.is_file() and path.name.endswith((".whl", ".tar.gz")))):
            return cls(INDEX, f"{INDEX} @ {path.resolve().as_uri()}")
        raise MerBenchError(
            f"--mer-bench {text!r} is neither a requirement ({INDEX}, '{INDEX}>=0.1'), nor a Git URL "
            "(git+https://HOST/REPOSITORY@TAG), nor the path of a checkout, a wheel or an sdist; give one of them"
        )


def _is_project(path: Path) -> bool:
    return (path / "pyproject.toml").is_file()
