package watch

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func of(updates []Update, test string) (out []Update) {
	for _, u := range updates {
		if u.Test == test {
			out = append(out, u)
		}
	}
	return out
}

// TestAnEpisode: a segment that gets worse raises one alert, which says by how much and since when, is updated as more is
// known, and closed when it is over. What comes later is another episode.
func TestAnEpisode(t *testing.T) {
	w, m := newTown(1), New(policy())
	if quiet := w.run(m, 30); len(quiet) > 0 {
		t.Fatalf("nothing has changed: %v", &quiet[0])
	}
	began := w.hour
	w.csat["dispute/ai"] = -.5
	all := w.run(m, 14)
	w.csat["dispute/ai"] = 0
	over := w.hour
	all = append(all, w.run(m, 30)...)
	got := of(all, "dispute/ai/csat")
	if len(got) < 3 {
		t.Fatalf("%d updates", len(got))
	}
	first, last := got[0], got[len(got)-1]
	if first.State != Opened || first.At > began+36 || first.RaisedAt != first.At || first.Kind != Drift || first.CaseType != "dispute" || first.Handler != "ai" || first.Metric != "csat" || first.Group {
		t.Errorf("opened: %+v", first)
	}
	if last.State != Closed || last.At < over || last.At > over+14*24 {
		t.Errorf("it was over at %d; last: %+v", over, last)
	}
	for i, u := range got[1 : len(got)-1] {
		if since := u.At - got[i].At; u.State != Updated || since%24 != 0 || since == 0 || since > 7*24 {
			t.Errorf("update %d is %s at %d", i, u.State, u.At)
		}
	}
	for _, u := range got {
		if u.Episode != first.Episode || u.RaisedAt != first.At {
			t.Errorf("another episode: %v", &u)
		}
		if u.At < over && !(u.Low <= -.5 && -.5 <= u.High && u.SinceLow <= u.Since && u.Since <= u.SinceHigh && u.N > 0 && u.Cases > u.N && u.Reference > 1000 && u.Against == Period) {
			t.Errorf("%+v", u)
		}
		if u.At < over && (u.Level0 < 4.1 || u.Level0 > 4.3 || u.Effect-(u.Level1-u.Level0) > 1e-9 || u.WorstLow >= u.Level1 || u.WorstHigh <= u.Level1) {
			t.Errorf("levels: %+v", u)
		}
	}
	if d := first.Since - began; d < -12 || d > 12 {
		t.Errorf("it began at %d, found %d", began, first.Since)
	}
	w.csat["dispute/ai"] = -.5
	again := of(w.run(m, 5), "dispute/ai/csat")
	if len(again) == 0 || again[0].State != Opened || again[0].Episode == first.Episode || again[0].Since < over {
		t.Errorf("the second time: %v", again)
	}
}

// TestMaskedDrift: one segment of many gets worse, and the aggregate stands still; when everything gets worse nothing is masked.
func TestMaskedDrift(t *testing.T) {
	w, m := newTown(2), New(policy())
	w.run(m, 20)
	w.csat["fraud/ai"] = -.3
	all := w.run(m, 10)
	w.csat["fraud/ai"] = 0
	all = append(all, w.run(m, 30)...)
	got := of(all, "masked")
	if len(got) < 2 || got[0].State != Opened || got[0].Kind != MaskedDrift || got[0].Masking == nil || got[len(got)-1].State != Closed {
		t.Fatalf("%v", got)
	}
	if u := got[0]; u.Handler != "ai" || u.Metric != "csat" || u.Aggregate1-u.Aggregate0 < -.04 || !u.Masked {
		t.Errorf("%+v", u)
	}
	for _, typ := range types {
		for _, h := range handlers {
			w.csat[typ+"/"+h] = -.4
		}
	}
	open := map[string]bool{}
	for _, u := range w.run(m, 10) {
		if open[u.Test] = u.State != Closed; u.Kind == MaskedDrift {
			t.Errorf("the aggregate has fallen by %.2f, and that is called masked: %v", u.Aggregate1-u.Aggregate0, &u)
		}
	}
	if len(open) < 12 {
		t.Errorf("everything is worse, and alerts are about %d tests", len(open))
	}
}

// TestSameBits: the updates follow from the hours alone, whatever order their rows come in.
func TestSameBits(t *testing.T) {
	a, b := New(policy()), New(policy())
	w, r := newTown(3), rand.New(rand.NewPCG(3, 3))
	n := 0
	for d := range 40 {
		if d == 20 {
			w.csat["dispute/human"] = -.3
		}
		for range 24 {
			hour, rows := w.next()
			one := slices.Clone(a.Hour(hour, rows))
			r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			if two := b.Hour(hour, rows); !reflect.DeepEqual(one, slices.Clone(two)) {
				t.Fatalf("%+v\n%+v", one, two)
			}
			n += len(one)
		}
	}
	if n == 0 {
		t.Error("no update to compare")
	}
}

// TestAnHourCountsOnce: an hour that has been counted, or is older, changes nothing.
func TestAnHourCountsOnce(t *testing.T) {
	a, b := New(policy()), New(policy())
	w := newTown(4)
	w.run(a, 16)
	w = newTown(4)
	w.run(b, 16)
	w.csat["dispute/ai"] = -.4
	for range 24 * 6 {
		hour, rows := w.next()
		one := slices.Clone(a.Hour(hour, rows))
		two := slices.Clone(b.Hour(hour, rows))
		if again := b.Hour(hour, rows); len(again) > 0 {
			t.Errorf("hour %d again: %v", hour, &again[0])
		}
		if b.Hour(hour-5, rows) != nil || !reflect.DeepEqual(one, two) {
			t.Fatalf("with hours given twice: %v, without: %v", two, one)
		}
	}
}

// TestGaps: hours without a case need not be given.
func TestGaps(t *testing.T) {
	w, m := newTown(5), New(policy())
	w.run(m, 17)
	w.hour += 31
	if got := w.run(m, 10); len(got) > 0 {
		t.Errorf("%v", &got[0])
	}
	w.csat["dispute/ai"] = -.6
	w.run(m, 1)
	w.hour += 300
	if got := of(w.run(m, 2), "dispute/ai/csat"); len(got) == 0 {
		t.Error("a drop before a gap and after it is not found")
	}
}

// TestNoReferenceOfItsOwn: a segment that begins later is compared with humans of its case type, and says so.
func TestNoReferenceOfItsOwn(t *testing.T) {
	w, m := newTown(6), New(policy())
	w.less["dispute/ai"] = 0
	w.run(m, 20)
	delete(w.less, "dispute/ai")
	w.csat["dispute/ai"] = -.5
	got := of(w.run(m, 4), "dispute/ai/csat")
	if len(got) == 0 || got[0].Against != HumanArm || got[0].Low > -.5 || got[0].High < -.5 {
		t.Fatalf("%+v", got)
	}
	// In time it has a level of its own, and its episode is over: this is what it is.
	if got = of(w.run(m, 40), "dispute/ai/csat"); got[len(got)-1].State != Closed {
		t.Errorf("%v", &got[len(got)-1])
	}
}

// TestTooFew: of a segment with too few ratings nothing is said.
func TestTooFew(t *testing.T) {
	w, c := newTown(7), policy()
	c.Minimum = 2000
	m := New(c)
	w.run(m, 20)
	w.csat["fraud/ai_then_escalated"] = -1.5
	for _, u := range w.run(m, 4) {
		if u.N < c.Minimum {
			t.Errorf("%d ratings: %v", u.N, &u)
		}
	}
}

// TestAcceptedLevel: an operator accepts the new level. The episode is closed, the level is the reference of what follows.
func TestAcceptedLevel(t *testing.T) {
	w, m, c := newTown(8), New(policy()), policy()
	w.run(m, 20)
	w.csat["dispute/ai"] = -.5
	from := w.hour
	if got := of(w.run(m, 4), "dispute/ai/csat"); len(got) == 0 {
		t.Fatal("not found")
	}
	c.Baselines = []Accepted{{"dispute", "ai", "csat", from}}
	m.Configure(c)
	got := of(w.run(m, 30), "dispute/ai/csat")
	if len(got) != 1 || got[0].State != Closed {
		t.Fatalf("%v", got)
	}
	m.Configure(c) // says nothing new
	w.csat["dispute/ai"] = -1
	got = of(w.run(m, 4), "dispute/ai/csat")
	if len(got) == 0 || got[0].Against != AcceptedLevel || got[0].Low > -.5 || got[0].High < -.5 {
		t.Errorf("%+v", got)
	}
}

// TestALevelAcceptedInAdvance is none until its time has come: a drop before it is found.
func TestALevelAcceptedInAdvance(t *testing.T) {
	w, c := newTown(10), policy()
	c.Baselines = []Accepted{{"dispute", "ai", "csat", w.hour + 25*24}}
	m := New(c)
	w.run(m, 20)
	w.csat["dispute/ai"] = -.5
	got := of(w.run(m, 4), "dispute/ai/csat")
	if len(got) == 0 || got[0].State != Opened {
		t.Fatalf("%v", got)
	}
	if got = of(w.run(m, 20), "dispute/ai/csat"); len(got) == 0 || got[len(got)-1].State != Closed || got[len(got)-1].At > w.hour-18*24 {
		t.Errorf("%v", got)
	}
}

// TestAnotherPolicy: a case type that the policy no longer names has no test, and its episodes end.
func TestAnotherPolicy(t *testing.T) {
	w, m, c := newTown(9), New(policy()), policy()
	w.run(m, 20)
	w.csat["dispute/ai"] = -.5
	if len(of(w.run(m, 4), "dispute/ai/csat")) == 0 {
		t.Fatal("not found")
	}
	c.Groups = []Group{{"ai_handles", types[:2]}, {"human_only", types[3:]}}
	m.Configure(c)
	got := w.run(m, 20)
	if d := of(got, "dispute/ai/csat"); len(d) != 1 || d[0].State != Closed {
		t.Errorf("%v", d)
	}
	for _, u := range got {
		if u.State != Closed && strings.Contains(u.Test, "dispute") {
			t.Errorf("%v", &u)
		}
	}
	w.csat["fraud/ai"] = -.5
	if len(of(w.run(m, 4), "fraud/ai/csat")) == 0 {
		t.Error("what stays is no longer watched")
	}
}
