package e2e

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

// fill gives every field a value that is not its zero, another one each time.
func fill(v reflect.Value, n *int64) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(float64(*n) / 4)
	case reflect.Uint8:
		v.SetUint(1)
	default:
		if v.Type().PkgPath() != "" { // an enumeration
			v.SetInt(1)
		} else {
			v.SetInt(1000 + *n)
		}
	}
}

// empty are the columns in which a row shows what a message that says nothing has.
func empty(row map[string]any) (names []string) {
	for name, v := range row {
		switch fmt.Sprint(v) {
		case "", "<nil>", "0", "[]", "false":
			names = append(names, name)
		}
	}
	return names
}

// leaves are the texts and numbers of a message as rows show them: a number may be one of milliseconds, and shown as a time.
func leaves(v reflect.Value) (out []string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			out = append(out, leaves(v.Field(i))...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			out = append(out, leaves(v.Index(i))...)
		}
	case reflect.String, reflect.Float64:
		out = append(out, fmt.Sprint(v))
	case reflect.Int64:
		out = append(out, fmt.Sprint(v)+"|"+time.UnixMilli(v.Int()).UTC().Format("2006-01-02 15:04:05.000"))
	}
	return out
}

func at(offset int64) *stage.Record {
	return &stage.Record{Topic: "t", Partition: 1, Offset: 1 + offset, Stage: pipelines.Aggregator, Position: stage.Position{Partition: 1, Offset: 1 + offset, Ordinal: 1}}
}

// TestSinkTakesEveryField of an alert, and of a MetricRecord: nothing that they say is missing from ClickHouse.
func TestSinkTakesEveryField(t *testing.T) {
	e := startEngine(t)
	db := e.database("casetrail")
	var alert schemas.SegmentAlert
	n := int64(0)
	fill(reflect.ValueOf(&alert).Elem(), &n)
	var alerts insert.Messages[schemas.SegmentAlert]
	alerts.Add(at(0), alert)
	var record schemas.MetricRecord
	fill(reflect.ValueOf(&record).Elem(), &n)
	record.Segments[0].CaseType, record.Segments[0].Handler = "all", "all"
	record.Segments = record.Segments[:1]
	record.Segments[0].CSATBounds.Value.Value = record.Segments[0].CSAT.Value.Value // which it is
	var metrics insert.Messages[insert.Metric]
	insert.AddMetrics(&metrics, at(0), &record)
	for range 2 {
		if err := db.InsertAlerts(t.Context(), &alerts); err != nil {
			t.Fatal(err)
		}
		if err := db.InsertMetrics(t.Context(), &metrics); err != nil {
			t.Fatal(err)
		}
	}
	for relation, want := range map[string]int{"alerts": 1, "alert_updates": 1, "metrics": 1, "masking": 2} {
		rows := e.query(t, "SELECT * FROM "+relation)
		if len(rows) != want {
			t.Fatalf("%s has %d rows, want %d", relation, len(rows), want)
		}
		if none := empty(rows[0]); len(none) > 0 {
			t.Errorf("%s shows nothing in %v", relation, none)
		}
	}
	// Every text and every number of a message is in some cell.
	for relation, m := range map[string]any{"alert_updates": alert, "metrics": record} {
		cells := fmt.Sprint(e.query(t, "SELECT * FROM "+relation))
		for _, v := range leaves(reflect.ValueOf(m)) {
			if number, clock, ok := strings.Cut(v, "|"); !strings.Contains(cells, number) && !(ok && strings.Contains(cells, clock)) {
				t.Errorf("%s lacks %s", relation, v)
			}
		}
	}
}

// TestSinkShowsTheLastOfAnEpisode, in whichever order and however often its messages come.
func TestSinkShowsTheLastOfAnEpisode(t *testing.T) {
	e := startEngine(t)
	db := e.database("casetrail")
	var rows insert.Messages[schemas.SegmentAlert]
	for _, offset := range []int64{5, 2, 9, 2, 9, 1} {
		a := schemas.SegmentAlert{CaseType: "dispute", Handler: "ai", RaisedAt: 1000, Summary: fmt.Sprint(offset)}
		a.Episode.Set = true
		a.Episode.Value = schemas.Episode{ID: fmt.Sprint("episode ", offset%2), N: offset, State: schemas.EpisodeState(min(offset/4, 2))}
		rows.Add(at(offset), a)
	}
	for offset := range int64(2) { // two guard breaches
		rows.Add(at(20+offset), schemas.SegmentAlert{Alert: schemas.AlertKindGuardBreach, CaseType: "dispute", Handler: "ai", RaisedAt: 2000})
	}
	for range 2 {
		if err := db.InsertAlerts(t.Context(), &rows); err != nil {
			t.Fatal(err)
		}
	}
	got := fmt.Sprint(e.query(t, "SELECT episode, state, toInt32(n) AS n, summary FROM alerts WHERE alert != 'guard_breach' ORDER BY episode"))
	if want := "[map[episode:episode 0 n:2 state:opened summary:2] map[episode:episode 1 n:9 state:closed summary:9]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for relation, want := range map[string]int{"alerts": 4, "alert_updates": 6} {
		if n := len(e.query(t, "SELECT * FROM "+relation)); n != want {
			t.Errorf("%s has %d rows, want %d", relation, n, want)
		}
	}
}
