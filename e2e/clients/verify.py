"""A second verifier of exports, written beside docs/record-format.md and sharing no code with the first. It prints a verdict for each file, one JSON object a line:
{"ledger", "records", "root"}, or the first fault, {"ledger", "sequence", "field", "reason"}.
"""

import json
import re
import sys
from base64 import b64decode, b64encode
from functools import reduce
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_BODY, REMEMBERED, NO_SOURCE = 65_535, 1024, (-1, -1, 0)
KINDS = ("genesis", "case", "amendment", "policy", "key_rotation", "erasure", "seal")
TYPE = b"application/vnd.casetrail.conduct-record.v1+avro"
# The fields in order: s string, l long, i int, h hash, b boolean, S source, e and a number an enumeration, a signals, ? optional.
TOP = "previous_record_hash:h ledger:s sequence:l kind:e7 source:S"
PARTS = {
    "case": "workflow:s case_id:s case_type:s route:e3 handler:e2 ai_model_version:?s classifier_version:s policy_version:s"
    " resolution_outcome:e5 customer_satisfaction_score:?i complaint_lodged:b escalation_triggered:b escalation_signals:a opened_at:l"
    " human_requested_at:?l escalated_at:?l human_joined_at:?l concluded_at:l customer_messages:i ai_messages:i human_messages:i"
    " guard_breach:b synthetic:b customer_commitment:h",
    "amendment": "amends:S case_id:s case_type:s route:e3 handler:e2 amended_at:l customer_satisfaction_score:?i complaint_lodged:b synthetic:b",
    "policy": "version:s sha256:h applied_at:l document:s",
    "key_rotation": "public_key:s from_sequence:l",
    "erasure": "case_ids_sha256:h erased_at:l",
}


class Fault(Exception):
    pass


def need(holds, field, reason="malformed", sequence=None):
    if not holds:
        raise Fault(sequence, field, reason)


def attempt(fn, field, reason="malformed", sequence=None):
    try:
        return fn()
    except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature):
        raise Fault(sequence, field, reason) from None


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, field, n):
        need(0 <= n <= len(self.data) - self.at, field)
        self.at += n
        return self.data[self.at - n : self.at]

    def flag(self, field, one):
        b = self.take(field, 1)[0]
        need(b in (0, one), field)
        return b == one

    def number(self, field, low, high):
        u = 0
        for i in range(10):
            c = self.take(field, 1)[0]
            need((i < 9 or c < 2) and (c > 0 or i == 0), field)
            u |= (c & 0x7F) << (7 * i)
            if c < 0x80:
                break
        v = (u >> 1) ^ -(u & 1)
        need(low <= v < high, field)
        return v

    def read(self, field, how):
        return {
            "?": lambda: self.read(field, how[1:]) if self.flag(field, 2) else None,
            "b": lambda: self.flag(field, 1),
            "h": lambda: self.take(field, 32),
            "S": lambda: tuple(self.read(field, x) for x in "ili"),
            "l": lambda: self.number(field, -(2**63), 2**63),
            "i": lambda: self.number(field, -(2**31), 2**31),
            "e": lambda: self.number(field, 0, int(how[1:])),
            "s": lambda: attempt(self.take(field, self.read(field, "l")).decode, field),
            "a": lambda: self.signals(field, self.number(field, 0, len(self.data) - self.at)),
        }[how[0]]()

    def signals(self, field, n):
        out = [self.read(field, "e9") for _ in range(n)]
        need(n == 0 or self.read(field, "l") == 0, field)
        return out

    def fields(self, prefix, spec):
        return {name: self.read(prefix + name, how) for name, how in (f.split(":") for f in spec.split())}


def decode(body):
    need(68 <= len(body) <= MAX_BODY, "body")
    r = Reader(body[:-68])
    out = r.fields("", TOP)
    for part, spec in PARTS.items():
        need(r.flag(part, 2) == (part == KINDS[out["kind"]]), part)
        if part == KINDS[out["kind"]]:
            out["part"] = r.fields(part.removeprefix("key_") + ".", spec)
    need(r.at == len(r.data), "payload")
    return out | {"kind": KINDS[out["kind"]]}


def conduct(r):  # yields what must hold, in order, with the field that is at fault where it does not
    p, kind = r.get("part", {}), r["kind"]
    score = p.get("customer_satisfaction_score")
    yield "customer_satisfaction_score", score is None or 1 <= score <= 5
    if kind == "amendment":
        yield "amendment", score is not None or p["complaint_lodged"]
        yield "amendment.amends", r["source"] > p["amends"]
    if kind == "policy":
        yield "policy.document", sha256(p["document"].encode()).digest() == p["sha256"]
    if kind == "case":
        human, silent = p["route"] == 1, p["ai_messages"] == 0
        yield "case.customer_messages", min(p["customer_messages"], p["ai_messages"], p["human_messages"]) >= 0
        yield "case.guard_breach", silent or p["guard_breach"] or not human and p["case_type"] != "unknown"
        yield "case.escalation_triggered", not p["guard_breach"] or p["escalation_triggered"]
        yield "case.handler", (p["handler"] == 0) == (p["route"] == 0)
        yield "case.escalation_signals", p["escalation_triggered"] == (p["escalation_signals"] != [])
        yield "case.escalated_at", p["escalation_triggered"] == (p["escalated_at"] is not None)
        yield "case.concluded_at", p["opened_at"] <= p["concluded_at"]
        for name in ("human_requested_at", "escalated_at", "human_joined_at"):
            yield "case." + name, p[name] is None or p["opened_at"] <= p[name] <= p["concluded_at"]


def is_name(s, ledger=False):
    return s != "" and "+" not in s and not any(c.isspace() for c in s) and (not ledger or s.isprintable() and len(s.encode()) <= 256)


def parse_key(text):
    name, ident, key = text.strip().split("+", 2)
    raw = b64decode(key, validate=True)
    digest = sha256(name.encode() + b"\n" + raw).digest()[:4]
    if not is_name(name) or len(raw) != 33 or raw[0] != 1 or len(ident) != 8 or bytes.fromhex(ident) != digest:
        raise ValueError("not a verifier key")
    return name, digest, Ed25519PublicKey.from_public_bytes(raw[1:])


def head(text):
    lines = text.split("\n")
    need(len(lines) == 4 and lines[3] == "", "checkpoint")
    need(is_name(lines[0], ledger=True), "checkpoint.origin")
    need(lines[1].isascii() and lines[1].isdigit() and len(lines[1]) < 20 and str(int(lines[1])) == lines[1] and int(lines[1]) < 2**63, "checkpoint.size")
    root = attempt(lambda: b64decode(lines[2], validate=True), "checkpoint.root")
    need(len(root) == 32 and b64encode(root).decode() == lines[2], "checkpoint.root")
    return lines[0], int(lines[1]), root


def open_note(note, key):
    text, gap, signatures = note.rpartition("\n\n")
    need(gap and signatures.endswith("\n") and len(note.encode()) <= MAX_BODY and not any(c < " " and c != "\n" for c in note), "checkpoint")
    verified = False
    for line in signatures[:-1].split("\n"):
        parts = line.split(" ")
        need(len(parts) == 3 and parts[0] == "\u2014" and is_name(parts[1]), "checkpoint")
        raw = attempt(lambda: b64decode(parts[2], validate=True), "checkpoint")
        need(len(raw) >= 5, "checkpoint")
        if (parts[1], raw[:4]) == key[:2] and not verified:
            attempt(lambda: key[2].verify(raw[4:], (text + "\n").encode()), "checkpoint", "bad_signature")
            verified = True
    need(verified, "checkpoint", "unknown_key")
    return head(text + "\n")


class Ledger:
    def __init__(self, name, key):
        self.name, self.keys, self.leaves, self.peaks, self.promised = name, [(0, key)], [], [], []
        self.source, self.sealed = NO_SOURCE, False

    def key(self, sequence):
        return [k for at, k in self.keys if at <= max(sequence, 0)][-1]

    def root(self):
        hashes = [h for _, h in reversed(self.peaks)] or [sha256().digest()]
        return reduce(lambda right, left: sha256(b"\x01" + left + right).digest(), hashes)

    def signature(self, body, n, blamed):
        key, payload = self.key(n), body[:-68]
        need(body[-68:-64] == key[1], "key_id", "unknown_key", blamed)
        pae = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE, len(payload), payload)
        attempt(lambda: key[2].verify(body[-64:], pae), "signature", "bad_signature", blamed)

    def record(self, body):
        r, size, leaf = decode(body), len(self.leaves), sha256(b"\x00" + body).digest()
        n, first = r["sequence"], size == 0
        need(r["ledger"] == self.name, "ledger", "other_ledger")
        if n < size:
            need(n >= max(0, size - REMEMBERED), "sequence", "stale", n)
            if self.leaves[n] == leaf:
                return n
            self.signature(body, n, size)
            raise Fault(n, "sequence", "equivocation")
        need(n == size, "sequence", "gap")
        before = bytes(32) if first else self.leaves[-1]
        later = first and re.search(r"(^|/)([2-9]|[1-9][0-9]{1,8})$", self.name)  # a generation that follows a seal
        need((r["previous_record_hash"] == before) != bool(later), "previous_record_hash", "broken_chain")
        need(not self.sealed and (r["kind"] == "genesis") == first, "kind", "wrong_kind")
        need(r["source"] == NO_SOURCE if first else r["source"] > self.source, "source", "source_not_above")
        self.signature(body, n, n)
        if r["kind"] == "key_rotation":
            key = attempt(lambda: parse_key(r["part"]["public_key"]), "rotation.public_key", "bad_rotation")
            need(r["part"]["from_sequence"] == n + 1, "rotation.from_sequence", "bad_rotation")
            self.keys.append((n + 1, key))
        self.leaves.append(leaf)
        self.source, self.sealed, count = r["source"], r["kind"] == "seal", 1
        while self.peaks and self.peaks[-1][0] == count:
            leaf = sha256(b"\x01" + self.peaks.pop()[1] + leaf).digest()
            count *= 2
        self.peaks.append((count, leaf))
        for field, holds in conduct(r):
            need(holds, field, "misconduct", n)
        self.compare()
        return n

    def checkpoint(self, note):
        need("\n\n" in note, "checkpoint")
        origin, size, _ = head(note.split("\n\n")[0] + "\n")
        need(origin == self.name, "checkpoint.origin", "other_ledger")
        need(size >= len(self.leaves), "checkpoint.size")
        self.promised = sorted([(size, note), *self.promised], key=lambda p: p[0])
        self.compare()

    def compare(self):
        while self.promised and self.promised[0][0] == len(self.leaves):
            size, note = self.promised.pop(0)
            need(open_note(note, self.key(size - 1))[2] == self.root(), "checkpoint.root", "root_mismatch", size - 1)

    def line(self, text):
        item = attempt(lambda: json.loads(text), "line")
        need(isinstance(item, dict), "line")
        note, n = item.get("checkpoint"), item.get("sequence")
        body = attempt(lambda: b64decode(item.get("body") or "", validate=True), "line")
        need((isinstance(note, str), type(n) is int) in ((True, False), (False, True)) and not (note and body), "line")
        if note is not None:
            return self.checkpoint(note)
        said = self.record(body)
        need(said == n, "sequence", sequence=said)

    def finish(self):
        for _, note in self.promised[:1]:
            open_note(note, self.key(len(self.leaves)))
            need(False, "checkpoint.size", "missing")


def verify(lines, key):
    name, ledger, at = "", None, -1
    try:
        header = attempt(lambda: json.loads(lines[0]), "header")
        need(isinstance(header, dict) and header.get("casetrail_export") == 1 and isinstance(header.get("ledger"), str), "header")
        need(is_name(header["ledger"], ledger=True), "ledger")
        name = header["ledger"]
        ledger = Ledger(name, key)
        for step in [lambda text=text: ledger.line(text) for text in lines[1:]] + [ledger.finish]:
            at = len(ledger.leaves)
            step()
    except Fault as e:
        sequence, field, reason = e.args
        return {"ledger": name, "sequence": at if sequence is None else sequence, "field": field, "reason": reason}
    return {"ledger": name, "records": len(ledger.leaves), "root": b64encode(ledger.root()).decode()}


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] == "--help":
        sys.exit(print("usage: verify.py VKEY_FILE EXPORT..."))
    trusted = parse_key(open(sys.argv[1], encoding="utf-8").read())
    for path in sys.argv[2:]:
        print(json.dumps(verify(open(path, "rb").read().splitlines() or [b""], trusted)))
