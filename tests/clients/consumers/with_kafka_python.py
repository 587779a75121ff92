"""A consumer of kafka-python: polls, prints, and commits after every batch of a partition."""

from common import Output, Stop, arguments, give_up
from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}


class Listener(ConsumerRebalanceListener):
    def __init__(self, output):
        self.output = output

    def on_partitions_assigned(self, assigned):
        self.output.partitions("assigned", assigned)

    def on_partitions_revoked(self, revoked):
        self.output.partitions("revoked", revoked)

    def on_partitions_lost(self, lost):
        self.output.partitions("lost", lost)


def connect(args):
    version = args.broker_version and tuple(map(int, args.broker_version.split(".")))
    return KafkaConsumer(
        api_version=version,
        bootstrap_servers=args.bootstrap,
        bootstrap_timeout_ms=10_000,
        group_id=args.group,
        client_id=args.client_id,
        session_timeout_ms=args.session_ms,
        heartbeat_interval_ms=args.heartbeat_ms,
        partition_assignment_strategy=[ASSIGNORS[name] for name in args.assignor.split(",")],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )


def process(consumer, output, partition, records):
    for record in records:
        output.record(record, record.value)
    after = records[-1].offset + 1
    try:
        consumer.commit({partition: OffsetAndMetadata(after, "", -1)})
    except KafkaError as error:
        output.refused(partition, after, error)
    else:
        output.committed(partition, after)


def main():
    args, stop = arguments(), Stop()
    output = Output(args.client_id)
    try:
        consumer = connect(args)
    except KafkaError as error:
        give_up(args.client_id, error)
    consumer.subscribe([args.topic], listener=Listener(output))
    while not stop:
        for partition, records in consumer.poll(timeout_ms=200, max_records=20).items():
            process(consumer, output, partition, records)
    consumer.close()
    output.say("closed")


main()
