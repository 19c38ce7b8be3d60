package deliver

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// Webhook delivers alerts as Standard Webhooks: one POST for each, signed with HMAC-SHA256 over id, timestamp and body.
type Webhook struct {
	URL    *url.URL
	Secret *standardwebhooks.Webhook
	Client *http.Client
	Fields func(schemas.Message) json.RawMessage // a message as JSON
	Now    func() time.Time
}

// Name implements Receiver.
func (*Webhook) Name() string { return "webhook" }

// Recall implements Receiver.
func (*Webhook) Recall(*Alert) {}

// Remind implements Receiver.
func (*Webhook) Remind(context.Context) error { return nil }

// event is the body, as Standard Webhooks wants it.
type event struct {
	Type      string          `json:"type"` // drift.opened, masked_drift.closed, guard_breach
	Timestamp string          `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// Send implements Receiver.
func (w *Webhook) Send(ctx context.Context, a *Alert) error {
	e := event{Type: a.Alert.String(), Timestamp: stamp(a.RaisedAt), Data: w.Fields(&a.SegmentAlert)}
	if a.Episode.Set {
		e.Type += "." + a.Episode.Value.State.String()
		e.Timestamp = stamp(a.Episode.Value.At)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	now := w.Now()
	signature, err := w.Secret.Sign(a.ID, now, body)
	if err != nil {
		return err
	}
	h := http.Header{}
	h.Set(standardwebhooks.HeaderWebhookID, a.ID)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return post(ctx, w.Client, w.URL, body, h)
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// The sizes of a secret that Standard Webhooks allows, in bytes.
const minSecret, maxSecret = 24, 64

// secretPrefix begins a secret's text.
const secretPrefix = "whsec_"

// LoadSecret reads a secret from a file that nobody but its owner may read or write.
func LoadSecret(file string) (*standardwebhooks.Webhook, error) {
	if _, err := record.StatPrivate("webhook secret", "casetrail alerts secret FILE", file); err != nil {
		return nil, fmt.Errorf("--webhook-secret-file: %w", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--webhook-secret-file: %w", err)
	}
	key, ok := strings.CutPrefix(strings.TrimSpace(string(text)), secretPrefix)
	raw, err := base64.StdEncoding.DecodeString(key)
	if !ok || err != nil || len(raw) < minSecret || len(raw) > maxSecret {
		return nil, fmt.Errorf("--webhook-secret-file %s: want whsec_ and the base64 of %d to %d bytes; make one with: casetrail alerts secret FILE",
			file, minSecret, maxSecret)
	}
	return standardwebhooks.NewWebhookRaw(raw)
}

// CreateSecret makes a secret that its owner alone can read. A file that is there is an error.
func CreateSecret(file string) error {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(secretPrefix + base64.StdEncoding.EncodeToString(raw) + "\n")
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
