"""The names of a new plugin: of its method, distribution, package and class."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from dataclasses import dataclass

import mer_bench
from mer_bench.errors import MerBenchError
from mer_bench.names import NAME_RULE, normalise_name
from mer_bench.plugin_manager import Catalogue

KINDS = ("torch", "sklearn", "plain")

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40
_TEMPLATE_CLASSES = ("Network",)


@dataclass(frozen=True)
class PluginNames:
    """One name in its four forms.

    The package ends in ``_mer_bench`` and does not begin with ``mer_bench_``, as mer-bench's own packages do. A later
    release may contain a package of any such name, and pip would silently overwrite the plugin's files with its own.

    Parameters
    ----------
    method : str
        ``motion-net``, as on the command line.
    """

    method: str

    @classmethod
    def of(cls, name: str, catalogue: Catalogue) -> PluginNames:
        """Return the names of a new plugin; underscores in ``name`` count as hyphens.

        Raises
        ------
        MerBenchError
            The name is malformed or too long, or is already used by Python, mer-bench or an installed method.
        """
        names = cls(normalise_name(name))
        if not _NAME.fullmatch(names.method):
            raise MerBenchError(
                f"plugin name {name!r} is not {NAME_RULE} and starting with a letter; use a name such as motion-net"
            )
        if len(names.method) > _LONGEST:
            raise MerBenchError(
                f"plugin name {name!r} is longer than {_LONGEST} characters; shorten it, and give --title the full name"
            )
        owner = names._owner()
        if owner:
            raise MerBenchError(f"plugin name {name!r} is already used by {owner}; choose another name")
        if names.method in catalogue.methods:
            raise MerBenchError(
                f"method {names.method!r} is already installed by {catalogue.owners['method', names.method]}; choose "
                "another name, or uninstall that distribution"
            )
        return names

    @property
    def distribution(self) -> str:
        """``motion-net-mer-bench``, as pip knows it."""
        return f"{self.method}-mer-bench"

    @property
    def package(self) -> str:
        """``motion_net_mer_bench``, as Python imports it."""
        return self.distribution.replace("-", "_")

    @property
    def module(self) -> str:
        """``motion_net``, as part of a file's name."""
        return self.method.replace("-", "_")

    @property
    def class_name(self) -> str:
        """``MotionNet``."""
        return "".join(word.capitalize() for word in self.method.split("-"))

    def _owner(self) -> str:
        """Return what already uses the name, where a class or module of that name would not compile or hide another."""
        if keyword.iskeyword(self.module) or keyword.iskeyword(self.class_name):
            return "Python's grammar"
        if self.module in sys.stdlib_module_names:
            return "Python's standard library"
        if self.module in dir(builtins) or self.class_name in dir(builtins):
            return "Python's builtins"
        taken = self.class_name in (*dir(mer_bench), *_TEMPLATE_CLASSES) or self.module == "mer_bench"
        return "mer-bench's public interface" if taken else ""
