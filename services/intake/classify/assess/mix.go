package assess

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseMix reads a mix of types: "refund_status=15,dispute=8,unknown=10" (any unit; what is not named has no share), or
// "rows", which takes the rows as they come.
func ParseMix(text string, rows []Labelled) (Mix, error) {
	var mix Mix
	if text == "rows" {
		for _, r := range rows {
			mix[r.Truth]++
		}
		return mix, nil
	}
	var total float64
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return mix, fmt.Errorf("the mix has %q, which is not type=share", part)
		}
		kind, err := TypeOf(strings.TrimSpace(name))
		if err != nil {
			return mix, fmt.Errorf("the mix: %w", err)
		}
		share, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(share >= 0 && share < 1e9) {
			return mix, fmt.Errorf("the mix gives %s the share %q, which is not a number of 0 or more", Types[kind], value)
		}
		if mix[kind] > 0 {
			return mix, fmt.Errorf("the mix names %s twice", Types[kind])
		}
		mix[kind] = share
		total += share
	}
	if total == 0 {
		return mix, fmt.Errorf("the mix gives no type a share")
	}
	for _, r := range rows {
		if mix[r.Truth] > 0 {
			return mix, nil
		}
	}
	return mix, fmt.Errorf("no row is of a type that the mix names")
}

// String gives a mix as ParseMix reads it.
func (m Mix) String() string {
	var parts []string
	for k, share := range m {
		if share > 0 {
			parts = append(parts, fmt.Sprintf("%s=%g", Types[k], share))
		}
	}
	return strings.Join(parts, ",")
}
