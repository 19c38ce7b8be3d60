"""The manifest half of the second verifier (verify.py): a manifest's export and those of its ledgers, by docs/record-format.md. It prints one
verdict, {"ledger", "records", "root"} of the manifest, or the first fault, {"ledger", "sequence", "field", "reason"}.
"""

import json
import re
import sys
from base64 import b64encode
from hashlib import sha256

from verify import MAX_BODY, Fault, Ledger, attempt, decode, generation, head, is_name, need, open_note, parse_key, tree, verify_all

MINUTE, MOST = 60_000, 2**63 - 1


def number(text, field, most=MOST):
    need(re.fullmatch("0|[1-9][0-9]*", text) and int(text) <= most, field)
    return int(text)


def cut(name, what, field):  # name is deployment/environment/what/generation
    m = re.fullmatch(f"(.+)/{what}/([1-9][0-9]*)", name)
    need(is_name(name, ledger=True) and m and int(m[2]) <= MOST, field)
    return m[1], int(m[2])


def root_of(text, field):
    try:
        return head(f"x\n0\n{text}\n")[2]
    except Fault:
        raise Fault(None, field, "malformed") from None


def parse(text):
    lines = text.split("\n")
    need(len(text.encode()) <= MAX_BODY and len(lines) > 5 and lines[-1] == "", "leaf")
    prefix, _ = cut(lines[0], "manifest", "leaf.manifest")
    sequence, end = number(lines[1], "leaf.sequence"), number(lines[2], "leaf.end")
    need(end % MINUTE == 0, "leaf.end")
    previous, heads = root_of(lines[3], "leaf.previous"), []
    for p, line in enumerate(lines[4:-1]):
        f = line.split(" ")
        need(len(f) == 4, "leaf.heads")
        heads.append((f[0], number(f[1], "leaf.heads"), root_of(f[2], "leaf.heads"), number(f[3], "leaf.heads", MOST - 2 * MINUTE)))
        need(cut(f[0], p, "leaf.heads")[0] == prefix, "leaf.heads")
    return {"name": lines[0], "sequence": sequence, "end": end, "previous": previous, "heads": heads}


class Manifest:
    def __init__(self, name):
        self.name, self.leaves, self.leaf, self.note, self.promised = name, [], None, None, {}

    def take(self, text):
        leaf, before = parse(text), self.leaf
        need(leaf["name"] == self.name, "leaf.manifest", "other_ledger")
        need(leaf["sequence"] == len(self.leaves), "leaf.sequence", "gap")
        need(leaf["previous"] == (self.leaves or [bytes(32)])[-1], "leaf.previous", "broken_chain")
        if before:
            need(len(leaf["heads"]) == len(before["heads"]), "leaf.heads", "missing")
            until = min(time for *_, time in before["heads"])
            need(leaf["end"] == (until // MINUTE + 1) * MINUTE, "leaf.end", "gap")
        for p, (ledger, size, root, time) in enumerate(leaf["heads"]):
            need(time >= leaf["end"], "leaf.heads", "missing")
            was, least, known, promised = before["heads"][p] if before else (ledger, 0, tree([]), 0)
            if was != ledger:
                need(cut(ledger, p, "leaf.heads")[1] > cut(was, p, "leaf.heads")[1], "leaf.heads", "misconduct")
                least, known = 0, tree([])
            need(size >= least and time >= promised, "leaf.heads", "misconduct")
            need(size > least or root == known, "leaf.heads", "root_mismatch")
            self.promised.setdefault(ledger, {})[size] = (root, time)
        self.leaf, self.leaves = leaf, self.leaves + [sha256(b"\0" + text.encode()).digest()]

    def line(self, text):
        item = attempt(lambda: dict(json.loads(text).items()), "line")
        leaf, note = item.get("leaf"), item.get("checkpoint")
        need(self.note is None and (isinstance(leaf, str), isinstance(note, str)) in ((True, False), (False, True)), "line")
        if note is not None:
            self.note = note
        else:
            self.take(leaf)

    def finish(self, verified, key):
        for name in sorted(self.promised):
            need(name in verified or max(self.promised[name]) == 0, "leaf.heads", "missing", len(self.leaves) - 1)
        name, size, *_ = self.leaf["heads"][0] if self.leaf else ("", 0)
        origin, count, root = open_note(self.note, verified[name].key(size - 1) if name in verified else key)
        need(origin == self.name, "checkpoint.origin", "other_ledger")
        need(count == len(self.leaves), "checkpoint.size", "missing")
        need(root == tree(self.leaves), "checkpoint.root", "root_mismatch", count - 1)


def held(manifest, verified):  # ledgers that are held against the manifest's heads
    class Held(Ledger):
        def __init__(self, name, key):
            super().__init__(name, key)
            need(any(generation(n)[0] == generation(name)[0] for n in manifest.promised), "ledger", "other_ledger", 0)
            self.heads, self.until = dict(manifest.promised.get(name, {})), 0
            self.compare()

        def follow(self, before):
            super().follow(before)
            self.until = max(self.until, before.until)

        def record(self, body):
            size, until = len(self.leaves), self.until
            n = super().record(body)
            says = decode(body).get("part", {})
            for field, of in (("case.concluded_at", "concluded_at"), ("amendment.amended_at", "amended_at")):
                need(len(self.leaves) == size or says.get(of, until) >= until, field, "missing", n)
            return n

        def compare(self):
            super().compare()
            root, time = self.heads.pop(len(self.leaves), (None, 0))
            need(root in (None, tree(self.leaves)), "checkpoint.root", "root_mismatch", len(self.leaves) - 1)
            self.until = max(self.until, time)

        def finish(self):
            need(not self.heads or self.promised and self.promised[0][0] < min(self.heads), "checkpoint.size", "missing")
            super().finish()
            verified[self.name] = self

    return Held


def check(lines, paths, key):
    name, at, verified, manifest = "", -1, {}, None
    try:
        header = attempt(lambda: dict(json.loads(lines[0]).items()), "header")
        need(header.get("casetrail_manifest") == 1 and isinstance(header.get("ledger"), str), "header")
        need(is_name(header["ledger"], ledger=True), "ledger")
        name, manifest = header["ledger"], Manifest(header["ledger"])
        for line in lines[1:]:
            at = len(manifest.leaves)
            manifest.line(line)
        at = len(manifest.leaves)
        need(manifest.note is not None, "checkpoint", "missing")
        for verdict in verify_all(paths, key, held(manifest, verified)):
            if "reason" in verdict:
                return verdict
        manifest.finish(verified, key)
    except Fault as e:
        sequence, field, reason = e.args
        return {"ledger": name, "sequence": at if sequence is None else sequence, "field": field, "reason": reason}
    return {"ledger": name, "records": at, "root": b64encode(tree(manifest.leaves)).decode()}


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] == "--help":
        sys.exit(print("usage: manifest.py VKEY_FILE MANIFEST EXPORT..."))
    print(json.dumps(check(open(sys.argv[2], "rb").read().splitlines() or [b""], sys.argv[3:], parse_key(open(sys.argv[1]).read()))))
