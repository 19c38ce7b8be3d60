package schemas

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var tick = []Subject{{"case.events", "casetrail.Tick"}}

// answers is a registry that answers every request in one way, after some that it answers in the usual one.
func answers(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, pass, _ := r.BasicAuth(); user != "me" || pass != "s3cret" {
			t.Error("no credentials in", r.Method, r.URL)
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "http://192.0.2.1/")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func withUser(url string) string {
	return strings.Replace(url, "http://", "http://me:s3cret@", 1) + "/"
}

func TestRegisterErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"password", 401, `{"error_code":401,"message":"Unauthorized"}`, "check the user and the password"},
		{"path", 404, `<html>`, "check the path"},
		{"redirect", 302, ``, "redirects are not followed"},
		{"endless", 200, strings.Repeat("x", maxAnswer+1), "more than 1048576 bytes"},
		{"not a registry", 200, `{}`, "is it a schema registry?"},
		{"down", 503, `{"error_code":50003,"message":"starting"}`, "gave up"},
		{"incompatible", 409, `{"error_code":409,"message":"Schema is incompatible"}`, "HTTP 409"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := answers(t, c.status, c.body)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := Register(ctx, withUser(srv.URL), tick)
			if !errors.Is(err, ErrRegistry) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %s", err, c.want)
			}
			for _, part := range []string{srv.URL, "case.events-casetrail.Tick"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not name %s", err, part)
				}
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v gives the password away", err)
			}
		})
	}
}

func TestRegisterExplainsWhatIsIncompatible(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/config/"):
			_, _ = io.WriteString(w, `{"compatibilityLevel":"FULL"}`)
		case strings.HasPrefix(r.URL.Path, "/compatibility/"):
			_, _ = io.WriteString(w, `{"is_compatible":false,"messages":["reader lacks field x"]}`)
		default:
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"error_code":409,"message":"no"}`)
		}
	}))
	defer srv.Close()
	_, err := Register(t.Context(), srv.URL, tick)
	if !errors.Is(err, ErrRegistry) || !strings.Contains(err.Error(), "reader lacks field x") || !strings.Contains(err.Error(), "at least as new") {
		t.Error(err)
	}
}

func TestRegisterWaitsForTheRegistry(t *testing.T) {
	calls := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls++; calls == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"id":12}`)
	}))
	defer srv.Close()
	c, err := Register(t.Context(), srv.URL, tick)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := ID(c.Append(nil, "case.events", &Tick{Time: 1})); id != 12 || err != nil {
		t.Error(id, err)
	}
}

func TestRegistryAddresses(t *testing.T) {
	for _, bad := range []string{"", "localhost:8081", "ftp://host", "http://", "http://me:s3cret@h%zz/", "http://h/?token=s3cret"} {
		_, err := Register(t.Context(), bad, tick)
		if !errors.Is(err, ErrRegistry) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := Register(t.Context(), "http://localhost", []Subject{{"t", "casetrail.Typo"}}); err == nil || !strings.Contains(err.Error(), "casetrail.Typo") {
		t.Error(err)
	}
}
