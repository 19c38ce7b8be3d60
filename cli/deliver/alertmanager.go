package deliver

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Alertmanager forgets an alert that it does not hear of. Open episodes are sent again every remindEvery, each time good
// for holdTime: so a restart of the delivery, or of Alertmanager, resolves nothing.
const (
	remindEvery = time.Minute
	holdTime    = time.Hour
)

// Alertmanager delivers alerts to Prometheus Alertmanager's API, version 2: it fires while an episode is open, and is
// resolved when that closes. A guard breach fires for an hour after it was raised.
type Alertmanager struct {
	URL    *url.URL // without /api/v2/alerts
	Client *http.Client
	Now    func() time.Time

	open map[string]postable // by episode
	next time.Time           // when the open ones are sent again
}

// postable is an alert as the API has it.
type postable struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// Name implements Receiver.
func (*Alertmanager) Name() string { return "alertmanager" }

// Send implements Receiver.
func (m *Alertmanager) Send(ctx context.Context, a *Alert) error {
	p := m.postable(a)
	err := m.post(ctx, []postable{p})
	if err == nil {
		m.keep(a, p)
	}
	return err
}

// Recall implements Receiver.
func (m *Alertmanager) Recall(a *Alert) { m.keep(a, m.postable(a)) }

// keep remembers the last state of each episode that is open.
func (m *Alertmanager) keep(a *Alert, p postable) {
	if m.open == nil {
		m.open = map[string]postable{}
	}
	if e := a.Episode; e.Set && p.EndsAt.IsZero() {
		m.open[e.Value.ID] = p
	} else if e.Set {
		delete(m.open, e.Value.ID)
	}
}

// postable has the labels that tell episodes apart, and no end while the episode is open. Under the event clock an
// alert's times may lie in the future, which Alertmanager would not take.
func (m *Alertmanager) postable(a *Alert) postable {
	names := map[string]string{"drift": "CasetrailDrift", "masked_drift": "CasetrailMaskedDrift", "guard_breach": "CasetrailGuardBreach"}
	p := postable{
		Labels:      map[string]string{"alertname": names[a.Alert.String()], "case_type": a.CaseType, "handler": a.Handler},
		Annotations: map[string]string{"summary": printable([]byte(a.Summary))},
		StartsAt:    m.past(a.RaisedAt),
	}
	if !a.Episode.Set {
		p.Labels["case_id"] = strings.ToValidUTF8(a.CaseID.Value, "")
		p.EndsAt = p.StartsAt.Add(holdTime)
		return p
	}
	e := &a.Episode.Value
	p.Labels["episode"], p.Labels["metric"], p.StartsAt = e.ID, e.Metric, m.past(e.Since)
	if e.Group.Set {
		p.Labels["group"] = e.Group.Value
	}
	p.Annotations["query"] = e.Query
	if e.State.String() == "closed" {
		p.EndsAt = m.past(e.At)
	}
	return p
}

func (m *Alertmanager) past(ms int64) time.Time {
	if t, now := time.UnixMilli(ms).UTC(), m.Now().UTC(); t.Before(now) {
		return t
	}
	return m.Now().UTC()
}

// Remind implements Receiver.
func (m *Alertmanager) Remind(ctx context.Context) error {
	if len(m.open) == 0 || m.Now().Before(m.next) {
		return nil
	}
	m.next = m.Now().Add(remindEvery)
	var all []postable
	for _, id := range slices.Sorted(maps.Keys(m.open)) {
		all = append(all, m.open[id])
	}
	err := m.post(ctx, all)
	if err != nil {
		m.next = m.Now().Add(remindEvery / 6)
	}
	return err
}

func (m *Alertmanager) post(ctx context.Context, alerts []postable) error {
	for i := range alerts {
		if alerts[i].EndsAt.IsZero() {
			alerts[i].EndsAt = m.Now().UTC().Add(holdTime)
		}
	}
	body, err := json.Marshal(alerts)
	if err != nil {
		return err
	}
	return post(ctx, m.Client, m.URL.JoinPath("api/v2/alerts"), body, nil)
}
