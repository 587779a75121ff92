"""Processes that never outlive the run: each leads a process group, which is killed at the end."""

import os
import signal
import subprocess
import threading

_started = []
_over = False
_lock = threading.Lock()


def start(command, **options):
    """As subprocess.Popen, in a process group of its own."""
    with _lock:
        if _over:
            raise RuntimeError("the run is over")
        child = subprocess.Popen(command, start_new_session=True, **options)
        _started.append(child)
    return child


def kill(child):
    """SIGKILL to the whole group; the child may have ended by itself."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def kill_all():
    """Kills what still runs; nothing can be started any more."""
    global _over
    with _lock:
        _over = True
        for child in _started:
            kill(child)
