package insert

import (
	"context"

	"github.com/casetrail/casetrail/schemas"
)

// alertColumns are those of 0005_alert_messages.sql.
var alertColumns = columnsOf(
	field("alert", symbol, func(a *schemas.SegmentAlert) string { return a.Alert.String() }),
	field("case_type", symbol, func(a *schemas.SegmentAlert) string { return a.CaseType }),
	field("handler", symbol, func(a *schemas.SegmentAlert) string { return a.Handler }),
	field("raised_at", millis, func(a *schemas.SegmentAlert) int64 { return a.RaisedAt }),
	field("summary", text, func(a *schemas.SegmentAlert) string { return a.Summary }),
	field("case_id", "Nullable(String)", func(a *schemas.SegmentAlert) *string { return pointer(a.CaseID) }),
	field("record_ledger", "Nullable(String)", func(a *schemas.SegmentAlert) *string { return pointer(a.RecordLedger) }),
	field("record_sequence", "Nullable(Int64)", func(a *schemas.SegmentAlert) *int64 { return pointer(a.RecordSequence) }),
	ofEpisode("episode", "Nullable(String)", func(e *schemas.Episode) string { return e.ID }),
	ofEpisode("test", "Nullable(String)", func(e *schemas.Episode) string { return e.Test }),
	ofEpisode("state", "Nullable(String)", func(e *schemas.Episode) string { return e.State.String() }),
	ofEpisode("at", maybe, func(e *schemas.Episode) int64 { return e.At }),
	ofEpisode("metric", "Nullable(String)", func(e *schemas.Episode) string { return e.Metric }),
	partOfEpisode("case_type_group", "Nullable(String)", func(e *schemas.Episode) *string { return pointer(e.Group) }),
	ofEpisode("evidence", number, func(e *schemas.Episode) float64 { return e.Evidence }),
	ofEpisode("false_alarm_years", number, func(e *schemas.Episode) float64 { return e.FalseAlarmYears }),
	ofEpisode("change", number, func(e *schemas.Episode) float64 { return e.Change }),
	ofEpisode("change_low", number, func(e *schemas.Episode) float64 { return e.ChangeLow }),
	ofEpisode("change_high", number, func(e *schemas.Episode) float64 { return e.ChangeHigh }),
	ofEpisode("level0", number, func(e *schemas.Episode) float64 { return e.Level0 }),
	ofEpisode("level1", number, func(e *schemas.Episode) float64 { return e.Level1 }),
	partOfEpisode("worst_low", number, func(e *schemas.Episode) *float64 { return pointer(e.WorstLow) }),
	partOfEpisode("worst_high", number, func(e *schemas.Episode) *float64 { return pointer(e.WorstHigh) }),
	ofEpisode("aggregate0", number, func(e *schemas.Episode) float64 { return e.Aggregate0 }),
	ofEpisode("aggregate1", number, func(e *schemas.Episode) float64 { return e.Aggregate1 }),
	ofEpisode("masked", "Nullable(Bool)", func(e *schemas.Episode) bool { return e.Masked }),
	ofEpisode("since", maybe, func(e *schemas.Episode) int64 { return e.Since }),
	ofEpisode("since_low", maybe, func(e *schemas.Episode) int64 { return e.SinceLow }),
	ofEpisode("since_high", maybe, func(e *schemas.Episode) int64 { return e.SinceHigh }),
	ofEpisode("n", "Nullable(Int64)", func(e *schemas.Episode) int64 { return e.N }),
	ofEpisode("cases", "Nullable(Int64)", func(e *schemas.Episode) int64 { return e.Cases }),
	ofEpisode("n_reference", "Nullable(Int64)", func(e *schemas.Episode) int64 { return e.NReference }),
	ofEpisode("reference", "Nullable(String)", func(e *schemas.Episode) string { return e.Reference.String() }),
	ofEpisode("query", "Nullable(String)", func(e *schemas.Episode) string { return e.Query }),
).with(headsColumns(func(a *schemas.SegmentAlert) []schemas.LedgerHead { return a.Episode.Value.Heads })).
	with(maskingColumns(func(a *schemas.SegmentAlert) *schemas.MaskingReport {
		if !a.Episode.Set || !a.Episode.Value.Masking.Set {
			return nil
		}
		return &a.Episode.Value.Masking.Value
	}))

// ofEpisode is a column of an alert's episode, null where it has none.
func ofEpisode[V any](name, typ string, of func(*schemas.Episode) V) column[Messages[schemas.SegmentAlert]] {
	return partOfEpisode(name, typ, func(e *schemas.Episode) *V {
		v := of(e)
		return &v
	})
}

// partOfEpisode is one that an episode may lack.
func partOfEpisode[V any](name, typ string, of func(*schemas.Episode) *V) column[Messages[schemas.SegmentAlert]] {
	return field(name, typ, func(a *schemas.SegmentAlert) *V {
		if !a.Episode.Set {
			return nil
		}
		return of(&a.Episode.Value)
	})
}

// InsertAlerts writes rows of conduct.alerts.
func (d *Database) InsertAlerts(ctx context.Context, m *Messages[schemas.SegmentAlert]) error {
	return insertInto(ctx, d, "alert_messages", "", alertColumns, m)
}
