package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// An export of the manifest ledger is JSON lines as well: a header, a line for each leaf, and at the end the checkpoint over them.
//
//	{"casetrail_manifest":1,"ledger":"casetrail/dev/manifest/1"}
//	{"leaf":"casetrail/dev/manifest/1\n0\n1760000040000\n..."}
//	{"checkpoint":"casetrail/dev/manifest/1\n1\n<root>\n\n— casetrail-dev <signature>\n"}
type manifestHeader struct {
	Version int    `json:"casetrail_manifest"`
	Ledger  string `json:"ledger"`
}

type manifestLine struct {
	Leaf       *string `json:"leaf,omitempty"`
	Checkpoint *string `json:"checkpoint,omitempty"`
}

// NewManifestWriter begins an export of a manifest ledger.
func NewManifestWriter(w io.Writer, name string) (*ExportWriter, error) {
	e := &ExportWriter{w: bufio.NewWriterSize(w, writeSize)}
	return e, e.write(manifestHeader{exportVersion, name})
}

// Leaf writes a manifest leaf's line.
func (e *ExportWriter) Leaf(text string) error { return e.write(manifestLine{Leaf: &text}) }

// ManifestExport is a manifest ledger that was read from an export, and what the exports of its ledgers showed. Read it, have an Audit verify
// every ledger under it, and then call Finish.
type ManifestExport struct {
	*Manifest
	note     string
	promises map[string][]Promise // by ledger: of each size the one of the latest time
	verified map[string]bool
	signs    note.Verifier // the key that signed the last record that the manifest has of its first partition
}

// ReadManifest reads an export of a manifest ledger and checks everything but its signature, which Finish does, since the first
// partition's ledger says which key signs. The first fault ends it and is a *Fault.
func ReadManifest(r io.Reader) (*ManifestExport, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var h manifestHeader
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &h) != nil || h.Version != exportVersion {
		return nil, fileFault(1, "header", errors.Join(lines.Err(), fmt.Errorf(`is not {"casetrail_manifest":%d,"ledger":...}`, exportVersion)))
	}
	m, err := NewManifest(h.Ledger)
	if err != nil {
		return nil, err
	}
	e := &ManifestExport{Manifest: m, promises: map[string][]Promise{}, verified: map[string]bool{}}
	fault := func(n int64, err error) (*ManifestExport, error) {
		return nil, m.fault(m.Size(), "line", Malformed, fileFault(n, "", err).Detail)
	}
	n := int64(2)
	for ; lines.Scan(); n++ {
		var l manifestLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fault(n, err)
		}
		switch {
		case e.note != "" || (l.Leaf == nil) == (l.Checkpoint == nil):
			return fault(n, errors.New("is not a leaf before the checkpoint, which is the last line"))
		case l.Checkpoint != nil:
			e.note = *l.Checkpoint
			continue
		}
		if err := m.Accept(*l.Leaf); err != nil {
			return nil, err
		}
		e.promise(m.leaf.Heads)
	}
	if err := lines.Err(); err != nil {
		return fault(n, err)
	}
	if e.note == "" {
		return nil, m.fault(m.Size(), "checkpoint", Missing, "the last line is not a checkpoint: the file was cut")
	}
	return e, nil
}

func (e *ManifestExport) promise(heads []Promise) {
	for _, h := range heads {
		all := e.promises[h.Ledger]
		if n := len(all); n > 0 && all[n-1].Size == h.Size {
			all[n-1] = h
		} else {
			e.promises[h.Ledger] = append(all, h)
		}
	}
}

// hold has a ledger of the manifest's held against every head that the manifest has of it: its size, its root, and that nothing is missing that its time
// promises. The manifest need not have the newest generation of a partition yet, nor one that was sealed within a minute.
func (e *ManifestExport) hold(v *Verifier) error {
	ledger := v.chain.ledger
	if !e.has(ledger) {
		return v.chain.fault(&Fault{Field: "ledger", Reason: OtherLedger, Detail: fmt.Sprintf("is none of those that the manifest %s has", e.name)})
	}
	for _, p := range e.promises[ledger] {
		if err := v.Promise(p); err != nil {
			return err
		}
	}
	v.finished = append(v.finished, func(Report) {
		e.verified[ledger] = true
		if h := e.leaf.Heads[0]; h.Ledger == ledger {
			e.signs = v.chain.Key(h.Size - 1)
		}
	})
	return nil
}

// has tells whether the manifest has a ledger, or another generation of it.
func (e *ManifestExport) has(ledger string) bool {
	prefix, _ := Generation(ledger)
	for l := range e.promises {
		if p, _ := Generation(l); p == prefix {
			return true
		}
	}
	return false
}

// Finish verifies the checkpoint, under the key that signed the last record that the manifest has of its first partition, or the
// trusted one where that has no record; and that the export of every ledger that has a record was verified.
func (e *ManifestExport) Finish(trusted note.Verifier) error {
	for _, l := range e.Ledgers() {
		if all := e.promises[l]; !e.verified[l] && all[len(all)-1].Size > 0 {
			return e.fault(e.Size()-1, "leaf.heads", Missing, fmt.Sprintf("ledger %s has %d records by the manifest; its export is missing", l, all[len(all)-1].Size))
		}
	}
	if e.signs == nil {
		e.signs = trusted
	}
	_, err := e.Verify([]byte(e.note), e.signs)
	return err
}

// Ledgers are the names of all ledgers that the manifest has heads of, sorted.
func (e *ManifestExport) Ledgers() []string {
	var all []string
	for l := range e.promises {
		all = append(all, l)
	}
	slices.SortFunc(all, strings.Compare)
	return all
}
