"""Publishes chat events as a chat platform would: JSON lines on standard input, one ChatEvent each.

Uses librdkafka, on which most clients outside Java stand, as an idempotent producer. Prints how many were acknowledged.
"""

import argparse
import json
import sys

from confluent_kafka import Producer

import wire


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    wire.kafka_arguments(parser, "chat.events")
    parser.add_argument("--schema", help="file with the ChatEvent schema, to be registered; without it the latest is fetched")
    args = parser.parse_args()

    registry = wire.Registry(args.registry)
    subject = f"{args.topic}-casetrail.ChatEvent"
    if args.schema:
        with open(args.schema, encoding="utf-8") as f:
            schema_id = registry.register(subject, f.read())
    else:
        schema_id = registry.latest(subject)

    protocol = ("SASL_" if args.user else "") + ("SSL" if args.ca else "PLAINTEXT")
    config = {
        "bootstrap.servers": args.brokers,
        "security.protocol": protocol,
        "enable.idempotence": True,
        # librdkafka's own default is another hash than Java's; with it a case would lie elsewhere than Casetrail puts it.
        # Intake repartitions, so this is courtesy and not correctness.
        "partitioner": "murmur2_random",
        "linger.ms": 5,
        **wire.security(args, "sasl.username", "sasl.password"),
    }
    if args.user:
        config["sasl.mechanism"] = "SCRAM-SHA-512"
    if args.ca:
        config["ssl.ca.location"] = args.ca
    producer = Producer(config)

    acknowledged, faults = 0, []

    def delivered(error, _message):
        nonlocal acknowledged
        if error is None:
            acknowledged += 1
        else:
            faults.append(str(error))

    for line in sys.stdin:
        event = json.loads(line)
        value = registry.encode(schema_id, event)
        while True:
            try:
                producer.produce(args.topic, key=event["case_id"].encode(), value=value, on_delivery=delivered)
                break
            except BufferError:  # the local queue is full: let it drain
                producer.poll(0.1)
        producer.poll(0)
    left = producer.flush(60)
    if faults or left:
        sys.exit(f"{len(faults)} events refused, {left} not acknowledged in time; first: {faults[:1]}")
    print(json.dumps({"acknowledged": acknowledged}))


if __name__ == "__main__":
    main()
