"""The reverse: groupsim's consumers and scripts against a real Apache Kafka, run by the script beside this folder."""

import os
import subprocess

from . import children
from .kinds import HERE
from .ledger import Failure
from .report import LOGS

NAME = "kafka"
SCRIPT = HERE / "kafka"
FAILED = "FAILED"


def run(binary, cache, limit, report):
    with report.step(NAME, "groupsim's consumers and scripts find nothing wrong with Apache Kafka") as note:
        log = cache / LOGS / f"{NAME}.out"
        env = {**os.environ, "GROUPSIM": str(binary), "GROUPSIM_CLIENTS": str(cache)}
        with log.open("w") as out:
            streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
            process = children.start([str(SCRIPT)], env=env, **streams)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            children.kill(process)
            raise Failure(f"it did not end within {limit:.0f} s: {last(log, 5)}") from None
        if code != 0:
            failed = [line for line in log.read_text(errors="replace").splitlines() if line.startswith(FAILED)]
            raise Failure("\n     ".join([f"exit code {code}", *(failed or [last(log, 5)])]))
        note.text = last(log, 1)


def last(log, lines):
    return " | ".join(log.read_text(errors="replace").splitlines()[-lines:])
