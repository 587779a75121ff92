"""The counting tasks must be believed when they count, and only then."""

import unittest

from .connect import Sources
from .ledger import Failure


def values(*records):
    return {"counted-0": dict(enumerate(records)), "counted-1": {}}


class Counting(unittest.TestCase):
    def setUp(self):
        self.sources = Sources()
        self.sources.started("a", "0", "0")

    def refuses(self, why, *records):
        with self.assertRaisesRegex(Failure, why):
            self.sources.judge(values(*records))

    def test_a_task_that_goes_on_elsewhere_and_counts_again(self):
        self.sources.gone("a")
        self.sources.started("b", "0", "1")
        self.assertEqual(self.sources.running, {"0": "b"})
        self.assertEqual(self.sources.judge(values("0/0/0", "0/1/0", "0/1/1", "0/2/1")), 1)

    def test_a_task_that_stops_late(self):
        self.sources.gone("a")
        self.sources.started("b", "0", "1")
        self.sources.stopped("a", "0")
        self.assertEqual(self.sources.running, {"0": "b"})

    def test_a_task_on_two_workers(self):
        with self.assertRaisesRegex(Failure, "task 0 starts on b, but runs on a"):
            self.sources.started("b", "0", "1")

    def test_a_number_left_out(self):
        self.refuses("wrote 2 before 1", "0/0/0", "0/2/0")

    def test_a_run_that_nobody_started(self):
        self.refuses("belongs to no run", "0/0/7")

    def test_a_record_of_another_task(self):
        self.refuses("belongs to no run", "1/0/0")

    def test_a_run_that_went_on_with_what_is_not_there(self):
        self.sources.stopped("a", "0")
        self.sources.started("b", "0", "5")
        self.refuses("began with 5, but wrote only 1 numbers", "0/0/0")
