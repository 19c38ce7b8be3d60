package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/casetrail/casetrail/record"
)

// takeManifest reads the manifest's export, where one of the files is it, and gives the other files.
func takeManifest(files []string, out io.Writer) (m *record.ManifestExport, ledgers []string, err error) {
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		r := bufio.NewReader(f)
		if first, _ := r.Peek(len(manifestBegins)); !bytes.Equal(first, []byte(manifestBegins)) { // what else is wrong shows later
			f.Close()
			ledgers = append(ledgers, path)
			continue
		}
		if m != nil {
			err = fmt.Errorf("a second manifest: a deployment has one")
		} else {
			m, err = record.ReadManifest(r)
		}
		f.Close()
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		fmt.Fprintf(out, "%s: manifest %s: %d leaves, %d ledgers: encoding and chain checked\n", path, m.Name(), m.Size(), len(m.Ledgers()))
	}
	if len(ledgers) == 0 {
		return nil, nil, fmt.Errorf("only a manifest is given: name the exports of its ledgers too")
	}
	return m, ledgers, nil
}

const manifestBegins = `{"casetrail_manifest":`
