package registry_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/casetrail/casetrail/cli/embedded/broker"
	"github.com/casetrail/casetrail/cli/embedded/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// embedded starts a broker and a registry on it.
func embedded(t *testing.T, level string) *target {
	t.Helper()
	dir := t.TempDir()
	var stop func()
	run := func() string {
		b, err := broker.Start(t.Context(), broker.Options{DataDir: dir, Addr: "127.0.0.1:0", Log: func(s string) { t.Log(s) }})
		if err != nil {
			t.Fatal(err)
		}
		r, err := registry.New(t.Context(), registry.Options{Brokers: []string{b.Addr()}, Compatibility: level})
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(r)
		stop = func() {
			srv.Close()
			r.Close()
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
		return srv.URL
	}
	g := &target{url: run()}
	g.restart = func() string {
		stop()
		return run()
	}
	t.Cleanup(func() { stop() })
	return g
}

func TestEmbedded(t *testing.T) { suite(t, embedded(t, "NONE")) }

func TestEmbeddedAnswers(t *testing.T) {
	g := embedded(t, "")
	const js = "application/vnd.schemaregistry.v1+json"
	for _, c := range []struct {
		method, path, contentType, body string
		status                          int
		want                            string
	}{
		{"GET", "/", "", "", 200, `{}`},
		{"GET", "/subjects", "", "", 200, `[]`},
		{"GET", "/config", "", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"GET", "/config/x", "", "", 404, `"error_code":40408`},
		{"GET", "/config/x?defaultToGlobal=true", "", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"PUT", "/config", js, `{"compatibility":"SOMETIMES"}`, 422, `"error_code":42203`},
		{"PUT", "/config", js, `{"compatibility":"full"}`, 200, `{"compatibility":"FULL"}`},
		{"DELETE", "/config", "", "", 200, `{"compatibility":"FULL"}`},
		{"GET", "/mode", "", "", 200, `{"mode":"READWRITE"}`},
		{"PUT", "/mode", js, `{"mode":"IMPORT"}`, 422, `"error_code":42205`},
		{"POST", "/subjects/x/versions", "text/plain", `{"schema":"\"int\""}`, 415, `"error_code":415`},
		{"POST", "/subjects/x/versions", js, `{"schema":`, 400, `"error_code":400`},
		{"POST", "/subjects/x/versions", js, `{"schema":"` + strings.Repeat(" ", 1<<20) + `\"int\""}`, 413, `"error_code":413`},
		{"POST", "/subjects/x/versions", js, `{"schema":"{}","schemaType":"PROTOBUF"}`, 422, `"error_code":42201`},
		{"POST", "/subjects/x/versions", js, `{"schema":"\"int\"","references":[{"name":"a","subject":"b","version":1}]}`, 422, `"error_code":42201`},
		{"POST", "/subjects/x/versions", js, `{"schema":"\"int\"","id":7}`, 422, `"error_code":42205`},
		{"POST", "/subjects/x/versions", js, `{"schema":" \"int\" "}`, 200, `{"id":1}`},
		{"POST", "/subjects/a%2Fb/versions", js, `{"schema":"\"int\""}`, 200, `{"id":1}`},
		{"GET", "/subjects", "", "", 200, `["a/b","x"]`},
		{"GET", "/schemas/ids/1/schema", "", "", 200, `"int"`},
		{"GET", "/schemas/ids/1/subjects", "", "", 200, `["a/b","x"]`},
		{"GET", "/schemas/ids/1/versions", "", "", 200, `[{"subject":"a/b","version":1},{"subject":"x","version":1}]`},
		{"GET", "/subjects/x/versions/latest/schema", "", "", 200, `"int"`},
		{"GET", "/subjects/x/versions/first", "", "", 422, `"error_code":42202`},
		{"POST", "/compatibility/subjects/x/versions/latest?verbose=true", js, `{"schema":"\"string\""}`, 200, `{"is_compatible":false,"messages":["the new schema can't read`},
		{"POST", "/compatibility/subjects/x/versions/9", js, `{"schema":"\"string\""}`, 404, `"error_code":40402`},
		{"DELETE", "/subjects/x/versions/1?permanent=true", "", "", 422, `"error_code":42205`},
		{"DELETE", "/subjects/x/versions/latest", "", "", 200, `1`},
		{"GET", "/subjects/x/versions", "", "", 404, `"error_code":40401`},
		{"GET", "/subjects/x/versions?deleted=true", "", "", 200, `[1]`},
		{"POST", "/subjects/x/versions", js, `{"schema":"\"string\""}`, 200, `{"id":2}`},
		{"GET", "/subjects/x/versions/latest", "", "", 200, `{"subject":"x","version":2,"id":2,"schema":"\"string\""}`},
		{"GET", "/nothing/here", "", "", 404, `"error_code":404`},
	} {
		code, got := ask(t, g, c.method, c.path, c.contentType, c.body)
		if code != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s %s %.60s: %d %.300s; want %d %s", c.method, c.path, c.body, code, got, c.status, c.want)
		}
	}
}

func TestUnknownLevelIsRefused(t *testing.T) {
	if _, err := registry.New(t.Context(), registry.Options{Brokers: []string{"127.0.0.1:1"}, Compatibility: "SOME"}); err == nil {
		t.Error("taken")
	}
}
