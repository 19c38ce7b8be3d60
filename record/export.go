package record

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

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

// writeSize is how much is written at once.
const writeSize = 64 << 10

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
	w    *bufio.Writer
	line []byte
}

// NewExportWriter begins an export of a ledger, whose first key is vkey.
func NewExportWriter(w io.Writer, ledger, vkey string) (*ExportWriter, error) {
	e := &ExportWriter{w: bufio.NewWriterSize(w, writeSize)}
	return e, e.write(exportHeader{exportVersion, ledger, vkey})
}

// What a record's line has around its sequence and its body.
const (
	beforeSequence = `{"sequence":`
	beforeBody     = `,"body":"`
	afterBody      = `"}`
)

// Record writes a record's line.
func (e *ExportWriter) Record(sequence int64, body []byte) error {
	e.line = strconv.AppendInt(append(e.line[:0], beforeSequence...), sequence, 10)
	e.line = base64.StdEncoding.AppendEncode(append(e.line, beforeBody...), body)
	e.line = append(e.line, afterBody+"\n"...)
	_, err := e.w.Write(e.line)
	return err
}

// Checkpoint writes a checkpoint's line.
func (e *ExportWriter) Checkpoint(note []byte) error {
	text := string(note)
	return e.write(exportLine{Checkpoint: &text})
}

func (e *ExportWriter) write(line any) error {
	j := json.NewEncoder(e.w)
	j.SetEscapeHTML(false)
	return j.Encode(line)
}

// Flush hands everything to the underlying writer.
func (e *ExportWriter) Flush() error { return e.w.Flush() }

// VerifyExport reads one export and verifies it under a trusted key, signatures on all cores. progress, if not nil, is called
// after every line. The first fault ends it and is a *Fault that names ledger, sequence and field; it comes with the header's
// key, so that a caller can say that another one was trusted. Lines that are not of the format are faults too. Signed notes
// that the caller has by another way count: checkpoints must be of the same history, or its signer shows two; by
// revocations keys are refused.
func VerifyExport(r io.Reader, trusted note.Verifier, progress func(records int64), notes ...[]byte) (rep Report, vkey string, err error) {
	return verifyExport(r, false, progress, alone(trusted, notes))
}

// VerifyExportUnsigned is VerifyExport without the records' signatures, as AcceptUnverified is Accept: chain, tree and
// conduct are checked, and the signatures of checkpoints and key rotations. So what the report has as covered is what the
// checkpoint's signer committed to; nobody is known to have signed the records after it.
func VerifyExportUnsigned(r io.Reader, trusted note.Verifier, progress func(records int64), notes ...[]byte) (rep Report, vkey string, err error) {
	return verifyExport(r, true, progress, alone(trusted, notes))
}

// alone begins with a ledger of which nothing else is known but some notes.
func alone(trusted note.Verifier, notes [][]byte) func(ledger string) (*Verifier, error) {
	return func(ledger string) (*Verifier, error) {
		v, err := NewVerifier(ledger, trusted)
		for _, text := range notes {
			if err == nil && !IsRevocation(text) {
				err = v.Checkpoint(text)
			} else if err == nil {
				var r Revocation
				if r, err = OpenRevocation(text); err == nil {
					v.Revoke(r)
				}
			}
		}
		return v, err
	}
}

// verifyExport is VerifyExport; begin makes the empty ledger that the header names.
func verifyExport(r io.Reader, unsigned bool, progress func(int64), begin func(ledger string) (*Verifier, error)) (rep Report, vkey string, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var h exportHeader
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &h) != nil || h.Version != exportVersion {
		return rep, "", fileFault(1, "header", errors.Join(lines.Err(), fmt.Errorf(`is not {"casetrail_export":%d,"ledger":...}`, exportVersion)))
	}
	v, err := begin(h.Ledger)
	if err != nil {
		return rep, h.VKey, err
	}
	f, n := v.Feed(unsigned, progress), int64(2)
	for ; lines.Scan() && f.line(lines.Bytes(), n); n++ {
	}
	if err := lines.Err(); err != nil {
		f.add(func(it *item) { it.err = fileFault(n, "line", err) })
	}
	rep, err = f.Finish()
	return rep, h.VKey, err
}

// ExportedLedger is the ledger that an export's header names; empty where there is none.
func ExportedLedger(r io.Reader) string {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4<<10), maxLine)
	var h exportHeader
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &h) != nil {
		return ""
	}
	return h.Ledger
}

func fileFault(line int64, field string, err error) *Fault {
	return &Fault{Sequence: unknown, Field: field, Reason: Malformed, Detail: fmt.Sprintf("line %d: %v", line, err)}
}
