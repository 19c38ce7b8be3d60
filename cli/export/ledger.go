package export

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/casetrail/casetrail/record"
)

// writer writes the files of one ledger.
type writer struct {
	files  []*os.File
	ledger *record.ExportWriter
	dsse   *bufio.Writer
	lines  *json.Encoder
	tiles  tiles
	dir    string
}

func newWriter(dir, ledger, vkey string) (w *writer, err error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	w = &writer{dir: dir, tiles: tiles{dir: dir}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	whole, err := w.create(recordsFile)
	if err != nil {
		return nil, err
	}
	if w.ledger, err = record.NewExportWriter(whole, ledger, vkey); err != nil {
		return nil, err
	}
	envelopes, err := w.create(envelopesFile)
	if err != nil {
		return nil, err
	}
	w.dsse = bufio.NewWriter(envelopes)
	w.lines = json.NewEncoder(w.dsse)
	return w, nil
}

func (w *writer) create(name string) (io.Writer, error) {
	f, err := os.Create(filepath.Join(w.dir, name))
	if err == nil {
		w.files = append(w.files, f)
	}
	return f, err
}

// envelope is a record as a DSSE envelope (https://github.com/secure-systems-lab/dsse). The record's signature is one over
// DSSE's pre-authentication encoding already, so nothing is signed anew.
type envelope struct {
	PayloadType string              `json:"payloadType"`
	Payload     []byte              `json:"payload"`
	Signatures  []envelopeSignature `json:"signatures"`
}

type envelopeSignature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// record writes the next record to all files.
func (w *writer) record(s *record.Signed) error {
	if err := w.tiles.append(s.Body); err != nil {
		return err
	}
	if err := w.ledger.Record(s.Sequence, s.Body); err != nil {
		return err
	}
	return w.lines.Encode(envelope{record.PayloadType, s.Payload, []envelopeSignature{{hex.EncodeToString(s.KeyID[:]), s.Signature[:]}}})
}

// finish writes the checkpoint over all of them.
func (w *writer) finish(note []byte) error {
	err := errors.Join(w.ledger.Checkpoint(note), w.ledger.Flush(), w.dsse.Flush(), w.tiles.finish(),
		os.WriteFile(filepath.Join(w.dir, "checkpoint"), note, 0o600))
	return errors.Join(err, w.close())
}

func (w *writer) close() (err error) {
	for _, f := range w.files {
		err = errors.Join(err, f.Close())
	}
	w.files = nil
	return err
}
