"""Reads case.escalations as an alert consumer would, from the beginning to the present end, and prints JSON lines.

Uses kafka-python, a client with no code in common with librdkafka, so that the two programs together show that the topics
hold for both families. Escalations have one record per position; a reader drops what is not above the last position that
it has seen from the same source partition.
"""

import argparse
import json

from kafka import KafkaConsumer, TopicPartition

import wire


def position(headers):
    """stage, partition, offset and ordinal of the input that caused a message."""
    for name, value in headers:
        if name == "position":
            stage, partition, offset, ordinal = value.decode().split("/")
            return stage, int(partition), int(offset), int(ordinal)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    wire.kafka_arguments(parser, "case.escalations")
    args = parser.parse_args()

    registry = wire.Registry(args.registry)
    protocol = ("SASL_" if args.user else "") + ("SSL" if args.ca else "PLAINTEXT")
    config = wire.security(args, "sasl_plain_username", "sasl_plain_password")
    if args.user:
        config["sasl_mechanism"] = "SCRAM-SHA-512"
    if args.ca:
        config["ssl_cafile"] = args.ca
    consumer = KafkaConsumer(
        bootstrap_servers=args.brokers.split(","),
        security_protocol=protocol,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        **config,
    )
    partitions = [TopicPartition(args.topic, p) for p in sorted(consumer.partitions_for_topic(args.topic) or ())]
    if not partitions:
        parser.exit(1, f"topic {args.topic} does not exist\n")
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    end = consumer.end_offsets(partitions)

    seen = {}
    while any(consumer.position(p) < end[p] for p in partitions):
        for messages in consumer.poll(timeout_ms=500).values():
            for m in messages:
                at = position(m.headers)
                if at is not None:
                    source = (m.partition, at[0], at[1])
                    if at[2:] <= seen.get(source, (-2, -1)):
                        continue
                    seen[source] = at[2:]
                name, value = registry.decode(m.value)
                print(json.dumps({
                    "partition": m.partition,
                    "offset": m.offset,
                    "key": m.key.decode() if m.key is not None else None,
                    "position": at,
                    "record": name,
                    "value": value,
                }, default=str))
    consumer.close()


if __name__ == "__main__":
    main()
