"""The Confluent wire format and the schema registry, as any producer or consumer outside Casetrail does them."""

import io
import json
import urllib.error
import urllib.request

import fastavro

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


class Registry:
    def __init__(self, url):
        self.url = url.rstrip("/")
        self.parsed = {}

    def _ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def register(self, subject, schema):
        """Registers schema (Avro JSON text), or finds it where it is registered, and returns its id."""
        return self._ask(f"/subjects/{subject}/versions", {"schema": schema})["id"]

    def latest(self, subject):
        return self._ask(f"/subjects/{subject}/versions/latest")["id"]

    def schema(self, schema_id):
        if schema_id not in self.parsed:
            text = self._ask(f"/schemas/ids/{schema_id}")["schema"]
            self.parsed[schema_id] = fastavro.parse_schema(json.loads(text))
        return self.parsed[schema_id]

    def encode(self, schema_id, record):
        out = io.BytesIO()
        out.write(b"\0" + schema_id.to_bytes(4, "big"))
        # strict: a misspelt field in a test is an error, and never a default that goes unnoticed
        fastavro.schemaless_writer(out, self.schema(schema_id), record, strict_allow_default=True)
        return out.getvalue()

    def decode(self, value):
        """Returns the record's full name and the record."""
        if len(value) < 5 or value[0] != 0:
            raise ValueError(f"not in the Confluent wire format: {value[:5]!r}")
        schema = self.schema(int.from_bytes(value[1:5], "big"))
        body = io.BytesIO(value[5:])
        record = fastavro.schemaless_reader(body, schema)
        if body.read(1):
            raise ValueError("bytes after the end of the record")
        return schema["name"], record


def security(args, user, password):
    """The settings of both Kafka clients for SCRAM-SHA-512, under the names that the caller's library gives them."""
    if not args.user:
        return {}
    with open(args.password_file, encoding="utf-8") as f:
        secret = f.read().strip()
    return {user: args.user, password: secret}


def kafka_arguments(parser, topic):
    parser.add_argument("--brokers", required=True, help="host:port, separated by commas")
    parser.add_argument("--registry", required=True, help="URL of the Confluent-compatible API")
    parser.add_argument("--topic", default=topic)
    parser.add_argument("--user", help="for SCRAM-SHA-512; plaintext without it")
    parser.add_argument("--password-file")
    parser.add_argument("--ca", help="PEM file of the authority that signed the brokers' certificates; no TLS without it")
