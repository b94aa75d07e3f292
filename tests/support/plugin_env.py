"""A separate Python environment for plugins, so that installing one affects no other test.

It sees every package that this process sees, and has its own ``pip``, ``mer-bench``, ``pytest`` and ``python``. As a
script (in the tox env `plugin`), this module renders a plugin of each kind, then builds it with pip's build isolation,
installs, tests, checks and runs it: ``python tests/support/plugin_env.py FOLDER``.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = {"torch": "kit-net", "sklearn": "kit-svm", "plain": "kit-mean"}
TINY = "--data synthetic-maps --data-option size=tiny --device cpu"

_MAIN = """
import sys
from {module} import main
if __name__ == "__main__":
    sys.argv[0] = {name!r}
    sys.exit(main())
"""


@dataclass(frozen=True)
class PluginEnvironment:
    """An environment in ``folder``.

    Parameters
    ----------
    folder : Path
    offline : bool
        Whether ``pip`` builds with the installed setuptools and uses no package index.
    """

    folder: Path
    offline: bool = True

    @classmethod
    def create(cls, folder: Path, *, offline: bool = True) -> PluginEnvironment:
        """Make the environment. It uses the parent's pip, since installing another one takes seconds."""
        venv.create(folder, with_pip=False, symlinks=True)
        made = cls(folder.resolve(), offline)
        made._see_parent()
        made._write_script("mer-bench", "mer_bench.cli")
        made._write_script("pytest", "pytest")
        flags = " --no-index --no-deps --no-build-isolation" if offline else ""
        made._write_shell("pip", f'command=$1; shift; exec {made._python} -m pip "$command"{flags} "$@"')
        return made

    def run(self, command: str, cwd: Path) -> str:
        """Run a shell command and return its stdout; fail with its whole output if its exit code is not 0."""
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=cwd,
            env=self._variables(),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"{command}\nended with {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    @property
    def _bin(self) -> Path:
        return self.folder / "bin"

    @property
    def _python(self) -> str:
        return shlex.quote(str(self._bin / "python"))

    def _variables(self) -> Mapping[str, str]:
        """Return this process's environment variables, without its search path, which is in the .pth file."""
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        return {
            **kept,
            "PATH": os.pathsep.join([str(self._bin), os.environ["PATH"]]),
            "VIRTUAL_ENV": str(self.folder),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def _see_parent(self) -> None:
        """Add every folder from which this process imports: site folders with their .pth files, then search roots."""
        sites = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
        roots = [path for path in sys.path if path and path not in sites and not _is_standard(path)]
        lines = [
            *(f"import site; site.addsitedir({path!r})" for path in sites),
            *(str(Path(p).resolve()) for p in roots),
        ]
        own = Path(sysconfig.get_path("purelib", vars={"base": str(self.folder), "platbase": str(self.folder)}))
        (own / "parent.pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def _write_script(self, name: str, module: str) -> None:
        """Write the script of an entry point, through a shell: a path may be too long for a ``#!`` line."""
        script = self._bin / f"start_{name.replace('-', '_')}.py"
        script.write_text(_MAIN.format(name=name, module=module), encoding="utf-8")
        self._write_shell(name, f'exec {self._python} {shlex.quote(str(script))} "$@"')

    def _write_shell(self, name: str, line: str) -> None:
        (self._bin / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (self._bin / name).chmod(0o755)


def _is_standard(path: str) -> bool:
    """Return whether a path is part of the standard library, or is the folder of the tests."""
    standard = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), str(Path(__file__).parents[1])}
    return path.endswith(".zip") or any(path == place or path == f"{place}/lib-dynload" for place in standard)


def author(environment: PluginEnvironment, kind: str, folder: Path) -> dict[str, Any]:
    """Render a plugin, build and install its wheel, test, check and run it; return the JSON of the run."""
    name = KINDS[kind]
    project = f"{name}-mer-bench"
    environment.run(f"mer-bench plugin new {name} --kind {kind}", folder)
    environment.run(f"pip wheel --no-deps --wheel-dir dist ./{project}", folder)
    environment.run(f"pip install dist/{project.replace('-', '_')}-0.1.0-py3-none-any.whl", folder)
    environment.run("pytest -q -p no:cacheprovider", folder / project)
    environment.run(f"mer-bench check {name}", folder)
    run = f"mer-bench run --method {name} --protocol cde {TINY} --no-baselines --jobs 1 --json --results results-{kind}"
    (result,) = map(json.loads, environment.run(run, folder).splitlines())
    return result


def main(folder: Path) -> None:
    """Do `author` with a plugin of each kind, each in a new environment."""
    for kind in KINDS:
        work = folder / kind
        work.mkdir(parents=True)
        print(kind, author(PluginEnvironment.create(work / "environment", offline=False), kind, work)["slices"])


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
