package clickhouse

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// header says what stands at the beginning of every block of a format and must be cut from all but the first.
type header struct {
	kind byte // 0 nothing, 'l' lines, 'c' CSV records, 'b' RowBinary strings
	n    int  // lines, records, or strings per column
}

// streamable holds the formats, in lower case, whose blocks can be put one after the other. All others frame
// their rows (JSON, Parquet, Pretty...) and are made as a whole.
var streamable = func() map[string]header {
	m := map[string]header{}
	for f := range strings.FieldsSeq("native tsv tabseparated tsvraw tabseparatedraw tskv csv jsoneachrow ndjson jsonlines " +
		"jsonstringseachrow jsoncompacteachrow jsoncompactstringseachrow rowbinary msgpack sqlinsert null") {
		m[f] = header{}
	}
	for kind, names := range map[byte]string{
		'l': "tsv tabseparated tsvraw tabseparatedraw jsoncompacteachrow jsoncompactstringseachrow",
		'c': "csv",
		'b': "rowbinary",
	} {
		for f := range strings.FieldsSeq(names) {
			m[f+"withnames"] = header{kind, 1}
			m[f+"withnamesandtypes"] = header{kind, 2}
		}
	}
	return m
}()

// cut returns the block without its header.
func (h header) cut(b []byte) []byte {
	switch h.kind {
	case 'l':
		for range h.n {
			_, b, _ = bytes.Cut(b, []byte{'\n'})
		}
	case 'c':
		for range h.n {
			b = cutRecord(b)
		}
	case 'b':
		columns, used := binary.Uvarint(b)
		if used <= 0 {
			return nil
		}
		b = b[used:]
		for range uint64(h.n) * columns {
			size, used := binary.Uvarint(b)
			if used <= 0 || size > uint64(len(b)-used) {
				return nil
			}
			b = b[uint64(used)+size:]
		}
	}
	return b
}

// cutRecord cuts one CSV record: a line feed between quotes doesn't end it.
func cutRecord(b []byte) []byte {
	quoted := false
	for i, c := range b {
		if c == '"' {
			quoted = !quoted
		} else if c == '\n' && !quoted {
			return b[i+1:]
		}
	}
	return nil
}

// contentType is the media type of a format, as ClickHouse gives it.
func contentType(format string) string {
	f := strings.ToLower(format)
	if strings.Contains(f, "eachrow") || strings.HasPrefix(f, "ndjson") {
		return "application/x-ndjson; charset=UTF-8"
	}
	for prefix, t := range map[string]string{
		"json": "application/json; charset=UTF-8",
		"xml":  "application/xml; charset=UTF-8",
		"csv":  "text/csv; charset=UTF-8",
		"tsv":  "text/tab-separated-values; charset=UTF-8", "tabs": "text/tab-separated-values; charset=UTF-8",
		"native": "application/octet-stream", "rowbinary": "application/octet-stream", "parquet": "application/octet-stream",
		"arrow": "application/octet-stream", "orc": "application/octet-stream", "avro": "application/octet-stream",
	} {
		if strings.HasPrefix(f, prefix) {
			return t
		}
	}
	return "text/plain; charset=UTF-8"
}
