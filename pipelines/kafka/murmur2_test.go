package kafka

import "testing"

// The values are those of Kafka's own UtilsTest.
func TestMurmur2LikeJava(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
		if got := Murmur2Partition([]byte(key), 7); got != (want&0x7fffffff)%7 {
			t.Errorf("%q: partition %d", key, got)
		}
	}
}
