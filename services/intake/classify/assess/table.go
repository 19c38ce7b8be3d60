package assess

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/services/intake/classify"
)

// Labelled is a message whose type is known.
type Labelled struct {
	Text  string
	Truth int
	Also  Set
}

// maxTable bounds how much of a file is read.
const maxTable = 256 << 20

// ErrTable is wrapped by every error of ReadTable.
var ErrTable = errors.New("not a file of labelled messages")

// ReadTable reads comma-separated values (RFC 4180; a byte order mark and any line ends are welcome) whose first row
// names the columns: text, case_type and, if there is one, alt_types (other defensible types, separated by | ; or
// blanks). Other columns are passed over. The first thing that is wrong is told with its line.
func ReadTable(in io.Reader) ([]Labelled, error) {
	limited := &io.LimitedReader{R: in, N: maxTable + 1}
	lines := csv.NewReader(&skipMark{in: limited})
	lines.FieldsPerRecord = -1
	lines.ReuseRecord = true
	head, err := lines.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: it is empty; the first row must name the columns text and case_type", ErrTable)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	names := make([]string, len(head))
	for i, name := range head {
		names[i] = strings.ToLower(strings.TrimSpace(name))
	}
	text, kind, also := slices.Index(names, "text"), slices.Index(names, "case_type"), slices.Index(names, "alt_types")
	for _, missing := range []struct {
		at   int
		name string
	}{{text, "text"}, {kind, "case_type"}} {
		if missing.at < 0 {
			return nil, fmt.Errorf("%w: no column %s; the first row has %s", ErrTable, missing.name, strings.Join(names, ", "))
		}
	}
	columns := len(names)
	var rows []Labelled
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if limited.N <= 0 {
			return nil, fmt.Errorf("%w: it is larger than %d MB; split it", ErrTable, maxTable>>20)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTable, err)
		}
		line, _ := lines.FieldPos(0)
		if len(fields) != columns {
			return nil, fmt.Errorf("%w: line %d has %d columns, the first row %d; a text with commas needs quotes", ErrTable, line, len(fields), columns)
		}
		row := Labelled{Text: strings.Clone(fields[text])}
		if row.Truth, err = TypeOf(strings.TrimSpace(fields[kind])); err != nil {
			return nil, fmt.Errorf("%w: line %d, column case_type: %w", ErrTable, line, err)
		}
		if also >= 0 {
			for _, name := range strings.FieldsFunc(fields[also], separates) {
				k, err := TypeOf(name)
				if err != nil {
					return nil, fmt.Errorf("%w: line %d, column alt_types: %w", ErrTable, line, err)
				}
				row.Also.Add(k)
			}
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: it has no row under the names of its columns", ErrTable)
	}
	return rows, nil
}

func separates(r rune) bool { return strings.ContainsRune("|;, \t\n[]'\"", r) }

// skipMark passes over a byte order mark.
type skipMark struct {
	in      io.Reader
	started bool
}

func (s *skipMark) Read(p []byte) (int, error) {
	if s.started || len(p) < 3 {
		return s.in.Read(p)
	}
	s.started = true
	n, err := io.ReadAtLeast(s.in, p, 3)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if n >= 3 && p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF {
		n = copy(p, p[3:n])
	}
	return n, err
}

// Look makes a row of what the classifier found of a message of a known type.
func Look(found classify.Finding, truth int, also Set) (Row, error) {
	said, err := TypeOf(found.CaseType)
	return Row{Truth: truth, Also: also, Said: said, Probability: found.Probability, AI: found.AIProbability}, err
}
