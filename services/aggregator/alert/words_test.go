package alert

import (
	"math"
	"testing"
	"time"

	"github.com/casetrail/casetrail/schemas"
)

func at(s string) int64 {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

// disputes is the alert that the story of Casetrail is about.
func disputes(edit func(a *schemas.SegmentAlert, e *schemas.Episode)) *schemas.SegmentAlert {
	a := &schemas.SegmentAlert{Alert: schemas.AlertKindDrift, CaseType: "dispute", Handler: "ai", Episode: schemas.Some(schemas.Episode{
		State: schemas.EpisodeStateOpened, At: at("2026-04-01 14:00"), Metric: "csat", Change: -0.31, ChangeLow: -0.44, ChangeHigh: -0.18,
		Since: at("2026-03-03 09:00"), SinceLow: at("2026-02-27 00:00"), SinceHigh: at("2026-03-06 00:00"),
		Aggregate0: 4.49, Aggregate1: 4.5, N: 560, Cases: 2140, FalseAlarmYears: 38,
	})}
	if edit != nil {
		edit(a, &a.Episode.Value)
	}
	return a
}

func TestSummary(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(a *schemas.SegmentAlert, e *schemas.Episode)
		want string
	}{
		"the story": {nil, "Disputes handled by AI: CSAT down 0.31 (0.18 to 0.44) since about 3 March UTC; the aggregate is up 0.01; 2,140 cases, 560 ratings; " +
			"a false alarm like this once in 38 years."},
		"masked, sudden": {func(a *schemas.SegmentAlert, e *schemas.Episode) {
			a.Alert, e.SinceLow, e.SinceHigh = schemas.AlertKindMaskedDrift, at("2026-03-03 07:00"), at("2026-03-03 12:00")
			e.Masking = schemas.Some(schemas.MaskingReport{GrossDown: -0.0341, GrossUp: 0.0452})
		}, "Masked drift. Disputes handled by AI: CSAT down 0.31 (0.18 to 0.44) since about 09:00 UTC on 3 March; the aggregate is up 0.01 " +
			"(what fell took 0.034 from it, what rose added 0.045); 2,140 cases, 560 ratings; a false alarm like this once in 38 years."},
		"over, from last year": {func(_ *schemas.SegmentAlert, e *schemas.Episode) {
			e.State, e.Since, e.Aggregate1 = schemas.EpisodeStateClosed, at("2025-12-31 23:00"), 4.4879
		}, "Over. Disputes handled by AI: CSAT was down 0.31 (0.18 to 0.44) from about 31 December 2025 UTC until 14:00 UTC on 1 April; " +
			"the aggregate was unchanged; 2,140 cases, 560 ratings; a false alarm like this once in 38 years."},
		"complaints of a group": {func(a *schemas.SegmentAlert, e *schemas.Episode) {
			a.CaseType, e.Group, e.Metric = "all", schemas.Some("human_only"), "complaint"
			e.Change, e.ChangeLow, e.ChangeHigh, e.Aggregate0, e.Aggregate1, e.Cases, e.FalseAlarmYears = 0.0149, 0.006, 0.0251, 0.024, 0.0235, 1_234_567, 2.04
		}, "All human-only case types, handled by AI: complaint rate up 1.5 percentage points (0.6 to 2.5) since about 3 March UTC; " +
			"the aggregate is down 0.1; 1,234,567 cases; a false alarm like this once in 2.0 years."},
		"small rates": {func(a *schemas.SegmentAlert, e *schemas.Episode) {
			a.CaseType, a.Handler, e.Metric = "refund_status", "all", "repeat_contact"
			e.Change, e.ChangeLow, e.ChangeHigh, e.Aggregate0, e.Aggregate1, e.Cases = 0.0021, -0.0004, 0.0043, 0.01, 0.01001, 1
		}, "Refund status cases: repeat contact rate up 0.21 percentage points (down 0.04 to up 0.43) since about 3 March UTC; " +
			"the aggregate is unchanged; 1 case; a false alarm like this once in 38 years."},
		"against humans": {func(_ *schemas.SegmentAlert, e *schemas.Episode) { e.Reference = schemas.ReferenceKindHuman },
			"Disputes handled by AI: CSAT down 0.31 (0.18 to 0.44) against humans on the same case type since about 3 March UTC; " +
				"the aggregate is up 0.01; 2,140 cases, 560 ratings; a false alarm like this once in 38 years."},
		"fewer ratings, a level accepted": {func(a *schemas.SegmentAlert, e *schemas.Episode) {
			a.Handler, e.Metric, e.Reference = "ai_then_escalated", "csat_response", schemas.ReferenceKindAccepted
			e.Change, e.ChangeLow, e.ChangeHigh, e.Aggregate0, e.Aggregate1 = -0.05, -0.07, -0.03, 0.25, 0.24
		}, "Disputes escalated from AI to humans: CSAT response rate down 5.0 percentage points (3.0 to 7.0) against the accepted level " +
			"since about 3 March UTC; the aggregate is down 1.0; 2,140 cases; a false alarm like this once in 38 years."},
		"nothing": {func(_ *schemas.SegmentAlert, e *schemas.Episode) {
			e.Change, e.ChangeLow, e.ChangeHigh, e.N = 0.001, -0.02, 0.03, 0
		},
			"Disputes handled by AI: CSAT unchanged (down 0.02 to up 0.03) since about 3 March UTC; the aggregate is up 0.01; 2,140 cases, 0 ratings; " +
				"a false alarm like this once in 38 years."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Summary(disputes(c.edit)); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCasesOfAnyCompany(t *testing.T) {
	for caseType, want := range map[string]string{
		"dispute": "Disputes", "balance_inquiry": "Balance inquiries", "hardship_request": "Hardship requests", "survey": "Surveys",
		"refund_status": "Refund status cases", "shipment_tracking": "Shipment tracking cases", "unknown": "Cases of unknown type",
		"complex_multi_product": "Complex multi products", "kyc": "Kyc cases", "other": "Other cases", "all": "All cases",
		"KYC_Check": "KYC Check cases", "_lost__card_": "Lost cards", "": "All cases", "älter": "Älter cases", "b2b": "B2b cases",
	} {
		if got := cases(caseType); got != want {
			t.Errorf("%q: %q, want %q", caseType, got, want)
		}
	}
}

func TestFalseAlarms(t *testing.T) {
	for years, want := range map[float64]string{
		0.1: "about 10 times a year", 0.25: "about 4 times a year", 0.9: "about once a year", 1.2: "once in 1.2 years", 9.44: "once in 9.4 years",
		9.6: "once in 10 years", 1234.4: "once in 1,234 years", 999_999: "once in 999,999 years", 1e6: "less than once in a million years",
		math.Inf(1): "less than once in a million years", math.NaN(): "is not ruled out", 0: "is not ruled out",
	} {
		if got := falseAlarm(years); got != "a false alarm like this "+want {
			t.Errorf("%v: %q, want %q", years, got, want)
		}
	}
}

func TestQuery(t *testing.T) {
	const times = " AND concluded_at >= toDateTime64('2026-03-03 09:00:00', 3, 'UTC') AND concluded_at < toDateTime64('2026-04-01 14:00:00', 3, 'UTC')"
	for name, c := range map[string]struct {
		edit  func(a *schemas.SegmentAlert, e *schemas.Episode)
		types []string
		want  string
	}{
		"ratings": {nil, []string{"not asked"}, "SELECT * FROM cases WHERE case_type IN ('dispute') AND handler_path = 'ai'" + times +
			" AND csat IS NOT NULL ORDER BY csat, concluded_at DESC LIMIT 100"},
		"a group": {func(a *schemas.SegmentAlert, e *schemas.Episode) {
			a.CaseType, a.Handler, e.Group, e.Metric = "all", "all", schemas.Some("human_only"), "complaint"
		}, []string{`it's`, `back\slash`}, `SELECT * FROM cases WHERE case_type IN ('it\'s', 'back\\slash')` + times + " AND complaint ORDER BY concluded_at DESC LIMIT 100"},
	} {
		if got := Query(disputes(c.edit), c.types); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}
