package watch

import (
	"math/rand/v2"
)

// town is a small company: two case types of each group, three handlers, and no noise but that of chance.
type town struct {
	r    *rand.Rand
	csat map[string]float64 // what a segment gains, by case type/handler
	less map[string]int     // cases an hour that a segment has, where they are not the usual
	hour int64
}

func newTown(seed uint64) *town {
	return &town{r: rand.New(rand.NewPCG(seed, 1)), csat: map[string]float64{}, less: map[string]int{}, hour: 480_000}
}

var (
	handlers = []string{"ai", "human", "ai_then_escalated"}
	types    = []string{"refund", "balance", "dispute", "fraud"}
)

func policy() Config {
	return Config{FalseAlarms: 4, Reference: 14 * 24, CSATMargin: .04, RateMargin: .15, Epsilon: .02, Minimum: 30, Handlers: handlers,
		Groups:  []Group{{"ai_handles", types[:2]}, {"human_only", types[2:]}},
		Weights: map[string]float64{"human_only": 3}}
}

// next gives the rows of another hour.
func (t *town) next() (hour int64, rows []Row) {
	for _, typ := range types {
		for h, handler := range handlers {
			n := []int{40, 40, 8}[h]
			if typ == "refund" {
				n *= 4 // the aggregate is made of the easy ones
			}
			if less, ok := t.less[typ+"/"+handler]; ok {
				n = less
			}
			row := Row{CaseType: typ, Handler: handler}
			for range n {
				row.Cases++
				if h == 2 {
					row.Escalated++
				}
				if t.r.Float64() < .03 {
					row.Complaints++
				}
				if t.r.Float64() < .06 {
					row.Repeats++
				}
				if t.r.Float64() < .4 {
					row.CSAT[t.rating(t.csat[typ+"/"+handler])]++
				}
			}
			rows = append(rows, row)
		}
	}
	t.hour++
	return t.hour - 1, rows
}

// rating draws one whose mean is 4.2 and what is gained.
func (t *town) rating(gain float64) int {
	x := t.r.Float64()
	if gain < 0 && t.r.Float64() < -gain/3.2 {
		return 0 // instead of the usual: 3.2 less in the mean
	}
	for k, p := range []float64{.08, .05, .08, .17} {
		if x -= p; x < 0 {
			return k
		}
	}
	return 4
}

// run plays some days, and gives copies of all updates.
func (t *town) run(m *Monitor, days int) (out []Update) {
	for range days * 24 {
		out = append(out, m.Hour(t.next())...)
	}
	return out
}
