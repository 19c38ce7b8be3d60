package masking

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %.12g, want %.12g", what, got, want)
	}
}

// published is the published test vector of the design: see docs/adr/0011.
var published = []Segment{
	{"refund_status", "ai", 84321, 90110, 4.5, 4.58},
	{"refund_status", "human", 9000, 8700, 4.55, 4.56},
	{"dispute", "ai", 2400, 3300, 4.25, 3.91},
	{"dispute", "human", 8600, 7900, 4.35, 4.34},
	{"hardship", "ai", 0, 600, 0, 3.8},
}

func TestPublishedVector(t *testing.T) {
	r, ok := Compare(published)
	if !ok {
		t.Fatal("no report")
	}
	near(t, "aggregate before", r.Aggregate0, 4.486196451337698)
	near(t, "aggregate after", r.Aggregate1, 4.537065364795226)
	near(t, "change", r.Change, 0.050868913457527754)
	near(t, "within", r.Within, 0.055990382348454805)
	near(t, "mix", r.Mix, -0.005121468890926351)
	near(t, "residual", r.Residual, 0)
	near(t, "gross up", r.GrossUp, 0.06574256182419842)
	near(t, "gross down", r.GrossDown, -0.009752179475743613)
	near(t, "standardised", r.Standardised, 4.543075507328342)
	near(t, "index", r.Index, 0.39906302897909085)
	want := []Row{ // by name
		{Segment{CaseType: "dispute", Handler: "ai"}, 0.02300591443716989, 0.029834553837808517, -0.34, -0.008982879606746324, -0.002947451825356073},
		{Segment{CaseType: "dispute", Handler: "human"}, 0.08243786006652544, 0.07142211373293554, -0.01, -0.0007692998689972885, 0.00183556381459589},
		{Segment{CaseType: "hardship", Handler: "ai"}, 0, 0.005424464334147003, 0, 0, -0.00386021647988317},
		{Segment{CaseType: "refund_status", Handler: "ai"}, 0.8082840463569176, 0.8146641352499774, 0.08, 0.06491792726427585, 0.00018099732835135502},
		{Segment{CaseType: "refund_status", Handler: "human"}, 0.08627217913938709, 0.07865473284513154, 0.01, 0.0008246345599225756, -0.00033036172863435304},
	}
	for i, row := range r.Rows {
		if row.CaseType != want[i].CaseType || row.Handler != want[i].Handler {
			t.Fatalf("row %d is %s/%s", i, row.CaseType, row.Handler)
		}
		near(t, "share before", row.Share0, want[i].Share0)
		near(t, "share after", row.Share1, want[i].Share1)
		near(t, "delta", row.Delta, want[i].Delta)
		near(t, "row within", row.Within, want[i].Within)
		near(t, "row mix", row.Mix, want[i].Mix)
	}
	if !Masked(1, r.Change, .02) {
		t.Error("a segment is in alert, the aggregate has risen, and that is not called masked")
	}
}

func TestMasked(t *testing.T) {
	for _, c := range []struct {
		alerts int
		change float64
		want   bool
	}{{0, .1, false}, {1, .1, true}, {1, 0, true}, {1, -.02, true}, {1, -.0201, false}, {3, -.3, false}} {
		if got := Masked(c.alerts, c.change, .02); got != c.want {
			t.Errorf("%d alerts, aggregate %+g: %v", c.alerts, c.change, got)
		}
	}
}

func TestNoRatings(t *testing.T) {
	for _, s := range [][]Segment{nil, {{"a", "ai", 3, 0, 4, 0}}, {{"a", "ai", 0, 3, 0, 4}}} {
		if _, ok := Compare(s); ok {
			t.Errorf("%v: there is a report", s)
		}
	}
	r, ok := Compare([]Segment{{"a", "ai", 3, 3, 4, 4}, {"b", "ai", 0, 0, 0, 0}})
	if !ok || len(r.Rows) != 1 || r.Change != 0 || r.Index != 0 {
		t.Errorf("%+v", r)
	}
}

// TestParts: whatever the segments and their order, the parts make up the change, to rounding, with the same bits.
func TestParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1_000_000)
		mean := rapid.Float64Range(1, 5)
		segments := make([]Segment, rapid.IntRange(1, 30).Draw(t, "segments"))
		for i := range segments {
			segments[i] = Segment{rapid.StringMatching("[a-c]").Draw(t, "type"), string(rune('a' + i)), n.Draw(t, "n0"), n.Draw(t, "n1"), mean.Draw(t, "m0"), mean.Draw(t, "m1")}
		}
		r, ok := Compare(segments)
		if !ok {
			return
		}
		if math.Abs(r.Residual) > 1e-12 {
			t.Errorf("residual %g", r.Residual)
		}
		if r.Index < 0 || r.Index > 1 {
			t.Errorf("index %g", r.Index)
		}
		if math.Abs(r.GrossUp+r.GrossDown-r.Within) > 1e-12 {
			t.Errorf("gross %g and %g, within %g", r.GrossUp, r.GrossDown, r.Within)
		}
		again, _ := Compare(rapid.Permutation(segments).Draw(t, "order"))
		rows, other := r.Rows, again.Rows
		r.Rows, again.Rows = nil, nil
		if !slices.Equal(rows, other) || !same(r, again) {
			t.Errorf("another order, another report: %+v %+v", r, again)
		}
	})
}

func same(a, b Report) bool {
	bits := func(r Report) []float64 {
		return []float64{r.Aggregate0, r.Aggregate1, r.Change, r.Within, r.Mix, r.Residual, r.GrossUp, r.GrossDown, r.Standardised, r.Index}
	}
	return slices.Equal(bits(a), bits(b))
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		cases, ratings, sum int64
		low, high           float64
	}{{100, 25, 100, 1.75, 4.75}, {10, 10, 40, 4, 4}, {3, 5, 20, 4, 4}, {4, 0, 0, 1, 5}} {
		low, high := Bounds(c.cases, c.ratings, c.sum)
		if low != c.low || high != c.high {
			t.Errorf("%+v: %g to %g", c, low, high)
		}
	}
}
