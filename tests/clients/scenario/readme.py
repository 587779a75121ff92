"""The program of kafka-python's README, as it is: default servers, default timers.

It prints nothing about its group, so the assignment is derived from its output: which copy prints
the records of which partitions. It never closes its consumer, so a copy that is interrupted stays a
member like one that is killed: until its session of 45 s expires.
"""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time

from . import children
from .group import DEADLINE
from .ledger import Failure

NAME = "readme"
SESSION = 45.0
HEARTBEAT = 3.0
# All partitions get records within this time, several times over.
WINDOW = 2.0
VALUE = re.compile(r"^b'(.+)/(\d+)'$")


class Copy:
    """One running copy; a thread records its output."""

    def __init__(self, number, world, command):
        self.partitions = world.partitions
        self.log = world.logs / f"readme-{number}.err"
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with self.log.open("w") as stderr:
            streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": stderr}
            self.process = children.start(command, env=env, text=True, **streams)
        self.printed = []  # (time, partition, offset)
        self.strange = None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            match = VALUE.match(line.rstrip("\n"))
            if match:
                # `serve` feeds the partitions in turn, and is their only writer.
                offset, partition = divmod(int(match[2]) - 1, self.partitions)
                self.printed.append((time.monotonic(), f"{match[1]}-{partition}", offset))
            else:
                self.strange = line

    def lately(self):
        """The partitions whose records it printed in the last WINDOW."""
        since = time.monotonic() - WINDOW
        return {partition for at, partition, _ in self.printed[-500:] if at >= since}

    def end(self, sign):
        """Sends the signal until the copy exits: Python drops a KeyboardInterrupt during a destructor."""
        until = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < until:
            self.process.send_signal(sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        self.process.wait(0.1)
        self.reader.join(DEADLINE)


class Copies:
    def __init__(self, world, command):
        self.world = world
        self.command = command
        self.every = []
        self.running = []
        self.all = {f"{world.topic}-{number}" for number in range(world.partitions)}

    def start(self):
        copy = Copy(len(self.every) + 1, self.world, self.command)
        self.every.append(copy)
        self.running.append(copy)
        return copy

    def end(self, copy, sign):
        self.running.remove(copy)
        copy.end(sign)

    def share(self):
        """Waits until the running copies print all partitions, each partition by one of them."""
        return self._wait("all partitions printed, each by one copy", self._shared)

    def lost(self):
        """Offsets that no copy printed, between the first and the last printed ones."""
        missing = []
        for partition in sorted(self.all):
            offsets = {o for copy in self.every for _, p, o in copy.printed if p == partition}
            missing += [f"{partition} {o}" for o in range(min(offsets), max(offsets)) if o not in offsets]
        return missing

    def _shared(self):
        printed = [copy.lately() for copy in self.running]
        return all(printed) and sorted(p for each in printed for p in each) == sorted(self.all)

    def _wait(self, what, claim, within=SESSION + DEADLINE):
        start = time.monotonic()
        while not claim():
            for copy in self.running:
                if copy.strange or copy.process.poll() is not None:
                    raise Failure(f"a copy printed {copy.strange!r} and ended with {copy.process.poll()}")
            if time.monotonic() - start > within:
                printed = [sorted(copy.lately()) for copy in self.running]
                raise Failure(f"not within {within:.0f} s: {what}; the copies print {printed}")
            time.sleep(0.1)
        return time.monotonic() - start


def run(world, command, report):
    copies = Copies(world, command)

    with report.step(NAME, "the program starts and prints all partitions"):
        copies.start()
        copies.share()

    with report.step(NAME, "a second copy starts: each prints its own half"):
        second = copies.start()
        copies.share()

    with report.step(NAME, "the second is interrupted: the first prints everything") as note:
        copies.end(second, signal.SIGINT)
        note.text = f"{copies.share():.1f} s later"

    with report.step(NAME, "a third copy starts: each prints its own half"):
        third = copies.start()
        copies.share()

    with report.step(NAME, "the third is killed: the first prints everything") as note:
        copies.end(third, signal.SIGKILL)
        took = copies.share()
        if took < SESSION - HEARTBEAT - 1:
            raise Failure(f"after {took:.1f} s, though its session lasts {SESSION:.0f} s")
        note.text = f"{took:.1f} s later"

    with report.step(NAME, "the first is interrupted; nothing was lost") as note:
        copies.end(copies.running[0], signal.SIGINT)
        if missing := copies.lost():
            raise Failure(f"no copy printed {', '.join(missing)}")
        note.text = f"{sum(len(copy.printed) for copy in copies.every)} records printed"
