package clickhouse

import (
	"encoding/binary"
	"regexp"
	"strconv"
)

// clickhouse-go opens with this query and then expects all Native blocks at the revision it answers.
var helloPattern = regexp.MustCompile(`(?i)^\s*SELECT displayName\(\), version\(\), revision\(\), timezone\(\)\s*(FORMAT Native\s*)?;?\s*$`)

func (r *request) isHello() bool {
	return r.format == "Native" && r.params.Get("client_protocol_version") != "" && helloPattern.MatchString(r.sql)
}

// hello answers that query by hand, as one block at the client's own revision. The engine writes Native at
// revision 0 only, so that is what revision() says; everything after then needs no transcoding.
func (s *server) hello(o *response, r *request) error {
	revision, err := strconv.Atoi(r.params.Get("client_protocol_version"))
	if err != nil {
		return exception(36, "BAD_ARGUMENTS", "client_protocol_version is no number")
	}
	var b []byte
	text := func(v string) { b = append(binary.AppendUvarint(b, uint64(len(v))), v...) }
	if revision > 0 { // block info: no overflow, no bucket
		b = append(b, 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0)
	}
	b = append(b, 4, 1) // columns, rows
	for _, column := range [...][3]string{
		{"displayName()", "String", s.engine.name},
		{"version()", "String", s.engine.version},
		{"revision()", "UInt32", ""},
		{"timezone()", "String", s.engine.timezone},
	} {
		text(column[0])
		text(column[1])
		if revision >= 54454 { // no custom serialization
			b = append(b, 0)
		}
		if column[1] == "UInt32" {
			b = append(b, 0, 0, 0, 0)
		} else {
			text(column[2])
		}
	}
	_, err = o.Write(b)
	return err
}
