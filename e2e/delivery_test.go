package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/models"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// receivers are a webhook, which checks every signature, and Alertmanager's API, whose own models check what it gets.
type receivers struct {
	*httptest.Server
	secret *standardwebhooks.Webhook

	mu       sync.Mutex
	got      map[string]string // body by id, of the webhook
	order    []string          // case ids as they came first
	repeats  int
	episodes map[string]models.PostableAlert
	faults   []string
}

func (r *receivers) serve(w http.ResponseWriter, in *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(in.Body)
	if err == nil && in.URL.Path == "/hook" {
		err = r.hook(in.Header, body)
	} else if err == nil {
		err = r.alertmanager(in.URL.Path, body)
	}
	if err != nil {
		r.faults = append(r.faults, err.Error())
	}
}

func (r *receivers) hook(h http.Header, body []byte) error {
	id := h.Get(standardwebhooks.HeaderWebhookID)
	if err := r.secret.Verify(body, h); err != nil {
		return err
	}
	if before, again := r.got[id]; again {
		r.repeats++
		if before != string(body) {
			return fmt.Errorf("%s said %s, and now %s", id, before, body)
		}
		return nil
	}
	r.got[id] = string(body)
	var e struct {
		Type string
		Data struct {
			CaseID  string `json:"case_id"`
			Episode *struct{ State, Metric string }
		}
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	if e.Data.Episode != nil {
		e.Data.CaseID = e.Type + " " + e.Data.Episode.Metric
	}
	r.order = append(r.order, e.Data.CaseID)
	return nil
}

func (r *receivers) alertmanager(path string, body []byte) error {
	if path != "/api/v2/alerts" {
		return fmt.Errorf("posted to %s", path)
	}
	var alerts models.PostableAlerts
	if err := json.Unmarshal(body, &alerts); err != nil {
		return err
	}
	if err := alerts.Validate(strfmt.Default); err != nil {
		return err
	}
	for _, a := range alerts {
		if time.Time(a.EndsAt).Before(time.Time(a.StartsAt)) || time.Time(a.StartsAt).IsZero() || len(a.Labels) == 0 {
			return fmt.Errorf("Alertmanager refuses %+v", a)
		}
		r.episodes[a.Labels["episode"]+a.Labels["case_id"]] = *a
	}
	return nil
}

func (r *receivers) when(ok func() bool) func() bool {
	return func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return ok()
	}
}

// TestDelivery kills a delivery between a receiver's answer and the commit: what it had delivered comes again under the same
// id, nothing is lost, and both receivers get all.
func TestDelivery(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the stack")
	}
	p := harness.Start(t, harness.Embedded, harness.Options{Without: harness.Services, NoPolicy: true})
	r := &receivers{got: map[string]string{}, episodes: map[string]models.PostableAlert{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	secret := filepath.Join(t.TempDir(), "webhook.secret")
	p.Casetrail("alerts", "secret", secret)
	text, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}
	if r.secret, err = standardwebhooks.NewWebhook(strings.TrimSpace(string(text))); err != nil {
		t.Fatal(err)
	}
	var want []string
	publishAlerts(t, p, func(n int64) *schemas.SegmentAlert {
		want = append(want, fmt.Sprint("case ", n))
		return &schemas.SegmentAlert{Alert: schemas.AlertKindGuardBreach, CaseType: "dispute", Handler: "human", RaisedAt: 1_700_000_000_000,
			Summary: "An AI wrote.", CaseID: schemas.Some(want[n-1])}
	}, 1, 5)

	args := func(binary string) []string {
		return []string{binary, "alerts", "deliver", "--kafka-brokers", strings.Join(p.Brokers, ","), "--schema-registry", p.Registry,
			"--webhook", r.URL + "/hook", "--webhook-secret-file", secret, "--alertmanager", r.URL, "--admin-listen", "", "--kafka-session-timeout", "3s"}
	}
	for round := range 3 {
		died := harness.Background(t, "deliver", []string{"CASETRAIL_CRASH=" + fmt.Sprint("delivered:", round+1)}, args(harness.Injected(t, "casetrail"))...)
		if died.Wait(patience); !died.Killed() {
			t.Fatalf("it was to die after a delivery:\n%s", died.Log())
		}
	}
	lives := harness.Background(t, "deliver", nil, args(harness.Binary(t, "casetrail"))...)
	harness.Eventually(t, "everything is delivered, and something again", patience, r.when(func() bool {
		return len(r.order) >= len(want) && len(r.episodes) >= len(want) && r.repeats > 0
	}))
	at := time.Now().Add(-time.Hour).UnixMilli()
	for i, state := range []schemas.EpisodeState{schemas.EpisodeStateOpened, schemas.EpisodeStateClosed} {
		publishAlerts(t, p, func(int64) *schemas.SegmentAlert {
			return &schemas.SegmentAlert{Alert: schemas.AlertKindDrift, CaseType: "dispute", Handler: "ai", RaisedAt: at, Summary: "In words.",
				Episode: schemas.Some(schemas.Episode{ID: "e1", State: state, Metric: "csat", Since: at, At: at + 1, Query: "SELECT 1"})}
		}, int64(6+i), 1)
		harness.Eventually(t, "the episode is "+state.String(), patience, r.when(func() bool {
			a, ok := r.episodes["e1"]
			return ok && time.Time(a.EndsAt).After(time.Now()) == (state == schemas.EpisodeStateOpened) && len(r.order) == len(want)+i+1
		}))
	}
	lives.Stop()
	want = append(want, "drift.opened csat", "drift.closed csat")
	if !slices.Equal(r.order, want) || len(r.faults) > 0 {
		t.Errorf("the webhook got %q, want %q; faults: %v", r.order, want, r.faults)
	}
}

// publishAlerts writes alerts as the aggregator would.
func publishAlerts(t *testing.T, p *harness.Pipeline, alert func(n int64) *schemas.SegmentAlert, from int64, n int) {
	t.Helper()
	pub := kafka.NewPublisher(p.Client, nil)
	defer pub.Close()
	for i := range int64(n) {
		r := stage.Record{Topic: pipelines.ConductAlerts, Key: []byte("k"), Stage: pipelines.Aggregator, Position: stage.Position{Offset: from + i},
			Value: p.Codec.Append(nil, pipelines.ConductAlerts, alert(from+i))}
		if err := pub.Publish(t.Context(), []stage.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
}
