package classify

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var hostile = []string{
	"", "\x00", "\xff\xfe\xfd", "a\x00b\x00c", "\u202e\u200b\u200d", "ﷺﷺﷺ", "e" + strings.Repeat("\u0301", 5000),
	strings.Repeat("a", 20000), strings.Repeat("where is my refund ", 1100), strings.Repeat("😡", 20000),
	strings.Repeat("ﷺ", 20000), strings.Repeat("\xf0\x9f", 20000), strings.Repeat("!?", 20000), strings.Repeat("9", 20000),
	strings.Repeat("and ", 5000), strings.Repeat(". ", 5000), "рay ｍｅ 你好 مرحبا नमस्ते 👩‍👩‍👧‍👦", "I̷ ̷w̷a̷n̷t̷",
}

func check(t *testing.T, model *Model, text string) {
	t.Helper()
	got := model.Classify(text)
	if got.CaseType != Unknown && !slices.Contains(CaseTypes, got.CaseType) {
		t.Fatalf("%.80q: no case type %q", text, got.CaseType)
	}
	if !(got.Probability >= 0 && got.Probability <= 1) || !(got.AIProbability >= 0 && got.AIProbability <= 1) {
		t.Fatalf("%.80q: %+v is out of range", text, got)
	}
	if again := model.Classify(text); !reflect.DeepEqual(again, got) {
		t.Fatalf("%.80q: %+v, then %+v", text, got, again)
	}
}

func TestHostile(t *testing.T) {
	model := load(t)
	for _, text := range hostile {
		start := time.Now()
		check(t, model, text)
		if took := time.Since(start); took > time.Second {
			t.Errorf("%.40q of %d bytes took %v", text, len(text), took)
		}
	}
}

func TestLongMessagesAreReadAtBothEnds(t *testing.T) {
	model := load(t)
	filler := strings.Repeat("lorem ipsum dolor ", 5000)
	if got := model.Classify(filler + ". Someone stole my card and used it."); got.AIProbability >= model.Threshold() {
		t.Errorf("the end of a long message is not read: %+v", got)
	}
	middle := filler + ". Someone stole my card and used it. " + filler
	if got, want := model.Classify(middle), model.Classify(filler+filler); !reflect.DeepEqual(got, want) {
		t.Error("the middle of a long message is read")
	}
}

func TestClassifyDoesNotAllocate(t *testing.T) {
	model := load(t)
	for _, text := range []string{"hi, I was charged twice for my order, can you check please?", "où est mon colis 😡"} {
		s := new(scratch)
		model.classify(s, text)
		if n := testing.AllocsPerRun(100, func() { model.classify(s, text) }); n > 1 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
}

func FuzzClassify(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Add("hi, where is my refund? I'm so frustrated!!")
	model := load(f)
	f.Fuzz(func(t *testing.T, text string) { check(t, model, text) })
}
