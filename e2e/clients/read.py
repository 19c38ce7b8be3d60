"""Reads what an analyst reads from ClickHouse, over its HTTP interface, and prints one JSON object: rows per relation."""

import argparse
import json

import clickhouse_connect

RELATIONS = ("cases", "segment_windows_1h", "escalations")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="such as http://127.0.0.1:8123")
    parser.add_argument("--database", default="default")
    parser.add_argument("--user", default="default")
    parser.add_argument("--password-file")
    parser.add_argument("relations", nargs="*", default=RELATIONS, help="tables or views; %(default)s")
    args = parser.parse_args()
    password = ""
    if args.password_file:
        with open(args.password_file, encoding="utf-8") as f:
            password = f.read().strip()

    client = clickhouse_connect.get_client(
        dsn=args.url, database=args.database, username=args.user, password=password, autogenerate_session_id=False
    )
    out = {}
    for relation in args.relations:
        # identifiers can't be bound on the client's side; the server takes them as a parameter of type Identifier
        result = client.query("SELECT * FROM {relation:Identifier}", parameters={"relation": relation})
        out[relation] = list(result.named_results())
    print(json.dumps(out, default=readable))


def readable(value):
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


if __name__ == "__main__":
    main()
