package deliver

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/casetrail/casetrail/schemas"
)

func episode(id string, state schemas.EpisodeState, since, at time.Time) *Alert {
	return &Alert{ID: id, SegmentAlert: schemas.SegmentAlert{Alert: schemas.AlertKindMaskedDrift, CaseType: "dispute", Handler: "ai", Summary: "In words.",
		RaisedAt: at.UnixMilli(), Episode: schemas.Some(schemas.Episode{ID: id, State: state, Metric: "csat", Since: since.UnixMilli(),
			At: at.UnixMilli(), Query: "SELECT 1"})}}
}

// manager is Alertmanager's API, as far as it is used, and a clock.
type manager struct {
	*Alertmanager
	now    time.Time
	status int
	posts  [][]postable
}

func newManager(t *testing.T) *manager {
	m := &manager{now: time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC), status: 200}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var got []postable
		if err := json.Unmarshal(body, &got); err != nil || r.URL.Path != "/am/api/v2/alerts" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v: %s, %v", r.URL, r.Header, body, err)
		}
		m.posts = append(m.posts, got)
		w.WriteHeader(m.status)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL + "/am/")
	if err != nil {
		t.Fatal(err)
	}
	client := NewClient()
	t.Cleanup(client.CloseIdleConnections)
	m.Alertmanager = &Alertmanager{URL: u, Client: client, Now: func() time.Time { return m.now }}
	return m
}

func (m *manager) last() []postable { return m.posts[len(m.posts)-1] }

func TestAlertmanagerFiresUntilItCloses(t *testing.T) {
	m := newManager(t)
	since := m.now.Add(-20 * 24 * time.Hour)
	if err := m.Send(t.Context(), episode("e1", schemas.EpisodeStateOpened, since, m.now.Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	want := postable{
		Labels:      map[string]string{"alertname": "CasetrailMaskedDrift", "case_type": "dispute", "handler": "ai", "metric": "csat", "episode": "e1"},
		Annotations: map[string]string{"summary": "In words.", "query": "SELECT 1"}, StartsAt: since, EndsAt: m.now.Add(holdTime)}
	if got := m.last(); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	m.now = m.now.Add(3 * time.Hour)
	if err := m.Send(t.Context(), episode("e1", schemas.EpisodeStateClosed, since, m.now.Add(-time.Minute))); err != nil {
		t.Fatal(err)
	}
	if got := m.last()[0]; !reflect.DeepEqual(got.Labels, want.Labels) || !got.EndsAt.Equal(m.now.Add(-time.Minute)) {
		t.Errorf("closed: %+v", got)
	}
	n := len(m.posts)
	if m.now = m.now.Add(time.Hour); m.Remind(t.Context()) != nil || len(m.posts) != n {
		t.Error("it is reminded of what is closed")
	}
}

// TestAlertmanagerIsReminded once a minute of what is open, also of what a process before this one has delivered.
func TestAlertmanagerIsReminded(t *testing.T) {
	m := newManager(t)
	m.Recall(episode("old", schemas.EpisodeStateOpened, m.now, m.now))
	m.Recall(episode("over", schemas.EpisodeStateOpened, m.now, m.now))
	m.Recall(episode("over", schemas.EpisodeStateClosed, m.now, m.now))
	if err := m.Send(t.Context(), episode("new", schemas.EpisodeStateUpdated, m.now, m.now)); err != nil {
		t.Fatal(err)
	}
	posts, began := len(m.posts), m.now
	var at []time.Duration
	for range 150 {
		m.status = 200
		if since := m.now.Sub(began); since > 55*time.Second && since < 75*time.Second {
			m.status = 500
		}
		if _ = m.Remind(t.Context()); len(m.posts) > posts+len(at) {
			at = append(at, m.now.Sub(began)/time.Second)
		}
		m.now = m.now.Add(time.Second)
	}
	for _, p := range m.posts[posts:] {
		if len(p) != 2 || p[0].Labels["episode"] != "new" || p[1].Labels["episode"] != "old" {
			t.Fatalf("%+v", p)
		}
	}
	if want := []time.Duration{0, 60, 70, 80, 140}; !slices.Equal(at, want) {
		t.Errorf("reminded at %d s, want %d: nobody answered from 56 to 74", at, want)
	}
}

// TestAlertmanagerTakesOnlyThePast: the event clock may be ahead of the wall.
func TestAlertmanagerTakesOnlyThePast(t *testing.T) {
	m := newManager(t)
	for _, state := range []schemas.EpisodeState{schemas.EpisodeStateOpened, schemas.EpisodeStateClosed} {
		if err := m.Send(t.Context(), episode("e", state, m.now.Add(24*time.Hour), m.now.Add(48*time.Hour))); err != nil {
			t.Fatal(err)
		}
		if got := m.last()[0]; got.StartsAt.After(m.now) || got.EndsAt.Before(got.StartsAt) {
			t.Errorf("%+v", got)
		}
	}
	if err := m.Send(t.Context(), &Alert{SegmentAlert: *breach(1)}); err != nil {
		t.Fatal(err)
	}
	if got := m.last()[0]; got.Labels["case_id"] != "case 1" || got.EndsAt.Sub(got.StartsAt) != holdTime {
		t.Errorf("%+v", got)
	}
}
