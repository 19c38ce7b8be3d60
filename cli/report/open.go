package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/casetrail/casetrail/schemas"
)

// PrintOpen says which drift is going on, in words: what the aggregate hides first, then by the time at which it was raised.
// It prints nothing where there is none.
func PrintOpen(w io.Writer, open []schemas.SegmentAlert) {
	slices.SortFunc(open, func(a, b schemas.SegmentAlert) int {
		return cmp.Or(-cmp.Compare(a.Alert, b.Alert), cmp.Compare(a.RaisedAt, b.RaisedAt), cmp.Compare(a.Episode.Value.ID, b.Episode.Value.ID))
	})
	for i := range open {
		fmt.Fprintln(w, open[i].Summary)
	}
}
