"""Checks one ledger of an export as others would: its DSSE envelopes with securesystemslib, its Parquet with pyarrow.

Prints one JSON object: how many envelopes verify under the keys, and what columns and how many rows the Parquet file has.
A key is named on the command line as keyid=hex of the Ed25519 public key.
"""

import argparse
import json

import pyarrow.parquet
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envelopes", required=True, help="JSON lines")
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--parquet")
    args = parser.parse_args()

    keys = [key(*k.split("=")) for k in args.key]
    verified = 0
    with open(args.envelopes, encoding="utf-8") as lines:
        for line in lines:
            Envelope.from_dict(json.loads(line)).verify(keys, 1)  # raises
            verified += 1
    out = {"verified": verified}
    if args.parquet:
        table = pyarrow.parquet.read_table(args.parquet)
        out["columns"] = table.column_names
        out["rows"] = table.num_rows
        out["case_ids"] = table.column("case_id").to_pylist()
        out["handlers"] = table.column("handler").to_pylist()
    print(json.dumps(out, default=lambda v: v.decode()))


def key(keyid, public):
    return SSlibKey(keyid, "ed25519", "ed25519", {"public": public})


if __name__ == "__main__":
    main()
