"""What a new plugin is called: its method, its distribution, its package and its class."""

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

    The package ends in ``_mer_bench``, and does not begin with ``mer_bench_``: those packages are mer-bench's own. A
    later release may bring one of any name, and pip would put its files over the plugin's without a word.

    Parameters
    ----------
    method : str
        ``motion-net``, as on the command line.
    """

    method: str

    @classmethod
    def of(cls, name: str, catalogue: Catalogue) -> PluginNames:
        """Return the names of a new plugin; underscores are taken as hyphens.

        Raises
        ------
        MerBenchError
            The name is malformed or too long, is Python's own or mer-bench's, or is that of an installed method.
        """
        names = cls(normalise_name(name))
        if not _NAME.fullmatch(names.method):
            raise MerBenchError(
                f"plugin name {name!r} is not {NAME_RULE}, of which the first begins with a "
                "letter; write it like motion-net"
            )
        if len(names.method) > _LONGEST:
            raise MerBenchError(
                f"plugin name {name!r} is longer than {_LONGEST} characters; take a short one, and say the rest in "
                "--title"
            )
        owner = names._owner()
        if owner:
            raise MerBenchError(f"plugin name {name!r} is a name of {owner} already; choose another")
        if names.method in catalogue.methods:
            raise MerBenchError(
                f"a method {names.method!r} is installed already, by {catalogue.owners['method', names.method]}; "
                "choose another name, or uninstall that one"
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
        """Return who has the name already, where a class or module of this name would hide another or not compile."""
        if keyword.iskeyword(self.module) or keyword.iskeyword(self.class_name):
            return "Python's grammar"
        if self.module in sys.stdlib_module_names:
            return "Python's standard library"
        if self.module in dir(builtins) or self.class_name in dir(builtins):
            return "Python's builtins"
        taken = self.class_name in (*dir(mer_bench), *_TEMPLATE_CLASSES) or self.module == "mer_bench"
        return "mer-bench's public interface" if taken else ""
