package record

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Promise is a ledger's head and what it promises: nothing that is concluded before Time (milliseconds since 1970-01-01 UTC) is missing
// from its records.
type Promise struct {
	Head
	Time int64
}

// ManifestLeaf is an entry of the manifest ledger: of every partition of a deployment, the first checkpoint at or after
// the end of a minute. So one root covers the deployment, and a partition that is left out shows.
type ManifestLeaf struct {
	Manifest string // the manifest ledger's name: deployment/environment/manifest/generation
	Sequence int64  // 0, 1, 2, ...
	End      int64  // the minute's end, milliseconds since 1970-01-01 UTC
	Previous Hash   // leaf hash of the entry before it; zeros in the first one
	Heads    []Promise
}

// ManifestName is the name of a deployment's manifest ledger. prefix is what the names of its ledgers begin with:
// deployment/environment.
func ManifestName(prefix string, generation int64) string {
	return fmt.Sprintf("%s/manifest/%d", prefix, generation)
}

// minute is how far the ends of manifest leaves are apart, in milliseconds.
const minute = 60_000

// maxTime is the latest time that a manifest names: it leaves room for the minute's end after it.
const maxTime = math.MaxInt64 - 2*minute

// DueAfter is the end of the first minute that ends after a time.
func DueAfter(time int64) int64 { return (time/minute + 1) * minute }

// Text is the leaf's text, its one encoding: lines of the manifest, the sequence, the end, base64 of the previous hash, and for every
// partition "ledger size root time".
func (l *ManifestLeaf) Text() string {
	b := fmt.Appendf(nil, "%s\n%d\n%d\n%s\n", l.Manifest, l.Sequence, l.End, base64.StdEncoding.EncodeToString(l.Previous[:]))
	for _, h := range l.Heads {
		b = fmt.Appendf(b, "%s %d %s %d\n", h.Ledger, h.Size, base64.StdEncoding.EncodeToString(h.Root[:]), h.Time)
	}
	return string(b)
}

// Until is up to when nothing is missing: the least time of its heads.
func (l *ManifestLeaf) Until() int64 {
	until := int64(math.MaxInt64)
	for _, h := range l.Heads {
		until = min(until, h.Time)
	}
	return until
}

// ParseManifestLeaf is the inverse of Text. Errors are a *Fault.
func ParseManifestLeaf(text string) (l ManifestLeaf, err error) {
	bad := func(field, detail string) (ManifestLeaf, error) {
		return ManifestLeaf{}, &Fault{Sequence: unknown, Field: field, Reason: Malformed, Detail: detail}
	}
	if len(text) > MaxBody {
		return bad("leaf", fmt.Sprintf("%d bytes", len(text)))
	}
	lines := strings.Split(text, "\n")
	n := len(lines) - 1
	if n < 5 || lines[n] != "" {
		return bad("leaf", "is not lines of manifest, sequence, end, previous hash, and a head for each partition")
	}
	if err := CheckLedger(lines[0]); err != nil {
		return bad("leaf.manifest", err.(*Fault).Detail)
	}
	prefix, generation, ok := cutGeneration(lines[0], "manifest")
	if l.Manifest = lines[0]; !ok || generation < 1 {
		return bad("leaf.manifest", fmt.Sprintf("%.300q is not deployment/environment/manifest/generation", lines[0]))
	}
	if l.Sequence, ok = parseNumber(lines[1]); !ok {
		return bad("leaf.sequence", fmt.Sprintf("%.32q is not a number", lines[1]))
	}
	if l.End, ok = parseNumber(lines[2]); !ok || l.End%minute != 0 {
		return bad("leaf.end", fmt.Sprintf("%.32q is not the end of a minute, in milliseconds", lines[2]))
	}
	if l.Previous, ok = parseHash(lines[3]); !ok {
		return bad("leaf.previous", fmt.Sprintf("%.64q is not base64 of 32 bytes", lines[3]))
	}
	for p, line := range lines[4:n] {
		h, ok := parsePromise(line)
		if !ok {
			return bad("leaf.heads", fmt.Sprintf("%.400q is not ledger, size, root and time", line))
		}
		if of, g, ok := cutGeneration(h.Ledger, strconv.Itoa(p)); !ok || of != prefix || g < 1 {
			return bad("leaf.heads", fmt.Sprintf("the head in place %d is of ledger %.300q, not of %s/%d/ and a generation: a partition is left out, or another deployment's", p, h.Ledger, prefix, p))
		}
		l.Heads = append(l.Heads, h)
	}
	return l, nil
}

func parsePromise(line string) (h Promise, ok bool) {
	f := strings.Split(line, " ")
	if len(f) != 4 || CheckLedger(f[0]) != nil {
		return h, false
	}
	var size, root, time bool
	h.Ledger = f[0]
	h.Size, size = parseNumber(f[1])
	h.Root, root = parseHash(f[2])
	h.Time, time = parseNumber(f[3])
	return h, size && root && time && h.Time <= maxTime
}

// cutGeneration takes a name apart that ends in /what/generation.
func cutGeneration(name, what string) (prefix string, generation int64, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", 0, false
	}
	generation, number := parseNumber(name[i+1:])
	prefix, ok = strings.CutSuffix(name[:i], "/"+what)
	return prefix, generation, ok && number && prefix != ""
}
