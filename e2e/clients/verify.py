"""verify.py VKEY_FILE EXPORT...: a second verifier, from docs/record-format.md alone. It says of each export {"ledger", "records", "root"}, or the first
fault, {"ledger", "sequence", "field", "reason"}. A ledger's generations are held against each other, in whatever order their files are given."""

import json
import re
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from io import BytesIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_BODY, REMEMBERED, NO_SOURCE = 65_535, 1024, (-1, -1, 0)
# The fields in order: s string, l long, i int, h hash, b boolean, S source, e and a number an enumeration, a signals, ? optional.
TOP = "previous_record_hash:h ledger:s sequence:l kind:e7 source:S"
PARTS = {
    "case": "workflow:s case_id:s case_type:s route:e3 handler:e2 ai_model_version:?s classifier_version:s policy_version:s resolution_outcome:e5"
    " customer_satisfaction_score:?i complaint_lodged:b escalation_triggered:b escalation_signals:a opened_at:l human_requested_at:?l escalated_at:?l"
    " human_joined_at:?l concluded_at:l customer_messages:i ai_messages:i human_messages:i guard_breach:b synthetic:b customer_commitment:h",
    "amendment": "amends:S case_id:s case_type:s route:e3 handler:e2 amended_at:l customer_satisfaction_score:?i complaint_lodged:b synthetic:b",
    "policy": "version:s sha256:h applied_at:l document:s",
} | {"key_rotation": "public_key:s from_sequence:l", "erasure": "case_ids_sha256:h erased_at:l"}
KINDS = ("genesis", *PARTS, "seal")


class Fault(Exception): ...


def need(holds, field, reason="malformed", sequence=None):
    if not holds:
        raise Fault(sequence, field, reason)


def attempt(fn, field, reason="malformed", sequence=None):
    try:
        return fn()
    except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature):
        raise Fault(sequence, field, reason) from None


class Reader(BytesIO):
    def take(self, field, n):
        need(len(data := self.read(max(n, 0))) == n, field)
        return data

    def flag(self, field, one):
        return attempt(lambda: {0: False, one: True}[self.take(field, 1)[0]], field)

    def number(self, field, bits=64, below=None):
        u, c, i = 0, 0x80, 0
        while c >= 0x80:
            c = self.take(field, 1)[0]
            need((i < 9 or i == 9 and c < 2) and (c > 0 or i == 0), field)
            u, i = u | (c & 0x7F) << (7 * i), i + 1
        v, half = (u >> 1) ^ -(u & 1), 2 ** (bits - 1)
        need(-half <= v < half if below is None else 0 <= v < below, field)
        return v

    def value(self, field, how):
        return {
            "?": lambda: self.value(field, how[1:]) if self.flag(field, 2) else None,
            "b": lambda: self.flag(field, 1),
            "h": lambda: self.take(field, 32),
            "S": lambda: tuple(self.value(field, x) for x in "ili"),
            "l": lambda: self.number(field),
            "i": lambda: self.number(field, bits=32),
            "e": lambda: self.number(field, below=int(how[1:])),
            "s": lambda: attempt(self.take(field, self.number(field)).decode, field),
            "a": lambda: (a := [self.number(field, below=9) for _ in range(self.number(field, below=MAX_BODY))]) and need(self.number(field) == 0, field) or a,
        }[how[0]]()

    def fields(self, prefix, spec):
        return {name: self.value(prefix + name, how) for name, how in (f.split(":") for f in spec.split())}


def decode(body):
    need(68 <= len(body) <= MAX_BODY, "body")
    r = Reader(body[:-68])
    out = r.fields("", TOP)
    out["kind"] = KINDS[out["kind"]]
    for part, spec in PARTS.items():
        need((held := r.flag(part, 2)) == (part == out["kind"]), part)
        out |= {"part": r.fields(part.removeprefix("key_") + ".", spec)} if held else {}
    need(not r.read(), "payload")
    return out


def conduct(r):  # yields what must hold, in order, with the field that is at fault where it does not
    kind, p = r["kind"], {"customer_satisfaction_score": None} | r.get("part", {})
    yield "customer_satisfaction_score", p["customer_satisfaction_score"] in (None, 1, 2, 3, 4, 5)
    yield "amendment", kind != "amendment" or p["customer_satisfaction_score"] or p["complaint_lodged"]
    yield "amendment.amends", kind != "amendment" or r["source"] > p["amends"]
    yield "policy.document", kind != "policy" or sha256(p["document"].encode()).digest() == p["sha256"]
    if kind == "case":
        yield "case.customer_messages", min(p[by + "_messages"] for by in ("customer", "ai", "human")) >= 0
        yield "case.guard_breach", p["ai_messages"] == 0 or p["guard_breach"] or p["route"] != 1 and p["case_type"] != "unknown"
        yield "case.escalation_triggered", not p["guard_breach"] or p["escalation_triggered"]
        yield "case.handler", (p["handler"] == 0) == (p["route"] == 0)
        yield "case.escalation_signals", p["escalation_triggered"] == (p["escalation_signals"] != [])
        yield "case.escalated_at", p["escalation_triggered"] == (p["escalated_at"] is not None)
        for name in ("concluded_at", "human_requested_at", "escalated_at", "human_joined_at"):
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
    need(text.count("\n") == 3 and text[-1] == "\n", "checkpoint")
    origin, size, text = text[:-1].split("\n")
    need(is_name(origin, ledger=True), "checkpoint.origin")
    need(re.fullmatch("0|[1-9][0-9]{0,18}", size) and int(size) < 2**63, "checkpoint.size")
    root = attempt(lambda: b64decode(text, validate=True), "checkpoint.root")
    need(len(root) == 32 and b64encode(root).decode() == text, "checkpoint.root")
    return origin, int(size), root


def open_note(note, key):
    text, gap, signatures = note.rpartition("\n\n")
    need(gap and signatures.endswith("\n") and len(note.encode()) <= MAX_BODY and not re.search("[\0-\x09\x0b-\x1f]", note), "checkpoint")
    ours = []
    for parts in (line.split(" ") for line in signatures[:-1].split("\n")):
        need(len(parts) == 3 and parts[0] == "\u2014" and is_name(parts[1]), "checkpoint")
        raw = attempt(lambda: b64decode(parts[2], validate=True), "checkpoint")
        need(len(raw) >= 5, "checkpoint")
        ours += [raw[4:]] if (parts[1], raw[:4]) == key[:2] else []
    need(ours, "checkpoint", "unknown_key")
    attempt(lambda: key[2].verify(ours[0], (text + "\n").encode()), "checkpoint", "bad_signature")
    return head(text + "\n")


def generation(name):  # what all generations of a ledger have in common, and which one it is
    m = re.fullmatch("(?:(.*)/)?([1-9][0-9]{0,8})", name)
    return (m[1] or "", int(m[2])) if m else (name, 0)


def tree(leaves):  # RFC 6962, 2.1
    k = 1 << max(len(leaves) - 1, 0).bit_length() >> 1
    return sha256(b"\x01" + tree(leaves[:k]) + tree(leaves[k:])).digest() if k else (leaves or [sha256().digest()])[0]


class Ledger:
    def __init__(self, name, key):
        self.name, self.keys, self.leaves, self.promised, self.source, self.sealed = name, [(0, key)], [], [], NO_SOURCE, False
        self.last = bytes(32) if generation(name)[1] < 2 else None  # not known, but not zeros

    def key(self, sequence):
        return [k for at, k in self.keys if at <= max(sequence, 0)][-1]

    def signature(self, body, n, blamed):
        need(body[-68:-64] == self.key(n)[1], "key_id", "unknown_key", blamed)
        pae = b"DSSEv1 48 application/vnd.casetrail.conduct-record.v1+avro %d %s" % (len(body) - 68, body[:-68])
        attempt(lambda: self.key(n)[2].verify(body[-64:], pae), "signature", "bad_signature", blamed)

    def record(self, body):
        r, size, leaf = decode(body), len(self.leaves), sha256(b"\x00" + body).digest()
        n, first, previous = r["sequence"], size == 0, r["previous_record_hash"]
        need(r["ledger"] == self.name, "ledger", "other_ledger")
        if n < size:
            need(n >= max(0, size - REMEMBERED), "sequence", "stale", n)
            if self.leaves[n] == leaf:
                return n
            self.signature(body, n, size)
            need(False, "sequence", "equivocation", n)
        need(n == size, "sequence", "gap")
        need(previous == self.last if self.last else previous != bytes(32), "previous_record_hash", "broken_chain")
        need(not self.sealed and (r["kind"] == "genesis") == first, "kind", "wrong_kind")
        need(r["source"] == NO_SOURCE if first else r["source"] > self.source, "source", "source_not_above")
        self.signature(body, n, n)
        if r["kind"] == "key_rotation":
            self.keys.append((n + 1, attempt(lambda: parse_key(r["part"]["public_key"]), "rotation.public_key", "bad_rotation")))
            need(r["part"]["from_sequence"] == n + 1, "rotation.from_sequence", "bad_rotation")
        self.leaves, self.last, self.source, self.sealed = self.leaves + [leaf], leaf, max(self.source, r["source"]), r["kind"] == "seal"
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
            need(open_note(note, self.key(size - 1))[2] == tree(self.leaves), "checkpoint.root", "root_mismatch", size - 1)

    def line(self, text):
        item = attempt(lambda: dict(json.loads(text).items()), "line")
        note, n = item.get("checkpoint"), item.get("sequence")
        body = attempt(lambda: b64decode(item.get("body") or "", validate=True), "line")
        need((isinstance(note, str), type(n) is int) in ((True, False), (False, True)) and not (note and body), "line")
        return self.checkpoint(note) if note is not None else need((said := self.record(body)) == n, "sequence", sequence=said)

    def finish(self):
        need(not (self.promised and open_note(self.promised[0][1], self.key(len(self.leaves)))), "checkpoint.size", "missing")


def named(line):  # the ledger that a header names
    header = attempt(lambda: dict(json.loads(line).items()), "header")
    need(header.get("casetrail_export") == 1 and isinstance(header.get("ledger"), str), "header")
    need(is_name(header["ledger"], ledger=True), "ledger")
    return header["ledger"]


def verify(lines, key, ended, make=Ledger):  # ended: the generations that were in order, by what they have in common
    name, at = "", -1
    try:
        ledger = make(name := named(lines[0]), key)
        (of, n), before = generation(name), ended.get(generation(name)[0])
        if before and n > (was := generation(before.name)[1]):
            name, at = (f"{of}/{was + 1}" if of else str(was + 1), 0) if before.sealed else (before.name, len(before.leaves))
            need(before.sealed and n == was + 1, "ledger", "other_ledger", at)
            ledger.keys, ledger.last, ledger.source = [(0, before.key(len(before.leaves)))], before.last, before.source
        for step in [lambda text=text: ledger.line(text) for text in lines[1:]] + [ledger.finish]:
            at = len(ledger.leaves)
            step()
    except Fault as e:
        sequence, field, reason = e.args
        return {"ledger": name, "sequence": at if sequence is None else sequence, "field": field, "reason": reason}
    ended[of] = ledger
    return {"ledger": name, "records": at, "root": b64encode(tree(ledger.leaves)).decode()}


def verify_all(paths, key, make=Ledger):  # the verdicts in the files' order; generations are verified from old to new
    files, ended = [open(path, "rb").read().splitlines() or [b""] for path in paths], {}
    from_old = sorted(range(len(files)), key=lambda i: int((re.findall(rb'[/"]([0-9]{1,9})"', files[i][0]) or [0])[0]))
    verdicts = {i: verify(files[i], key, ended, make) for i in from_old}
    return [verdicts[i] for i in sorted(verdicts)]


if __name__ == "__main__":  # verify.py VKEY_FILE EXPORT...
    print(__doc__) if "--help" in sys.argv else print(*map(json.dumps, verify_all(sys.argv[2:], parse_key(open(sys.argv[1]).read()))), sep="\n")
