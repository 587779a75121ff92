"""Processes that never outlive the run: each leads a process group, which is killed at the end."""

import os
import signal
import subprocess
import threading

_started = []
_over = False
_lock = threading.Lock()


def start(command, **options):
    """Like subprocess.Popen, in a process group of its own."""
    with _lock:
        if _over:
            raise RuntimeError("the run is over")
        child = subprocess.Popen(command, start_new_session=True, **options)
        _started.append(child)
    return child


def kill(child):
    """Sends SIGKILL to the whole group; the child may have exited already."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def kill_all():
    """Kills all running children; no more can be started."""
    global _over
    with _lock:
        _over = True
        for child in _started:
            kill(child)
