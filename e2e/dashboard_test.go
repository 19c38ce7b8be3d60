package e2e

import (
	"encoding/json"
	"io"
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

// The tests of Grafana's dashboards: every query runs, shows something, and the first table names the failing segment.

type dashboard struct {
	Title      string
	Panels     []panel
	Templating struct {
		List []struct{ Query query }
	}
	Annotations struct{ List []struct{ Target query } }
}

type panel struct {
	Type, Title string
	Targets     []query
}

type query struct {
	RawSQL     string `json:"rawSql"`
	Expr       string
	Datasource struct{ UID string }
}

func dashboards(t *testing.T) (out []dashboard) {
	t.Helper()
	files, err := filepath.Glob("../pipelines/grafana/*.json")
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

// A segment fails: disputes that the AI handles are rated 1 or 2, everything else 4 or 5. It is a tenth of the volume.
const failingSegment = `INSERT INTO records (ledger, partition, sequence, kind, case_id, case_type, route, handler, handler_path, outcome, csat, complaint,
    escalated, signals, opened_at, human_requested_at, escalated_at, human_joined_at, concluded_at, guard_breach)
SELECT 'casetrail/test/0/1', 0, number, 'case', toString(number), if(number % 5 = 0, 'dispute', 'refund_status') AS type, if(ai, 'ai_handled', 'ai_then_escalated'),
    if(number % 2 = 0, 'ai', 'human') AS handler, handler, 'resolved_confirmed', if(type = 'dispute' AND handler = 'ai', 1 + number % 20 / 10, 4 + number % 3 / 2), false,
    NOT ai, if(ai, [], ['human_request']), time - 600, if(ai, NULL, time - 500), if(ai, NULL, time - 400), if(ai, NULL, time - 300), time, number % 97 = 0
FROM (SELECT number, number % 2 = 0 AS ai, toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + number * 60 AS time FROM numbers(2880))`

var dashboardData = []string{
	failingSegment,
	`INSERT INTO partitions SELECT 0`,
	`INSERT INTO checkpoints (partition, ledger, size, time, offset) SELECT 0, 'casetrail/test/0/1', 60 * (number + 1), toDateTime64('2026-01-01 01:00:00', 3, 'UTC') + 3600 * number, number FROM numbers(48)`,
	`INSERT INTO escalation_messages (partition, source_partition, source_offset, case_id, signal, case_type, from_handler, escalated_at)
SELECT 0, 0, number, toString(number), ['human_request', 'duration'][number % 2 + 1], 'dispute', 'ai', toDateTime64('2026-01-02 00:00:00', 3, 'UTC') + number * 60 FROM numbers(100)`,
	`INSERT INTO alert_messages (partition, source_partition, source_offset, alert, case_type, handler, raised_at, summary)
SELECT 0, 0, number, ['drift', 'masked_drift'][number % 2 + 1], 'dispute', 'ai', toDateTime64('2026-01-02 00:00:00', 3, 'UTC') + number * 3600, 'CSAT fell' FROM numbers(4)`,
}

var macro = regexp.MustCompile(`\$__timeFilter\((\w+)\)`)

// expand does what Grafana does before it sends a query.
func (q query) expand() string {
	sql := macro.ReplaceAllString(q.RawSQL, "$1 >= toDateTime(1767225600) AND $1 <= toDateTime(1767398400)") // 2026-01-01 to 03
	return strings.ReplaceAll(sql, "${case_type:sqlstring}", "'dispute'")
}

func TestDashboardsShowTheFailingSegment(t *testing.T) {
	e := startEngine(t)
	e.database("casetrail")
	for _, sql := range dashboardData {
		e.query(t, sql)
	}
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			if p.Type != "row" && !strings.HasSuffix(p.Title, "?") {
				t.Errorf("%q is not a question", p.Title)
			}
			for _, q := range p.Targets {
				if q.RawSQL != "" && len(e.query(t, q.expand())) == 0 {
					t.Errorf("%q shows nothing:\n%s", p.Title, q.RawSQL)
				}
			}
		}
		for _, v := range d.Templating.List {
			if rows := e.query(t, v.Query.expand()); len(rows) != 2 {
				t.Errorf("case types: %v", rows)
			}
		}
		for _, a := range d.Annotations.List {
			if len(e.query(t, a.Target.expand())) != 4 {
				t.Errorf("annotations are not the 4 alerts")
			}
		}
	}
	below := find(t, "Which segments are furthest below it now?")
	worst := e.query(t, below.Targets[0].expand())[0]
	if worst["case type"] != "dispute" || worst["handler"] != "ai" {
		t.Errorf("the failing segment is not the first row, but %v", worst)
	}
}

func find(t *testing.T, title string) panel {
	t.Helper()
	for _, d := range dashboards(t) {
		if i := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == title }); i >= 0 {
			return d.Panels[i]
		}
	}
	t.Fatalf("no panel %q", title)
	return panel{}
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
	asked := 0
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				for _, m := range metric.FindAllString(q.Expr, -1) {
					asked++
					if !slices.Contains(have, m) {
						t.Errorf("%q asks for %s, which no stage has", p.Title, m)
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
