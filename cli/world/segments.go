package world

// Segment names a case type and a handler.
type Segment struct{ CaseType, Handler string }

// The handlers.
const (
	AI        = "ai"
	Human     = "human"
	Escalated = "ai_then_escalated"
)

// kind is a case type: its share of the volume and how the means of its segments lie to those of its class.
type kind struct {
	name         string
	share        float64
	hard         bool
	csat, upsets float64 // CSAT points on top; factor on complaints
}

var kinds = [...]kind{
	{"refund_status", .24, false, .02, 1.1},
	{"shipment_tracking", .18, false, -.05, 1.2},
	{"balance_inquiry", .14, false, .06, .7},
	{"basic_transaction_query", .14, false, 0, .9},
	{"dispute", .12, true, .03, 1.1},
	{"complex_multi_product", .09, true, 0, .8},
	{"fraud_claim", .06, true, -.04, 1.1},
	{"hardship_request", .03, true, -.03, 1},
}

// class is what segments of easy or hard types have in common, by handler.
type class struct {
	share                             float64 // of its type's cases
	csat, complaint, repeat, response float64
}

var handlerNames = [...]string{AI, Human, Escalated}

var classes = map[bool][len(handlerNames)]class{
	false: {{.85, 4.30, .011, .060, .26}, {.09, 4.38, .009, .050, .28}, {.06, 3.95, .030, .080, .24}},
	true:  {{.20, 4.16, .024, .090, .25}, {.72, 4.22, .020, .080, .26}, {.08, 3.80, .040, .110, .22}},
}

// Size is how many segments there are.
const Size = len(kinds) * len(handlerNames)

// segment is one with its means.
type segment struct {
	Segment
	kind, handler int
	hard          bool
	share         float64 // of all cases
	Levels
}

// table has the segments by number: kind * 3 + handler.
var table = func() (out [Size]segment) {
	for k, t := range kinds {
		for h, c := range classes[t.hard] {
			out[k*len(handlerNames)+h] = segment{Segment{t.name, handlerNames[h]}, k, h, t.hard, t.share * c.share,
				Levels{c.csat + t.csat, c.complaint * t.upsets, c.repeat, c.response}}
		}
	}
	return out
}()

// Segments are all segments, in the order of Counts.
func Segments() []Segment {
	out := make([]Segment, Size)
	for i := range table {
		out[i] = table[i].Segment
	}
	return out
}

// Hard tells whether a case type is one of those where trust is made or broken.
func Hard(caseType string) bool {
	for _, k := range kinds {
		if k.name == caseType {
			return k.hard
		}
	}
	return false
}
