package report

import (
	"strings"
	"testing"

	"github.com/casetrail/casetrail/schemas"
)

func TestWhatTheAggregateHidesComesFirst(t *testing.T) {
	alert := func(kind schemas.AlertKind, raised int64, id string) schemas.SegmentAlert {
		return schemas.SegmentAlert{Alert: kind, RaisedAt: raised, Summary: id, Episode: schemas.Some(schemas.Episode{ID: id})}
	}
	var b strings.Builder
	PrintOpen(&b, []schemas.SegmentAlert{alert(schemas.AlertKindDrift, 2, "later"), alert(schemas.AlertKindMaskedDrift, 3, "masked"),
		alert(schemas.AlertKindDrift, 1, "first")})
	if b.String() != "masked\nfirst\nlater\n" {
		t.Error(b.String())
	}
	b.Reset()
	if PrintOpen(&b, nil); b.Len() > 0 {
		t.Error(b.String())
	}
}
