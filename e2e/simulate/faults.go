package simulate

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// faults are how likely each thing is to go wrong, each time that it could. Every seed has its own: some have many of one
// kind and none of another, since faults hide each other.
type faults struct {
	crash      float64 // an owner dies before, in or after a step
	move       float64 // a partition goes to another replica
	zombie     float64 // whoever had it does not notice
	loseAck    float64 // a request was carried out, and its answer got lost
	lose       float64 // a request got lost
	delay      float64 // a request arrives later, after others
	stale      float64 // a read does not show the newest records
	clickhouse float64 // a query or an insert fails, before, in or after its work
	disk       float64 // what is kept outside Kafka can't be written
	dirty      float64 // a chat event is published twice, is no event, or stands beside an aborted one
	leap       float64 // a long time goes by
	cut        float64 // a broker loses the end of a ledger
	unfenced   bool    // a new owner's claim does not stop the old one: the epochs of its id are used up
	eventClock bool    // time comes from the events
	skew       int64   // by how much clocks may be wrong, in milliseconds
	pace       int64   // the most that goes by between two acts, in milliseconds
	leapBy     int64
	brief      float64 // a step ends before its inputs do
	batch      int     // records of a step, at most
}

func drawFaults(r *rand.Rand) faults {
	some := func(most float64) float64 {
		if r.IntN(3) == 0 {
			return 0
		}
		return most * r.Float64()
	}
	f := faults{crash: some(.08), move: some(.5), zombie: some(1), loseAck: some(.2), lose: some(.2), delay: some(.2), stale: some(.5),
		clickhouse: some(.3), disk: some(.05), dirty: some(.3), brief: some(.1), leap: some(.01), cut: some(.02) * float64(r.IntN(2)),
		unfenced: r.IntN(5) == 0, eventClock: r.IntN(2) == 0, pace: 20 + r.Int64N(500), leapBy: 1 + r.Int64N(10*60_000), batch: 1 + r.IntN(40)}
	if r.IntN(3) == 0 {
		f.skew = 2 * 3_600_000
	}
	if r.IntN(40) == 0 {
		f.leapBy = 30 * 24 * 3_600_000
	}
	return f
}

// String says what is unusual.
func (f *faults) String() string {
	var b strings.Builder
	clock := "wall"
	if f.eventClock {
		clock = "event"
	}
	fmt.Fprintf(&b, "%s clock", clock)
	if f.unfenced {
		b.WriteString(", epochs used up: no fence")
	}
	for _, x := range []struct {
		name string
		p    float64
	}{{"crash", f.crash}, {"move", f.move}, {"zombie", f.zombie}, {"lost acknowledgement", f.loseAck}, {"lost request", f.lose}, {"late request", f.delay},
		{"stale read", f.stale}, {"ClickHouse", f.clickhouse}, {"disk", f.disk}, {"dirty source", f.dirty}, {"leap", f.leap}, {"ledger cut off", f.cut}} {
		if x.p > 0 {
			fmt.Fprintf(&b, ", %s %.3f", x.name, x.p)
		}
	}
	if f.skew > 0 {
		fmt.Fprintf(&b, ", clocks wrong by up to %d min", f.skew/2/60_000)
	}
	return b.String()
}
