package classify

import (
	"strings"
	"testing"
)

func BenchmarkClassify(b *testing.B) {
	model, err := Load()
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"60 characters": "hi, I was charged twice for my order, can you check please?",
		"longest":       strings.Repeat("I lost my job and cannot pay this month. ", 100),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				model.Classify(text)
			}
		})
	}
}
