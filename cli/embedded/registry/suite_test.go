package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/schemas"
)

// target is a registry under test.
type target struct {
	url     string
	restart func() string // stops it, starts it on the same data, and returns its URL
}

// suite is what any registry must do for Casetrail and its producers. The embedded one and another implementation run
// it alike, so that the one can be exchanged for the other. The registry's global level is NONE.
func suite(t *testing.T, reg *target) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *target)
	}{
		{"Register", testRegister},
		{"OneTextOneID", testOneID},
		{"Compatibility", testCompatibility},
		{"Invalid", testInvalid},
		{"NotFound", testNotFound},
		{"Deleted", testDeleted},
		{"Casetrail", testCasetrail},
		{"Restart", testRestart},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, reg) })
	}
}

func (g *target) client(t *testing.T) *sr.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := sr.NewClient(sr.URLs(g.url), sr.HTTPClient(&http.Client{Transport: transport, Timeout: 20 * time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func record(fields string) sr.Schema {
	return sr.Schema{Schema: `{"type":"record","name":"R","namespace":"test","fields":[` + fields + `]}`}
}

func register(t *testing.T, c *sr.Client, subject string, s sr.Schema) int {
	t.Helper()
	id, err := c.RegisterSchema(t.Context(), subject, s, -1, -1)
	if err != nil {
		t.Fatalf("register %s: %v", subject, err)
	}
	return id
}

func setLevel(t *testing.T, c *sr.Client, subject string, level sr.CompatibilityLevel) {
	t.Helper()
	if r := c.SetCompatibility(t.Context(), sr.SetCompatibility{Level: level}, subject)[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
}

// status is the HTTP status and the error code of an error; 0 where it is none of the registry's.
func status(err error) (int, int) {
	var re *sr.ResponseError
	if !errors.As(err, &re) {
		return 0, 0
	}
	return re.StatusCode, re.ErrorCode
}

func testRegister(t *testing.T, reg *target) {
	c, s := reg.client(t), record(`{"name":"a","type":"int"}`)
	id := register(t, c, "register", s)
	if again := register(t, c, "register", s); again != id {
		t.Errorf("id %d, then %d", id, again)
	}
	got, err := c.SchemaByID(t.Context(), id)
	if err != nil || !sameJSON(got.Schema, s.Schema) {
		t.Errorf("%+v, %v", got, err)
	}
	if v, err := c.SchemaByVersion(t.Context(), "register", -1); err != nil || v.Version != 1 || v.ID != id || v.Subject != "register" {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := c.LookupSchema(t.Context(), "register", s); err != nil || v.Version != 1 || v.ID != id {
		t.Errorf("%+v, %v", v, err)
	}
	setLevel(t, c, "register", sr.CompatBackward)
	next := register(t, c, "register", record(`{"name":"a","type":"int"},{"name":"b","type":"int","default":0}`))
	if next == id {
		t.Error("another schema has the same id")
	}
	if vs, err := c.SubjectVersions(t.Context(), "register"); err != nil || !slices.Equal(vs, []int{1, 2}) {
		t.Errorf("versions %v, %v", vs, err)
	}
	if names, err := c.Subjects(t.Context()); err != nil || !slices.Contains(names, "register") {
		t.Errorf("subjects %v, %v", names, err)
	}
	if types, err := c.SupportedTypes(t.Context()); err != nil || !slices.Contains(types, sr.TypeAvro) {
		t.Errorf("types %v, %v", types, err)
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

func testOneID(t *testing.T, reg *target) {
	c, s := reg.client(t), record(`{"name":"shared","type":"int"}`)
	id := register(t, c, "one-a", s)
	if other := register(t, c, "one-b", s); other != id {
		t.Errorf("ids %d and %d for one schema", id, other)
	}
	uses, err := c.SchemaVersionsByID(t.Context(), id)
	if err != nil || len(uses) != 2 {
		t.Errorf("%v, %v", uses, err)
	}
}

func testCompatibility(t *testing.T, reg *target) {
	c := reg.client(t)
	const a, b, optional = `{"name":"a","type":"int"}`, `{"name":"b","type":"int"}`, `{"name":"b","type":"int","default":0}`
	for i, x := range []struct {
		level  sr.CompatibilityLevel
		before []string
		next   string
		ok     bool
	}{
		{sr.CompatNone, []string{a}, `{"name":"a","type":"string"}`, true},
		{sr.CompatBackward, []string{a}, a + "," + optional, true},
		{sr.CompatBackward, []string{a}, a + "," + b, false},
		{sr.CompatBackward, []string{a + "," + b}, a, true},
		{sr.CompatBackward, []string{b, a + "," + optional}, a, true},                                             // only the last one counts
		{sr.CompatBackwardTransitive, []string{`{"name":"c","type":"int"}`, ``}, a, false},                        // no default
		{sr.CompatBackwardTransitive, []string{optional, ``}, `{"name":"b","type":"string","default":""}`, false}, // the first one counts
		{sr.CompatBackward, []string{optional, ``}, `{"name":"b","type":"string","default":""}`, true},
		{sr.CompatForward, []string{a}, a + "," + b, true},
		{sr.CompatForward, []string{a + "," + b}, a, false},
		{sr.CompatForwardTransitive, []string{a, a + "," + b}, b, false},
		{sr.CompatFull, []string{a}, a + "," + optional, true},
		{sr.CompatFull, []string{a}, a + "," + b, false},
		{sr.CompatFull, []string{a + "," + b}, a, false},
		{sr.CompatFullTransitive, []string{a + "," + optional, a}, a + "," + optional, true},
		{sr.CompatFullTransitive, []string{a + "," + optional, a}, a + `,{"name":"b","type":"string","default":""}`, false},
	} {
		subject := fmt.Sprint("compatibility-", i)
		for _, s := range x.before {
			register(t, c, subject, record(s))
		}
		if x.level != sr.CompatNone { // which is the global level here
			setLevel(t, c, subject, x.level)
			if r := c.Compatibility(t.Context(), subject)[0]; r.Err != nil || r.Level != x.level {
				t.Errorf("level %v, %v", r.Level, r.Err)
			}
		}
		against := -1 // the last version
		if strings.HasSuffix(x.level.String(), "_TRANSITIVE") {
			against = -2 // all; without the suffix, registries differ in what they take that for
		}
		check, err := c.CheckCompatibility(t.Context(), subject, against, record(x.next))
		if err != nil || check.Is != x.ok {
			t.Errorf("case %d, %v: check says %v, want %v (%v)", i, x.level, check.Is, x.ok, err)
		}
		_, err = c.RegisterSchema(t.Context(), subject, record(x.next), -1, -1)
		if code, _ := status(err); x.ok && err != nil || !x.ok && code != http.StatusConflict {
			t.Errorf("case %d, %v: register: %v", i, x.level, err)
		}
	}
}

func testInvalid(t *testing.T, reg *target) {
	c := reg.client(t)
	for _, text := range []string{
		`{"type":"record","name":"R","fields":[{"name":"a","type":"nosuchtype"}]}`,
		`{"type":"record","name":"R"}`,
		`{`,
	} {
		_, err := c.RegisterSchema(t.Context(), "invalid", sr.Schema{Schema: text}, -1, -1)
		if code, sub := status(err); code != http.StatusUnprocessableEntity || sub != 42201 {
			t.Errorf("%s: %d, %d, %v", text, code, sub, err)
		}
	}
}

func testNotFound(t *testing.T, reg *target) {
	c := reg.client(t)
	register(t, c, "found", record(`{"name":"found","type":"int"}`))
	_, subject := c.SubjectVersions(t.Context(), "nosuch")
	_, lookup := c.LookupSchema(t.Context(), "found", record(`{"name":"other","type":"int"}`))
	_, version := c.SchemaByVersion(t.Context(), "found", 99)
	_, id := c.SchemaByID(t.Context(), 999999)
	for i, x := range []struct {
		err  error
		want int
	}{{subject, 40401}, {lookup, 40403}, {version, 40402}, {id, 40403}} {
		if code, sub := status(x.err); code != http.StatusNotFound || sub != x.want {
			t.Errorf("%d: %d, %d, %v; want %d", i, code, sub, x.err, x.want)
		}
	}
}

func testDeleted(t *testing.T, reg *target) {
	c := reg.client(t)
	id := register(t, c, "deleted", record(`{"name":"deleted","type":"int"}`))
	if vs, err := c.DeleteSubject(t.Context(), "deleted", sr.SoftDelete); err != nil || !slices.Equal(vs, []int{1}) {
		t.Fatalf("%v, %v", vs, err)
	}
	if names, err := c.Subjects(t.Context()); err != nil || slices.Contains(names, "deleted") {
		t.Errorf("subjects %v, %v", names, err)
	}
	if _, err := c.SchemaByID(t.Context(), id); err != nil {
		t.Errorf("the id went with the subject, and its messages can't be read: %v", err)
	}
}

func casetrailIDs(t *testing.T, reg *target) *schemas.Codec {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	codec, err := schemas.Register(ctx, reg.url, pipelines.Subjects(""))
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func testCasetrail(t *testing.T, reg *target) {
	one, two := casetrailIDs(t, reg), casetrailIDs(t, reg)
	value := one.Append(nil, pipelines.ChatEvents, &schemas.ChatEvent{EventID: "e", CaseID: "c"})
	if m, err := two.Decode(value); err != nil || m.(*schemas.ChatEvent).CaseID != "c" {
		t.Error(m, err)
	}
	c := reg.client(t)
	subject := schemas.Subject{Topic: pipelines.ChatEvents, Record: "casetrail.ChatEvent"}.String()
	if r := c.Compatibility(t.Context(), subject)[0]; r.Err != nil || r.Level != sr.CompatBackwardTransitive {
		t.Errorf("level %v, %v", r.Level, r.Err)
	}
	foreign := strings.Replace(new(schemas.PolicyChange).SchemaJSON(), `"fields":[`, `"fields":[{"name":"extra","type":"int","default":0},`, 1)
	id := register(t, c, "elsewhere-casetrail.PolicyChange", sr.Schema{Schema: foreign})
	if err := two.Learn(t.Context(), id); err != nil {
		t.Error(err)
	}
	if err := two.Learn(t.Context(), 999999); !errors.Is(err, schemas.ErrUnknownSchema) {
		t.Error(err)
	}
	_, err := c.RegisterSchema(t.Context(), subject, sr.Schema{Schema: strings.Replace(new(schemas.ChatEvent).SchemaJSON(),
		`"fields":[`, `"fields":[{"name":"extra","type":"int"},`, 1)}, -1, -1)
	if code, _ := status(err); code != http.StatusConflict {
		t.Errorf("a schema that can't read old messages was taken: %v", err)
	}
}

func testRestart(t *testing.T, reg *target) {
	c, s := reg.client(t), record(`{"name":"kept","type":"int"}`)
	id := register(t, c, "kept", s)
	setLevel(t, c, "kept", sr.CompatFull)
	reg.url = reg.restart()
	c = reg.client(t)
	if again := register(t, c, "kept", s); again != id {
		t.Errorf("id %d, after a restart %d", id, again)
	}
	if r := c.Compatibility(t.Context(), "kept")[0]; r.Err != nil || r.Level != sr.CompatFull {
		t.Errorf("level %v, %v", r.Level, r.Err)
	}
	if fresh := register(t, c, "kept-2", record(`{"name":"fresh","type":"int"}`)); fresh == id {
		t.Errorf("id %d was given twice", id)
	}
}

// ask sends a request of its own making.
func ask(t *testing.T, g *target, method, path, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(bytes.TrimSpace(raw))
}
