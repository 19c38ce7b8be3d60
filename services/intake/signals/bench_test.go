package signals

import "testing"

func BenchmarkDetect(b *testing.B) {
	d := load(b)
	for name, text := range map[string]string{
		"short":  "where is my order? it should have been here on Tuesday",
		"angry":  "This is the third time I'm asking!! You people are useless, let me talk to a human or I'll close my account",
		"long":   long(4000),
		"longer": long(20000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				d.Detect(text)
			}
		})
	}
}

func long(n int) string {
	const prose = "I ordered a blue jacket on Monday and paid with my card, but the parcel that came had a green one in it, so I sent it back. "
	text := ""
	for len(text) < n {
		text += prose
	}
	return text[:n]
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load(b)
	}
}
