"""The ledger must accept the lines of a correct group, and no others."""

import unittest

from .ledger import Failure, Ledger

HANDED_OVER = """
a assigned t-0,t-1
a record t-0 0 t/1
a committed t-0 1
a record t-0 1 t/3
a revoked t-0,t-1
b assigned t-0
a assigned t-1
b record t-0 1 t/3
b record t-0 2 t/5
"""


def heard(lines):
    ledger = Ledger("t", 2)
    for line in lines.strip().splitlines():
        ledger.line(line)
    return ledger


class Accepts(unittest.TestCase):
    def test_a_partition_handed_over_and_resumed_from_the_commit(self):
        ledger = heard(HANDED_OVER)
        self.assertEqual(ledger.owned("a"), {"t-1"})
        self.assertEqual(ledger.owned("b"), {"t-0"})
        self.assertEqual(ledger.first["t-0"], (1, 1))
        self.assertEqual((ledger.records, ledger.again), (4, 1))

    def test_a_consumer_that_was_assigned_nothing(self):
        ledger = heard("a assigned \na revoked \na closed")
        self.assertEqual((ledger.assignments, ledger.closed), ({"a": 1}, {"a"}))

    def test_a_partition_taken_over_from_a_killed_client(self):
        ledger = heard("a assigned t-0")
        ledger.gone("a")
        ledger.line("b assigned t-0")
        self.assertEqual(ledger.owner, {"t-0": "b"})

    def test_late_lines_of_a_partitioned_client(self):
        ledger = heard("a assigned t-0\na record t-0 0 t/1")
        ledger.cut_off("a")
        for line in (
            "b assigned t-0\nb record t-0 0 t/1\nb committed t-0 1\na record t-0 1 t/3\na committed t-0 1\n"
            "a lost t-0\nb revoked t-0\na assigned t-0\na record t-0 1 t/3"
        ).splitlines():
            ledger.line(line)
        self.assertEqual((ledger.owner, ledger.cut), ({"t-0": "a"}, set()))

    def test_partitions_that_come_and_go_one_by_one(self):
        ledger = heard("a added t-0\na added t-1\na record t-0 0 x\na removed t-1\nb added t-1\na record t-0 1 y")
        self.assertEqual((ledger.owner, ledger.next["t-0"]), ({"t-0": "a", "t-1": "b"}, 2))

    def test_one_that_was_cut_off_gives_up_what_another_has(self):
        ledger = heard("a added t-0\na added t-1")
        ledger.cut_off("a")
        for line in ("b added t-0", "a removed t-0", "a removed t-1", "a added t-1"):
            ledger.line(line)
        self.assertEqual((ledger.owner, ledger.cut), ({"t-0": "b", "t-1": "a"}, set()))

    def test_a_record_read_again_because_its_commit_was_refused(self):
        ledger = heard(
            "a assigned t-0\na record t-0 0 t/1\na refused t-0 1 RebalanceInProgress\na record t-0 0 t/1"
        )
        self.assertEqual((ledger.refused, ledger.again), (1, 1))


class Refuses(unittest.TestCase):
    def refuses(self, lines, why):
        with self.assertRaisesRegex(Failure, why):
            heard(lines)

    def test_two_owners(self):
        self.refuses("a assigned t-0\nb assigned t-0", "b was assigned t-0 while a owned it")

    def test_two_owners_one_by_one(self):
        self.refuses("a added t-0\na added t-1\nb added t-1", "b was assigned t-1 while a owned it")

    def test_a_partition_that_does_not_exist(self):
        self.refuses("a assigned t-7", "does not exist")
        self.refuses("a added t-7", "does not exist")

    def test_a_record_of_a_partition_that_was_removed(self):
        self.refuses("a added t-0\na removed t-0\na record t-0 0 x", "but no client owns it")

    def test_a_record_read_by_another(self):
        self.refuses("a assigned t-0\nb record t-0 0 t/1", "but a owns it")

    def test_a_committed_record_read_again(self):
        self.refuses(
            "a assigned t-0\na record t-0 0 t/1\na committed t-0 1\na closed\n"
            "b assigned t-0\nb record t-0 0 t/1",
            "again, but the group had committed 1",
        )

    def test_a_record_skipped_by_the_next_owner(self):
        self.refuses(HANDED_OVER + "b closed\na assigned t-0\na record t-0 4 t/9", "3 has not been read")

    def test_a_record_skipped_by_its_owner(self):
        self.refuses(HANDED_OVER + "b record t-0 1 t/3", "the next offset was 3")

    def test_another_record_at_the_same_offset(self):
        self.refuses(
            "a assigned t-0\na record t-0 0 t/1\na closed\nb assigned t-0\nb record t-0 0 t/2",
            "and got 't/2', where 't/1' was read before",
        )

    def test_a_record_at_two_offsets(self):
        self.refuses("a assigned t-0,t-1\na record t-0 0 x\na record t-1 0 x", "which is also at t-0 0")

    def test_records_out_of_the_order_in_which_they_were_fed(self):
        self.refuses("a assigned t-0\na record t-0 0 t/10\na record t-0 1 t/9", "and got 't/9', after 't/10'")

    def test_one_that_was_cut_off_but_was_assigned_anew(self):
        ledger = heard("a assigned t-0")
        ledger.cut_off("a")
        for line in ("b assigned t-0", "b revoked t-0", "a assigned t-0", "a revoked t-0", "b assigned t-0"):
            ledger.line(line)
        with self.assertRaisesRegex(Failure, "but b owns it"):
            ledger.line("a record t-0 0 t/1")

    def test_a_commit_of_an_unread_record(self):
        self.refuses("a assigned t-0\na committed t-0 1", "which has not been read")

    def test_a_commit_that_goes_back(self):
        self.refuses("a assigned t-0\na record t-0 0 t/1\na committed t-0 1\na committed t-0 0", "after 1")

    def test_lines_that_no_consumer_prints(self):
        self.refuses("a sings", "not a line of a consumer")
        self.refuses("a record t-0", "malformed line")
        self.refuses("a record t-0 x t/1", "malformed line")
