package e2e

import (
	"errors"
	"fmt"
	"testing"
)

// TestSinkSpentTokens has ClickHouse in the state in which a kill leaves it that comes after a table has noted a block's
// token and before it has the block's rows: the block is sent again, refused as known, and must be there all the same.
func TestSinkSpentTokens(t *testing.T) {
	e := startEngine(t)
	for name, gone := range map[string][]string{
		"records":  {"records", "segment_panes", "segment_panes_1h"},
		"alone":    {"records"}, // the views had the block, the table has not
		"minutes":  {"segment_panes", "segment_panes_1h"},
		"some":     {"segment_panes"},
		"hours":    {"segment_panes_1h"},
		"unharmed": nil,
	} {
		t.Run(name, func(t *testing.T) {
			db, l, other := e.database("spent_"+name), newTestLedger(t, 0, 12), newTestLedger(t, 1, 13)
			conn := e.analyst(t, "spent_"+name)
			l.run(5, 20, 2000)
			other.run(9, 20, 2000)
			if err := errors.Join(db.Expect(t.Context(), 2), l.sink(db), other.sink(db)); err != nil {
				t.Fatal(err)
			}
			head, _, _, err := db.Head(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			l.run(1, 20, 2000)
			if err := l.sink(db); err != nil {
				t.Fatal(err)
			}
			for _, table := range append(gone, "checkpoints") {
				of := map[string]string{"records": fmt.Sprintf("AND sequence >= %d", head.Size), "checkpoints": fmt.Sprintf("AND size > %d", head.Size)}[table]
				if err := conn.Exec(t.Context(), "ALTER TABLE "+table+" DELETE WHERE partition = 0 "+of+" SETTINGS mutations_sync = 2"); err != nil {
					t.Fatal(err)
				}
			}
			// The sink starts again, as it does after a while without ClickHouse.
			if err := l.sink(e.database("spent_" + name)); err != nil {
				t.Fatal(err)
			}
			checkSinked(t, conn, l, other)
		})
	}
}
