package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/casetrail/casetrail/pipelines/kafka"
)

// answerTime bounds one attempt.
const answerTime = 15 * time.Second

// maxSaid is how much of an answer is read.
const maxSaid = 512

// Answer is an answer other than 2xx.
type Answer struct {
	Status int
	After  time.Duration // what Retry-After asks for
	Said   string        // the beginning of the body
}

// Error says what the receiver said.
func (a *Answer) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the receiver answers %d %s: %s", a.Status, http.StatusText(a.Status), a.Said))
}

// refusal tells whether it is about this one alert, and not about the receiver or how it is reached.
func (a *Answer) refusal() bool {
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusGone, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return a.Status >= 400 && a.Status < 500
}

// NewClient makes a client that follows no redirect: alerts go to the host that the operator named.
func NewClient() *http.Client {
	return &http.Client{Timeout: answerTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// CheckURL says what is wrong with a receiver's address.
func CheckURL(flag, address string, plaintext bool) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%s is not an http or https URL", flag) // it may hold a secret, and is not shown
	case u.User != nil:
		return nil, fmt.Errorf("%s must not carry credentials: logs and process lists would show them", flag)
	case u.Scheme == "http" && !plaintext && !kafka.Loopback(u.Hostname()):
		return nil, fmt.Errorf("%s to %s: %w", flag, u.Host, kafka.ErrPlaintext)
	}
	return u, nil
}

// post sends a JSON body. nil is an answer of 2xx; others are an *Answer. Errors name the host alone: a path may be a secret.
func post(ctx context.Context, client *http.Client, to *url.URL, body []byte, header http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post to %s: not a request", to.Host)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "casetrail")
	res, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("post to %s: %w", to.Host, err)
	}
	defer res.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(res.Body, maxSaid)) // the status decides
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil
	}
	return fmt.Errorf("post to %s: %w", to.Host, &Answer{Status: res.StatusCode, After: after(res.Header), Said: printable(said)})
}

// after is what Retry-After says, in either of its forms.
func after(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(max(s, 0), 1<<20)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}

func printable(b []byte) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, string(b)))
}
