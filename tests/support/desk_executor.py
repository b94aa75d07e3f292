"""A third party's executor: `DESK` is the source of a plugin that runs tasks one after another on this machine."""

from __future__ import annotations

DESK = '''
    import os
    import subprocess
    from mer_bench import Executor, ExecutorSpec, Parameter, hookimpl


    class Desk(Executor):
        """Runs tasks while `submit` waits, unless ``desk_start`` is false: then they stay in the queue."""

        def _try(self, what):
            if self.options["cpu"]["fails"] == what:
                raise SystemExit("the desk is on fire")

        def preview(self, job):
            self._try("preview")
            labels = [self.options[task.kind]["label"] for task in job.tasks]
            commands = [job.shell_command(task.number) for task in job.tasks]
            return "\\n".join(map("{}: {}".format, labels, commands))

        def submit(self, job):
            self._try("submit")
            queue = job.folder / "desk-queue"
            queue.write_text(" ".join(str(task.number) for task in job.tasks))
            (job.folder / "desk-after").write_text(" ".join(folder.name for folder in job.after))
            if self.options["cpu"]["start"]:
                for task in job.tasks:
                    with self._file(job.folder, task.number).open("ab") as output:
                        variables = {**os.environ, **job.environment}
                        command = job.command([task.number])
                        subprocess.run(command, env=variables, stdout=output, stderr=output, check=False)
                queue.write_text("")
            if self.options["cpu"]["loses"]:
                queue.write_text("")
            return "desk 7"

        def active(self, folder):
            self._try("active")
            if not self.options["cpu"]["knows"]:
                return None
            queue = folder / "desk-queue"
            return [int(number) for number in queue.read_text().split()] if queue.exists() else []

        def log(self, folder, number):
            self._try("log")
            return [self._file(folder, number)]

        def _file(self, folder, number):
            return folder / f"desk-{number}.log"


    class Chair:
        """No executor."""

        def __init__(self, options):
            pass


    @hookimpl
    def mer_bench_executors():
        options = (
            Parameter("start", True, "whether tasks are started at once"),
            Parameter("loses", False, "whether it forgets what is in its queue"),
            Parameter("fails", "", "the method that fails"),
            Parameter("knows", True, "whether it says what is in its queue"),
            Parameter("label", "any", "what stands before each task", choices=("any", "fast", "slow")),
            Parameter("hours", 2, "how long the desk is open", minimum=1),
        )
        yield ExecutorSpec("desk", "one task after another", "desk_plugin:Desk", options)
        yield ExecutorSpec("chair", "no executor", "desk_plugin:Chair", options)
        yield ExecutorSpec("stool", "an executor without options", "desk_plugin:Chair")
'''
