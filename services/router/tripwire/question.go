package tripwire

// SameQuestion tells whether two sketches (package signals) are of one question, however it is put: most of the words of
// the longer one are in the other. Both are in rising order. An empty sketch asks nothing, so it is like no other.
func SameQuestion[W uint32 | int64](a, b []W) bool {
	common := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			common++
			i, j = i+1, j+1
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return common > 0 && 5*common >= 3*max(len(a), len(b))
}
