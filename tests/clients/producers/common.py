"""Shared by the Python producers: the command line, and the lines that they print.

Every producer under this folder, in whatever language, takes the same arguments, writes records
whose values are its client id, a slash and a number, and prints where each has come to lie.
"""

import argparse
import logging
import sys


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--compression", required=True, help="none, gzip, snappy, lz4 or zstd")
    parser.add_argument("--idempotence", required=True, choices=["yes", "no"])
    parser.add_argument("--count", type=int, default=40)
    args = parser.parse_args()
    args.idempotence = args.idempotence == "yes"
    # The client's own log goes to standard error.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    return args


def values(args):
    return [f"{args.client_id}/{number}" for number in range(1, args.count + 1)]


def produced(args, partition, offset, value):
    sys.stdout.write(f"{args.client_id} produced {args.topic}-{partition} {offset} {value}\n")
    sys.stdout.flush()
