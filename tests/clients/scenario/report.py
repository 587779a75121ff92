"""The output: one line per step while it runs, and a table at the end."""

import sys
import threading
import time
import traceback
from contextlib import contextmanager

from .ledger import Failure

# The folder of all logs, inside the folder of the clients.
LOGS = "logs"


class Aborted(Exception):
    """A step of a scenario failed, and has been reported; the scenario cannot go on."""


class Note:
    """The text that a step adds to its line."""

    text = ""


class Report:
    def __init__(self):
        self.lock = threading.Lock()
        self.start = time.monotonic()
        self.steps = []  # (scenario, passed, seconds)

    def say(self, text):
        with self.lock:
            print(text, flush=True)

    @contextmanager
    def step(self, scenario, what):
        """Reports the block as passed or failed, and ends the scenario if it failed."""
        start, note = time.monotonic(), Note()
        try:
            yield note
        except Failure as failure:
            self._done(scenario, start, False, f"{what}: {failure}")
            raise Aborted from failure
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self._done(scenario, start, False, f"{what}: {type(error).__name__}: {error}")
            raise Aborted from error
        self._done(scenario, start, True, what + (f": {note.text}" if note.text else ""))

    def fail(self, scenario, what):
        """Reports a failure outside of any step."""
        self._done(scenario, time.monotonic(), False, what)

    def table(self, scenarios):
        """One line per scenario; one that ended early shows its last step."""
        lines = ["", f"{'scenario':<18} {'passed':>6} {'failed':>6} {'seconds':>8}"]
        for scenario in scenarios:
            mine = [(passed, seconds) for name, passed, seconds in self.steps if name == scenario]
            passed = sum(passed for passed, _ in mine)
            seconds = sum(seconds for _, seconds in mine)
            lines.append(f"{scenario:<18} {passed:>6} {len(mine) - passed:>6} {seconds:>8.1f}")
        self.say("\n".join(lines))

    def close(self):
        """The closing line, and the exit code."""
        passed = sum(passed for _, passed, _ in self.steps)
        failed = len(self.steps) - passed
        self.say(f"\n{passed} passed, {failed} failed")
        return 1 if failed or not passed else 0

    def _done(self, scenario, start, passed, text):
        seconds = time.monotonic() - start
        with self.lock:
            self.steps.append((scenario, passed, seconds))
            print(f"{'ok  ' if passed else 'FAIL'} {scenario:<18} {seconds:5.1f}s  {text}", flush=True)
