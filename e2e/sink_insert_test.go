package e2e

import (
	"testing"
)

func TestSinkFirst(t *testing.T) {
	e := startEngine(t)
	db := e.database("first")
	l := newTestLedger(t, 0, 1)
	l.run(5, 50, 1000)
	if err := l.sink(db); err != nil {
		t.Fatal(err)
	}
	if err := l.sink(db); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}
