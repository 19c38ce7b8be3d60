package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
)

// An export holds one ledger for offline verification as JSON lines: a header, then a line for each record and checkpoint.
//
//	{"casetrail_export":1,"ledger":"casetrail/dev/0/1","vkey":"casetrail-dev+1f2e3d4c+..."}
//	{"sequence":0,"body":"<base64>"}
//	{"checkpoint":"casetrail/dev/0/1\n1\n<root>\n\n— casetrail-dev <signature>\n"}
//
// A checkpoint stands before the record after its last one. The header's key is a hint: what is trusted, the verifier says.
const exportVersion = 1

// maxLine bounds a line of an export: a body in base64, and some.
const maxLine = 2 * MaxBody

type exportHeader struct {
	Version int    `json:"casetrail_export"`
	Ledger  string `json:"ledger"`
	VKey    string `json:"vkey,omitempty"`
}

type exportLine struct {
	Sequence   *int64  `json:"sequence,omitempty"`
	Body       []byte  `json:"body,omitempty"`
	Checkpoint *string `json:"checkpoint,omitempty"`
}

// ExportWriter writes an export. Call Flush at the end.
type ExportWriter struct {
	w *bufio.Writer
	e *json.Encoder
}

// NewExportWriter begins an export of a ledger, whose first key is vkey.
func NewExportWriter(w io.Writer, ledger, vkey string) (*ExportWriter, error) {
	b := bufio.NewWriter(w)
	e := &ExportWriter{b, json.NewEncoder(b)}
	e.e.SetEscapeHTML(false)
	return e, e.e.Encode(exportHeader{exportVersion, ledger, vkey})
}

// Record writes a record's line.
func (e *ExportWriter) Record(sequence int64, body []byte) error {
	return e.e.Encode(exportLine{Sequence: &sequence, Body: body})
}

// Checkpoint writes a checkpoint's line.
func (e *ExportWriter) Checkpoint(note []byte) error {
	text := string(note)
	return e.e.Encode(exportLine{Checkpoint: &text})
}

// Flush hands everything to the underlying writer.
func (e *ExportWriter) Flush() error { return e.w.Flush() }

// VerifyExport reads one export and verifies it under a trusted key. progress, if not nil, is called after every record. The
// first fault ends it and is a *Fault that names ledger, sequence and field; it comes with the header's key, so that a
// caller can say that another one was trusted. Lines that are not of the format are faults too. Checkpoints that the caller
// has by another way must be of the same history: if not, its signer shows two.
func VerifyExport(r io.Reader, trusted note.Verifier, progress func(records int64), checkpoints ...[]byte) (rep Report, vkey string, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var h exportHeader
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &h) != nil || h.Version != exportVersion {
		return rep, "", fileFault(1, "header", errors.Join(lines.Err(), fmt.Errorf(`is not {"casetrail_export":%d,"ledger":...}`, exportVersion)))
	}
	v, err := NewVerifier(h.Ledger, trusted)
	if err != nil {
		return rep, h.VKey, err
	}
	for _, text := range checkpoints {
		if err := v.Checkpoint(text); err != nil {
			return rep, h.VKey, err
		}
	}
	n := int64(2)
	for ; lines.Scan(); n++ {
		if err := v.line(lines.Bytes(), n); err != nil {
			return rep, h.VKey, err
		}
		if progress != nil {
			progress(v.chain.Size())
		}
	}
	if err := lines.Err(); err != nil {
		return rep, h.VKey, v.chain.fault(fileFault(n, "line", err))
	}
	rep, err = v.Finish()
	return rep, h.VKey, err
}

// line takes one line of an export after the header.
func (v *Verifier) line(text []byte, n int64) error {
	var l exportLine
	if err := json.Unmarshal(text, &l); err != nil {
		return v.chain.fault(fileFault(n, "line", err))
	}
	switch {
	case l.Checkpoint != nil && l.Sequence == nil && l.Body == nil:
		return v.Checkpoint([]byte(*l.Checkpoint))
	case l.Checkpoint == nil && l.Sequence != nil:
		if err := v.Record(l.Body); err != nil {
			return err
		}
		if s := &v.chain.scratch; s.Sequence != *l.Sequence {
			return v.chain.at(s, "sequence", Malformed, fmt.Sprintf("stands in a line (%d) that says %d", n, *l.Sequence))
		}
		return nil
	}
	return v.chain.fault(fileFault(n, "line", errors.New("is neither a record nor a checkpoint")))
}

func fileFault(line int64, field string, err error) *Fault {
	return &Fault{Sequence: unknown, Field: field, Reason: Malformed, Detail: fmt.Sprintf("line %d: %v", line, err)}
}
