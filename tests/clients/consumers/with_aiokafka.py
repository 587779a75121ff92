"""A consumer of aiokafka: as with_kafka_python.py, on an event loop."""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError
from common import Output, Stop, arguments, give_up

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}


class Listener(ConsumerRebalanceListener):
    """aiokafka rebalances while the application continues. `busy` makes it wait for a batch in
    progress, and `owned` keeps the application from a batch whose partition has just been revoked."""

    def __init__(self, output):
        self.output = output
        self.busy = asyncio.Lock()
        self.owned = set()

    async def on_partitions_revoked(self, revoked):
        async with self.busy:
            self.owned = set()
            self.output.partitions("revoked", revoked)

    async def on_partitions_assigned(self, assigned):
        async with self.busy:
            self.owned = set(assigned)
            self.output.partitions("assigned", assigned)


def create(args):
    return AIOKafkaConsumer(
        bootstrap_servers=args.bootstrap,
        group_id=args.group,
        client_id=args.client_id,
        session_timeout_ms=args.session_ms,
        heartbeat_interval_ms=args.heartbeat_ms,
        partition_assignment_strategy=[ASSIGNORS[name] for name in args.assignor.split(",")],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )


async def process(consumer, output, partition, records):
    for record in records:
        output.record(record, record.value)
    after = records[-1].offset + 1
    try:
        await consumer.commit({partition: after})
    except KafkaError as error:
        output.refused(partition, after, error)
    else:
        output.committed(partition, after)


async def main():
    args, stop = arguments(), Stop()
    output = Output(args.client_id)
    listener = Listener(output)
    consumer = create(args)
    consumer.subscribe([args.topic], listener=listener)
    try:
        await consumer.start()
    except KafkaError as error:
        await consumer.stop()
        give_up(args.client_id, error)
    while not stop:
        batches = await consumer.getmany(timeout_ms=200, max_records=20)
        async with listener.busy:
            for partition, records in batches.items():
                if partition in listener.owned:
                    await process(consumer, output, partition, records)
    await consumer.stop()
    output.say("closed")


asyncio.run(main())
