package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.yaml.in/yaml/v3"

	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// The tests of Grafana's dashboards: every query runs and shows the known answer, and no panel lies over another.

type dashboard struct {
	UID, Title, Timezone string
	SchemaVersion        int

	Panels     []panel
	Templating struct {
		List []struct{ Query query }
	}
	Annotations struct{ List []struct{ Target query } }
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []query
}

type query struct {
	RefID      string `json:"refId"`
	RawSQL     string `json:"rawSql"`
	Expr       string
	Datasource struct{ UID string }
}

func dashboards(t *testing.T) (out []dashboard) {
	t.Helper()
	files, err := filepath.Glob("../pipelines/grafana/dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no dashboards: ", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatal(file, err)
		}
		out = append(out, d)
	}
	return out
}

var macro = regexp.MustCompile(`\$__timeFilter\((\w+)\)`)

// expand does what Grafana does before it sends a query.
func (q query) expand() string {
	sql := macro.ReplaceAllString(q.RawSQL, "$1 >= toDateTime(1767225600) AND $1 <= toDateTime(1767398400)") // 2026-01-01 to 03
	return strings.ReplaceAll(sql, "${case_type:sqlstring}", "'dispute'")
}

// answers are what panels must show in their first row.
var answers = map[string]map[string]any{
	"Which segments are furthest below it now?":         {"case type": "dispute", "handler": "ai"},
	"Which segments moved the aggregate, and how?":      {"case type": "dispute", "handler": "ai", "change": -3.0},
	"How much did the aggregate hide?":                  {"index": 0.98},
	"How many alerts are open?":                         {"open": "1"},
	"How many of them does the aggregate hide?":         {"masked": "1"},
	"How many guard breaches were there?":               {"breaches": "1"},
	"Which alerts are there, and which are masked?":     {"alert": "masked_drift", "state": "updated"},
	"How did the evidence grow?":                        {"episode": "1", "state": "updated"},
	"How many records are missing or there twice?":      {"wrong": "0"},
	"How many records are under a checkpoint?":          {"records": "2884"},
	"Which policy was in force when?":                   {"version": "2", "in force from": "2026-01-02 00:01:00"},
	"Which ledger lags?":                                {"records": "2884"},
	"Which signals fire for which case type?":           {"case type": "dispute", "signal": "duration", "half waited less": 50.0},
	"How rare is the likeliest false alarm among them?": {"years": 38.0},
	"What would it be with the old mix?":                {"standardised1": 4.52},
	"How far is the aggregate from the reference?":      {"change": 0.01},
	"How much did segments lose by themselves?":         {"gross_down": -0.3},
	"How many who ask for a human get one in time?":     {"case_type": "all", "share": 8. / 15},
	"Why is there no masking report?":                   {"why": "the reference period is not complete"},
	"How long does a case take?":                        {"value": 600.0},
	"Did an AI write on a case that was not its own?":   {"breaches": "1"},
	"How much of it is synthetic?":                      {"real": "60", "simulated": "0"},
	"How long does it take until a human is there?":     {},
	"How many of each type complain?":                   {},
	"How many customers of each type come back?":        {},
	"Since when do the parts cancel out?":               {"falling": -0.3, "rising": 0.32},
	"Up to when is everything in?":                      {"complete_until": 1767398400000.0},
	"How large a share of each type is escalated?":      {},
	"Do segment and aggregate part?":                    {},
	"Does ${case_type} hold up?":                        {},
	"How far does each ledger reach?":                   {"records": "60"},
	"What pulls humans in?":                             {"escalations": "30"},
	"What does the aggregate say?":                      {},
	"Who still tells us what they think?":               {},
}

func TestDashboardsShowTheFailingSegment(t *testing.T) {
	e := startEngine(t)
	e.database("casetrail")
	for _, sql := range analystData {
		e.query(t, sql)
	}
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			if p.Type != "row" && !strings.HasSuffix(p.Title, "?") {
				t.Errorf("%q is not a question", p.Title)
			}
			for _, q := range p.Targets {
				if q.RawSQL != "" {
					shows(t, p.Title, e.query(t, q.expand()))
				}
			}
		}
		for _, v := range d.Templating.List {
			if rows := e.query(t, v.Query.expand()); len(rows) != 2 {
				t.Errorf("case types: %v", rows)
			}
		}
		for _, a := range d.Annotations.List {
			if n := len(e.query(t, a.Target.expand())); n != 3 && n != 2 { // two episodes and a breach; two change points
				t.Errorf("annotations show %d of the alerts", n)
			}
		}
	}
}

// shows holds a panel's first row against its answer. The aggregate hides no fall of the failing segment: it is in the first row.
func shows(t *testing.T, title string, rows []map[string]any) {
	t.Helper()
	want, ok := answers[title]
	if !ok {
		t.Errorf("no answer to %q is known", title)
		return
	}
	if len(rows) == 0 {
		t.Errorf("%q shows nothing", title)
		return
	}
	for name, v := range want {
		got := rows[0][name]
		if f, ok := v.(float64); ok {
			if g, ok := got.(float64); !ok || math.Abs(f-g) > 1e-9 && math.Abs(f-g) > .02*math.Abs(f) {
				t.Errorf("%q shows %s %v, want %v, in %v", title, name, got, v, rows[0])
			}
		} else if fmt.Sprint(got) != v {
			t.Errorf("%q shows %s %v, want %v, in %v", title, name, got, v, rows[0])
		}
	}
}

// TestDashboardsAreWellFormed: what Grafana can't show, or shows over something else, is found here, as no Grafana is run.
func TestDashboardsAreWellFormed(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range dashboards(t) {
		if d.UID == "" || uids[d.UID] || d.SchemaVersion != 41 || d.Timezone != "utc" {
			t.Errorf("%q: uid %q, schema version %d, time zone %q", d.Title, d.UID, d.SchemaVersion, d.Timezone)
		}
		uids[d.UID] = true
		ids, cells := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			if p.ID == 0 || ids[p.ID] {
				t.Errorf("%q: panel id %d twice", d.Title, p.ID)
			}
			ids[p.ID] = true
			g := p.GridPos
			if g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
				t.Errorf("%q is out of the grid: %+v", p.Title, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := cells[[2]int{x, y}]; other != "" {
						t.Fatalf("%q lies over %q", p.Title, other)
					}
					cells[[2]int{x, y}] = p.Title
				}
			}
			if p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
				t.Errorf("%q has no description or no query", p.Title)
			}
			refs := map[string]bool{}
			for _, q := range p.Targets {
				if refs[q.RefID] {
					t.Errorf("%q has two queries %s", p.Title, q.RefID)
				}
				refs[q.RefID] = true
			}
		}
	}
}

// query returns the rows of a statement, by the names of the columns.
func (e *engine) query(t *testing.T, sql string) (rows []map[string]any) {
	t.Helper()
	address := "http://" + e.addr + "/?" + url.Values{"database": {"casetrail"}, "default_format": {"JSONEachRow"}}.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s\n%s", why, sql)
	}
	d := json.NewDecoder(resp.Body)
	for d.More() {
		var row map[string]any
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

var metric = regexp.MustCompile(`casetrail_\w+`)

func TestDashboardsAskForMetricsThatServicesHave(t *testing.T) {
	host := process.HostWith(zap.NewNop())
	obs, err := host.Shell("router", process.Config{}).Observer("router")
	if err != nil {
		t.Fatal(err)
	}
	obs.Step(kafka.Step{In: 1})
	obs.Lag(stage.TopicPartition{Topic: "case.events"}, 1)
	obs.Retry("produce", io.EOF)
	answer := httptest.NewRecorder()
	host.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	have := metric.FindAllString(answer.Body.String(), -1)
	sink, err := os.ReadFile("../services/clickhouse-sink/service/keeper.go") // what the sink registers beside these
	if err != nil {
		t.Fatal(err)
	}
	have = append(have, metric.FindAllString(string(sink), -1)...)
	asked := 0
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				for _, m := range metric.FindAllString(q.Expr, -1) {
					asked++
					if !slices.Contains(have, m) {
						t.Errorf("%q asks for %s, which no service has", p.Title, m)
					}
				}
			}
		}
	}
	if asked == 0 {
		t.Error("no panel asks Prometheus")
	}
}

func TestDashboardsNameProvisionedDataSources(t *testing.T) {
	b, err := os.ReadFile("../pipelines/grafana/provisioning/datasources/casetrail.yml")
	if err != nil {
		t.Fatal(err)
	}
	var provisioned struct{ Datasources []struct{ UID, Type string } }
	if err := yaml.Unmarshal(b, &provisioned); err != nil {
		t.Fatal(err)
	}
	var uids []string
	for _, s := range provisioned.Datasources {
		uids = append(uids, s.UID)
	}
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				if !slices.Contains(uids, q.Datasource.UID) {
					t.Errorf("%q uses %q; provisioned are %v", p.Title, q.Datasource.UID, uids)
				}
			}
		}
	}
}
