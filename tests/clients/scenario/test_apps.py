"""What a Streams application has copied, and what the tools print, must be judged right."""

import unittest

from .ledger import Failure, Ledger
from .streams import judge
from .tool import Said

READ = "a added t-0\na record t-0 0 x\na record t-0 1 y\na record t-0 2 z\na committed t-0 2"


class Copies(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger("t", 2)
        for line in READ.splitlines():
            self.ledger.line(line)

    def refuses(self, why, *values):
        with self.assertRaisesRegex(Failure, why):
            judge(self.ledger, [("t-0", value) for value in values])

    def test_a_copy_that_was_made_again(self):
        copies = [("t-0", value) for value in ("x", "y", "x", "y", "z")]
        self.assertEqual(judge(self.ledger, copies), "3 records, 2 of them again")

    def test_a_copy_of_what_was_not_committed_is_not_asked_for(self):
        self.assertEqual(judge(self.ledger, [("t-0", "x"), ("t-0", "y")]), "2 records, 0 of them again")

    def test_a_committed_record_without_a_copy(self):
        self.refuses("2} were committed", "x")

    def test_a_record_left_out(self):
        self.refuses("t-0 2 is in the copy, but not preceded by 1", "x", "z")

    def test_a_copy_of_nothing(self):
        self.refuses("was not read there", "x", "v")
        with self.assertRaisesRegex(Failure, "was not read there"):
            judge(self.ledger, [("t-1", "x")])


class Tables(unittest.TestCase):
    def test_a_head_of_two_words(self):
        text = "\nGROUP  COORDINATOR (ID)    STATE\ng      127.0.0.1:9092  (0) Stable\n"
        row = {"GROUP": "g", "COORDINATOR(ID)": "127.0.0.1:9092(0)", "STATE": "Stable"}
        self.assertEqual(Said(0, text, "").rows(), [row])

    def test_what_stands_above(self):
        self.assertEqual(Said(0, "Request succeeded.\n\nA B\n1 2\n", "").rows(), [{"A": "1", "B": "2"}])

    def test_nothing(self):
        self.assertEqual(Said(0, "\n", "").rows(), [])
