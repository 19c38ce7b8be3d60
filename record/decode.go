package record

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// Decode decodes a body. See Signed.Decode.
func Decode(body []byte) (Signed, error) {
	var s Signed
	err := s.Decode(body)
	return s, err
}

// Decode decodes a body into s, whose memory it uses again; only its text is allocated anew, as one string, and may be
// kept. Payload and Body are parts of body. It is strict: what it accepts encodes to the same bytes again, so no two
// bodies say the same thing. It verifies nothing. Errors are a *Fault with reason Malformed that names the field.
func (s *Signed) Decode(body []byte) error {
	signals := s.Case.EscalationSignals[:0]
	*s = Signed{}
	s.Case.EscalationSignals = signals
	if len(body) > MaxBody || len(body) < trailer {
		return &Fault{Sequence: unknown, Field: "body", Reason: Malformed, Detail: fmt.Sprintf("%d bytes; a body has %d to %d", len(body), trailer, MaxBody)}
	}
	s.Body, s.Payload = body, body[:len(body)-trailer:len(body)-trailer]
	copy(s.KeyID[:], body[len(s.Payload):])
	copy(s.Signature[:], body[len(s.Payload)+4:])
	d := decoder{b: s.Payload, text: string(s.Payload)}
	d.record(&s.Record)
	if d.fault == nil && d.off != len(d.b) {
		d.fail("payload", fmt.Sprintf("%d bytes after its end", len(d.b)-d.off))
	}
	if d.fault != nil {
		return d.fault
	}
	return nil
}

func (d *decoder) record(r *Record) {
	r.PreviousHash = d.hash("previous_record_hash")
	r.Ledger = d.string("ledger")
	r.Sequence = d.long("sequence")
	r.Kind = enum[Kind](d, "kind", kinds)
	r.Source = d.source("source")
	for k := KindCase; k <= KindErasure; k++ {
		if has := d.present(k.String()); d.fault == nil && has != (k == r.Kind) {
			d.fail(k.String(), fmt.Sprintf("present: %t, in a record of kind %v", has, r.Kind))
		} else if !has {
			continue
		}
		switch k {
		case KindCase:
			d.conduct(&r.Case)
		case KindAmendment:
			d.amendment(&r.Amendment)
		case KindPolicy:
			r.Policy = Policy{d.string("policy.version"), d.hash("policy.sha256"), d.long("policy.applied_at"), d.string("policy.document")}
		case KindKeyRotation:
			r.Rotation = Rotation{d.string("rotation.public_key"), d.long("rotation.from_sequence")}
		case KindErasure:
			r.Erasure = Erasure{d.hash("erasure.case_ids_sha256"), d.long("erasure.erased_at")}
		}
	}
}

func (d *decoder) source(field string) Source {
	return Source{d.int(field), d.long(field), d.int(field)}
}

func (d *decoder) conduct(c *Case) {
	c.Workflow = d.string("case.workflow")
	c.CaseID = d.string("case.case_id")
	c.CaseType = d.string("case.case_type")
	c.Route = enum[Route](d, "case.route", routes)
	c.Handler = enum[Handler](d, "case.handler", handlers)
	if d.present("case.ai_model_version") {
		c.AIModelVersion = Some(d.string("case.ai_model_version"))
	}
	c.ClassifierVersion = d.string("case.classifier_version")
	c.PolicyVersion = d.string("case.policy_version")
	c.ResolutionOutcome = enum[Outcome](d, "case.resolution_outcome", outcomes)
	c.CustomerSatisfactionScore = optional(d, "case.customer_satisfaction_score", d.int)
	c.ComplaintLodged = d.bool("case.complaint_lodged")
	c.EscalationTriggered = d.bool("case.escalation_triggered")
	c.EscalationSignals = d.signals("case.escalation_signals", c.EscalationSignals)
	c.OpenedAt = d.long("case.opened_at")
	c.HumanRequestedAt = optional(d, "case.human_requested_at", d.long)
	c.EscalatedAt = optional(d, "case.escalated_at", d.long)
	c.HumanJoinedAt = optional(d, "case.human_joined_at", d.long)
	c.ConcludedAt = d.long("case.concluded_at")
	c.CustomerMessages = d.int("case.customer_messages")
	c.AIMessages = d.int("case.ai_messages")
	c.HumanMessages = d.int("case.human_messages")
	c.GuardBreach = d.bool("case.guard_breach")
	c.Synthetic = d.bool("case.synthetic")
	c.CustomerCommitment = d.hash("case.customer_commitment")
}

func (d *decoder) amendment(a *Amendment) {
	a.Amends = d.source("amendment.amends")
	a.CaseID = d.string("amendment.case_id")
	a.CaseType = d.string("amendment.case_type")
	a.Route = enum[Route](d, "amendment.route", routes)
	a.Handler = enum[Handler](d, "amendment.handler", handlers)
	a.AmendedAt = d.long("amendment.amended_at")
	a.CustomerSatisfactionScore = optional(d, "amendment.customer_satisfaction_score", d.int)
	a.ComplaintLodged = d.bool("amendment.complaint_lodged")
	a.Synthetic = d.bool("amendment.synthetic")
}

// decoder reads Avro's binary encoding. After a fault it reads nothing more and gives zeros.
type decoder struct {
	b     []byte
	text  string // a copy of b, of which all strings are parts
	off   int
	fault *Fault
}

func (d *decoder) fail(field, detail string) {
	if d.fault == nil {
		d.fault = &Fault{Sequence: unknown, Field: field, Reason: Malformed, Detail: fmt.Sprintf("%s (byte %d)", detail, d.off)}
	}
	d.off = len(d.b)
}

// long reads a zigzag varint and refuses one that is longer than it need be.
func (d *decoder) long(field string) int64 {
	var u uint64
	for i := 0; ; i++ {
		if d.off >= len(d.b) {
			d.fail(field, "ends too early")
			return 0
		}
		c := d.b[d.off]
		d.off++
		if i == 9 && c > 1 || c == 0 && i > 0 {
			d.fail(field, "a number is not in its shortest form")
			return 0
		}
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return int64(u>>1) ^ -int64(u&1)
		}
	}
}

func (d *decoder) int(field string) int32 {
	v := d.long(field)
	if v < math.MinInt32 || v > math.MaxInt32 {
		d.fail(field, "exceeds 32 bits")
		return 0
	}
	return int32(v)
}

func (d *decoder) take(field string, n int64) (from int) {
	if n < 0 || n > int64(len(d.b)-d.off) {
		d.fail(field, "ends too early")
		return -1
	}
	from = d.off
	d.off += int(n)
	return from
}

func (d *decoder) string(field string) string {
	from := d.take(field, d.long(field))
	if from < 0 {
		return ""
	}
	s := d.text[from:d.off]
	if !utf8.ValidString(s) {
		d.fail(field, "is not UTF-8")
		return ""
	}
	return s
}

func (d *decoder) hash(field string) (h Hash) {
	if from := d.take(field, int64(len(h))); from >= 0 {
		copy(h[:], d.b[from:])
	}
	return h
}

// flag reads one byte that is either 0 or one.
func (d *decoder) flag(field string, one byte) bool {
	from := d.take(field, 1)
	if from < 0 {
		return false
	}
	if d.b[from] != 0 && d.b[from] != one {
		d.fail(field, fmt.Sprintf("byte %#x is neither 0 nor %d", d.b[from], one))
		return false
	}
	return d.b[from] == one
}

func (d *decoder) bool(field string) bool    { return d.flag(field, 1) }
func (d *decoder) present(field string) bool { return d.flag(field, 2) }

func (d *decoder) signals(field string, dst []Signal) []Signal {
	n := d.long(field)
	if n == 0 {
		return dst
	}
	if n < 0 || n > int64(len(d.b)-d.off) {
		d.fail(field, "count out of range")
		return dst
	}
	for range n {
		dst = append(dst, enum[Signal](d, field, signals))
	}
	if d.long(field) != 0 {
		d.fail(field, "has more than one block")
	}
	return dst
}

func enum[E ~int32](d *decoder, field string, names []string) E {
	v := d.long(field)
	if v < 0 || v >= int64(len(names)) {
		d.fail(field, fmt.Sprintf("%d is not a known value", v))
		return 0
	}
	return E(v)
}

func optional[T any](d *decoder, field string, read func(string) T) (o Optional[T]) {
	if d.present(field) {
		o = Some(read(field))
	}
	return o
}
