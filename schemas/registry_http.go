package schemas

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// maxAnswer bounds what the registry may answer.
const maxAnswer = 1 << 20

// dialRegistry makes a client for one registry. It connects to nothing yet.
func dialRegistry(address string) (*registry, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		// the address may hold a password, and so may the parser's error
		return nil, fmt.Errorf("%w: its address must read like http://localhost:8081 or https://user:password@host/path", ErrRegistry)
	}
	user := u.User
	u.User = nil
	u.Path = strings.TrimRight(u.Path, "/")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	opts := []sr.ClientOpt{sr.URLs(u.String()), sr.UserAgent("casetrail"), sr.HTTPClient(&http.Client{
		Timeout:       10 * time.Second,
		Transport:     guarded{host: u.Host, next: transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})}
	if user != nil {
		password, _ := user.Password()
		opts = append(opts, sr.BasicAuth(user.Username(), password))
	}
	client, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrRegistry, u, err)
	}
	return &registry{url: u.String(), client: client, idle: transport.CloseIdleConnections}, nil
}

// guarded asks no other host than the configured one, and cuts off endless answers.
type guarded struct {
	host string
	next http.RoundTripper
}

func (g guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != g.host {
		return nil, fmt.Errorf("a request for host %s, not %s", req.URL.Host, g.host)
	}
	resp, err := g.next.RoundTrip(req)
	if err == nil {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxAnswer}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errEndless
	}
	return n, err
}

var errEndless = fmt.Errorf("an answer of more than %d bytes; is it a schema registry?", maxAnswer)

// errIncompatible says why a schema was refused.
type errIncompatible struct{ reasons []string }

func (e errIncompatible) Error() string {
	return "this version's schema is not compatible with those registered before: " + strings.Join(e.reasons, "; ") +
		"; run a version of Casetrail that is at least as new as the one that registered them, or use another subject"
}

// explain adds what was tried, and how to mend it where the registry's answer tells.
func explain(what string, err error) error {
	var re *sr.ResponseError
	if !errors.As(err, &re) {
		return fmt.Errorf("can't %s: %w", what, err)
	}
	hint := ""
	switch code := re.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		hint = "; check the user and the password in the registry's address, and this user's rights"
	case code == http.StatusNotFound:
		hint = "; check the path in the registry's address: the Confluent API may live under one, such as /apis/ccompat/v7"
	case code >= 300 && code < 400:
		hint = "; redirects are not followed: set the final address"
	}
	return fmt.Errorf("can't %s: HTTP %d: %w%s", what, re.StatusCode, err, hint)
}

// lasting says that asking again will not help.
func lasting(err error) bool {
	var re *sr.ResponseError
	if errors.As(err, &re) {
		switch re.StatusCode {
		case http.StatusRequestTimeout, http.StatusTooManyRequests:
			return false
		}
		return re.StatusCode < 500
	}
	return errors.As(err, new(errIncompatible)) || errors.Is(err, errEndless)
}
