package avro

import (
	"strings"
	"testing"
)

func rec(fields string) string {
	return `{"type":"record","name":"R","namespace":"n","fields":[` + fields + `]}`
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                              "not JSON",
		`"int" "int"`:                    "not JSON",
		`7`:                              "where a type should be",
		`"n.Unknown"`:                    "not defined",
		`[]`:                             "without branches",
		`["int","int"]`:                  "twice",
		`["int",["null"]]`:               "inside a union",
		`{"type":"array"}`:               "without \"items\"",
		`{"items":"int"}`:                "without \"type\"",
		`{"type":"map","values":"what"}`: "not defined",
		`{"type":"enum","name":"E"}`:     "without symbols",
		`{"type":"enum","name":"E","symbols":["a","a"]}`:                                                          "twice",
		`{"type":"enum","name":"E","symbols":["a-b"]}`:                                                            "not a name",
		`{"type":"enum","name":"E","symbols":["a"],"default":"b"}`:                                                "not one of the symbols",
		`{"type":"fixed","name":"F","size":-1}`:                                                                   "number of bytes",
		`{"type":"fixed","name":"F"}`:                                                                             "number of bytes",
		`{"type":"record","name":"9","fields":[]}`:                                                                "not a name",
		`{"type":"record","name":"R","namespace":"a..b","fields":[]}`:                                             "not a name",
		`{"type":"record","name":"R"}`:                                                                            "without fields",
		rec(`{"name":"a","type":"int"},{"name":"a","type":"int"}`):                                                "taken",
		rec(`{"name":"a"}`):                                                                                       "where a type should be",
		rec(`{"name":"a","type":"int","default":"x"}`):                                                            "default of n.R.a",
		rec(`{"name":"a","type":"int","default":4294967296}`):                                                     "is no int",
		rec(`{"name":"a","type":"int","default":null}`):                                                           "is no int",
		rec(`{"name":"a","type":["null","int"],"default":1}`):                                                     "is no null",
		rec(`{"name":"a","type":{"type":"fixed","name":"F","size":2},"default":"x"}`):                             "is no n.F",
		rec(`{"name":"a","type":"bytes","default":"\u0100"}`):                                                     "is no bytes",
		rec(`{"name":"a","type":{"type":"array","items":"int"},"default":[1,"x"]}`):                               "is no int",
		rec(`{"name":"a","type":{"type":"record","name":"S","fields":[{"name":"b","type":"int"}]},"default":{}}`): "n.S.b is missing",
		rec(`{"name":"a","type":{"type":"enum","name":"R","symbols":["x"]}}`):                                     "defined twice",
		strings.Repeat(`{"type":"array","items":`, 100) + `"int"` + strings.Repeat("}", 100):                      "nested deeper",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %q", text, err, want)
		}
	}
}

func TestParseTakes(t *testing.T) {
	for _, text := range []string{
		`"string"`,
		`{"type":{"type":"string"}}`,
		`{"type":"long","logicalType":"timestamp-millis"}`,
		rec(`{"name":"next","type":["null","R"],"default":null}`),
		rec(`{"name":"a","type":{"type":"map","values":["null","n.R"]},"default":{"x":null}}`),
		rec(`{"name":"a","type":["int","string"],"default":-7},{"name":"b","type":"double","default":1e3}`),
		rec(`{"name":"a","type":{"type":"enum","name":"E","symbols":["x"],"default":"x"},"default":"x"}`),
		rec(`{"name":"a","type":{"type":"record","name":"S","fields":[{"name":"b","type":"int","default":1}]},"default":{}}`),
	} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestUnreadable(t *testing.T) {
	enum := func(symbols, more string) string {
		return `{"type":"enum","name":"E","symbols":[` + symbols + `]` + more + `}`
	}
	for _, c := range []struct{ name, writer, reader, want string }{
		{"same", rec(`{"name":"a","type":"int"}`), rec(`{"name":"a","type":"int"}`), ""},
		{"field with a default added", rec(``), rec(`{"name":"a","type":"int","default":0}`), ""},
		{"field without a default added", rec(``), rec(`{"name":"a","type":"int"}`), "READER_FIELD_MISSING_DEFAULT_VALUE: n.R.a"},
		{"field removed", rec(`{"name":"a","type":"int"}`), rec(``), ""},
		{"field renamed with an alias", rec(`{"name":"a","type":"int"}`), rec(`{"name":"b","aliases":["a"],"type":"long"}`), ""},
		{"type changed", rec(`{"name":"a","type":"int"}`), rec(`{"name":"a","type":"string"}`), "TYPE_MISMATCH: n.R.a: int was written"},
		{"int to long", `"int"`, `"long"`, ""},
		{"int to double", `"int"`, `"double"`, ""},
		{"long to float", `"long"`, `"float"`, ""},
		{"float to double", `"float"`, `"double"`, ""},
		{"long to int", `"long"`, `"int"`, "TYPE_MISMATCH"},
		{"double to float", `"double"`, `"float"`, "TYPE_MISMATCH"},
		{"string to bytes", `"string"`, `"bytes"`, ""},
		{"bytes to string", `"bytes"`, `"string"`, ""},
		{"became optional", rec(`{"name":"a","type":"int"}`), rec(`{"name":"a","type":["null","int"]}`), ""},
		{"became required", rec(`{"name":"a","type":["null","int"]}`), rec(`{"name":"a","type":"int"}`), "TYPE_MISMATCH: n.R.a: null was written"},
		{"branch promoted", `"int"`, `["null","long"]`, ""},
		{"branch missing", `["null","int","string"]`, `["null","int"]`, "MISSING_UNION_BRANCH: string"},
		{"branches in another order", `["null","int"]`, `["int","null"]`, ""},
		{"symbol added", enum(`"a"`, ""), enum(`"a","b"`, ""), ""},
		{"symbol removed", enum(`"a","b"`, ""), enum(`"a"`, ""), "MISSING_ENUM_SYMBOLS: E has no symbol b"},
		{"symbol removed, with a default", enum(`"a","b"`, ""), enum(`"a"`, `,"default":"a"`), ""},
		{"fixed size", `{"type":"fixed","name":"F","size":1}`, `{"type":"fixed","name":"F","size":2}`, "FIXED_SIZE_MISMATCH"},
		{"record renamed", rec(``), `{"type":"record","name":"S","namespace":"n","fields":[]}`, "NAME_MISMATCH: n.R was written"},
		{"record renamed with an alias", rec(``), `{"type":"record","name":"S","namespace":"n","aliases":["R"],"fields":[]}`, ""},
		{"array items", `{"type":"array","items":"int"}`, `{"type":"array","items":"string"}`, "TYPE_MISMATCH: []: int"},
		{"map values", `{"type":"map","values":"int"}`, `{"type":"map","values":"long"}`, ""},
		{"array to map", `{"type":"array","items":"int"}`, `{"type":"map","values":"int"}`, "TYPE_MISMATCH"},
		{"in an optional record",
			`["null",` + rec(`{"name":"a","type":"int"}`) + `]`,
			`["null",` + rec(`{"name":"b","type":"int"}`) + `]`, "READER_FIELD_MISSING_DEFAULT_VALUE: n.R.b"},
		{"recursive",
			rec(`{"name":"next","type":["null","R"]},{"name":"v","type":"int"}`),
			rec(`{"name":"next","type":["null","R"]},{"name":"v","type":"long"}`), ""},
		{"recursive and changed",
			rec(`{"name":"next","type":["null","R"]},{"name":"v","type":"int"}`),
			rec(`{"name":"next","type":["null","R"]},{"name":"v","type":"string"}`), "TYPE_MISMATCH: n.R.v"},
		{"logical type only", `"long"`, `{"type":"long","logicalType":"timestamp-millis"}`, ""},
	} {
		w, err := Parse(c.writer)
		if err != nil {
			t.Fatal(c.name, err)
		}
		r, err := Parse(c.reader)
		if err != nil {
			t.Fatal(c.name, err)
		}
		got := strings.Join(Unreadable(r, w), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestIdentity(t *testing.T) {
	a, err := Identity(`{"type":"enum", "name":"E","symbols":["x"]}`)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := Identity("{\"symbols\":[\"x\"],\n\"name\":\"E\",\"type\":\"enum\"}"); a != b || err != nil {
		t.Errorf("%s and %s", a, b)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(rec(`{"name":"next","type":["null","R"],"default":null}`), `"int"`)
	f.Add(`{"type":"map","values":{"type":"array","items":["null","string"]}}`, `["null","bytes"]`)
	f.Add(`{"type":"enum","name":"E","symbols":["a"],"default":"a"}`, `{"type":"fixed","name":"F","size":4}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		r, err := Parse(a)
		if err != nil {
			return
		}
		if problems := Unreadable(r, r); len(problems) > 0 {
			t.Errorf("%s can't read itself: %v", a, problems)
		}
		if w, err := Parse(b); err == nil {
			_ = Unreadable(r, w)
		}
	})
}
