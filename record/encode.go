package record

import "encoding/binary"

// Append appends the record's payload in Avro's binary encoding, the fields in the order of conduct_record.avsc. It does not
// judge values: what Decode would refuse (an unknown enumeration value, text that is not UTF-8) is the caller's fault and
// shows when the body is decoded.
func (r *Record) Append(dst []byte) []byte {
	dst = append(dst, r.PreviousHash[:]...)
	dst = appendString(dst, r.Ledger)
	dst = binary.AppendVarint(dst, r.Sequence)
	dst = binary.AppendVarint(dst, int64(r.Kind))
	dst = r.Source.append(dst)
	for k := KindCase; k <= KindErasure; k++ {
		if k != r.Kind {
			dst = append(dst, 0) // the union's first branch, null
			continue
		}
		dst = append(dst, 2)
		switch k {
		case KindCase:
			dst = r.Case.append(dst)
		case KindAmendment:
			dst = r.Amendment.append(dst)
		case KindPolicy:
			dst = appendString(dst, r.Policy.Version)
			dst = append(dst, r.Policy.SHA256[:]...)
			dst = binary.AppendVarint(dst, r.Policy.AppliedAt)
			dst = appendString(dst, r.Policy.Document)
		case KindKeyRotation:
			dst = appendString(dst, r.Rotation.PublicKey)
			dst = binary.AppendVarint(dst, r.Rotation.FromSequence)
		case KindErasure:
			dst = append(dst, r.Erasure.CaseIDsSHA256[:]...)
			dst = binary.AppendVarint(dst, r.Erasure.ErasedAt)
		}
	}
	return dst
}

func (s Source) append(dst []byte) []byte {
	dst = binary.AppendVarint(dst, int64(s.Partition))
	dst = binary.AppendVarint(dst, s.Offset)
	return binary.AppendVarint(dst, int64(s.Ordinal))
}

func (c *Case) append(dst []byte) []byte {
	dst = appendString(dst, c.Workflow)
	dst = appendString(dst, c.CaseID)
	dst = appendString(dst, c.CaseType)
	dst = binary.AppendVarint(dst, int64(c.Route))
	dst = binary.AppendVarint(dst, int64(c.Handler))
	dst = append(dst, branch(c.AIModelVersion.Set))
	if c.AIModelVersion.Set {
		dst = appendString(dst, c.AIModelVersion.Value)
	}
	dst = appendString(dst, c.ClassifierVersion)
	dst = appendString(dst, c.PolicyVersion)
	dst = binary.AppendVarint(dst, int64(c.ResolutionOutcome))
	dst = appendOptional(dst, c.CustomerSatisfactionScore)
	dst = append(dst, boolean(c.ComplaintLodged), boolean(c.EscalationTriggered))
	if n := len(c.EscalationSignals); n > 0 {
		dst = binary.AppendVarint(dst, int64(n)) // one block holds the whole array
		for _, s := range c.EscalationSignals {
			dst = binary.AppendVarint(dst, int64(s))
		}
	}
	dst = append(dst, 0)
	dst = binary.AppendVarint(dst, c.OpenedAt)
	dst = appendOptional(dst, c.HumanRequestedAt)
	dst = appendOptional(dst, c.EscalatedAt)
	dst = appendOptional(dst, c.HumanJoinedAt)
	dst = binary.AppendVarint(dst, c.ConcludedAt)
	dst = binary.AppendVarint(dst, int64(c.CustomerMessages))
	dst = binary.AppendVarint(dst, int64(c.AIMessages))
	dst = binary.AppendVarint(dst, int64(c.HumanMessages))
	dst = append(dst, boolean(c.GuardBreach), boolean(c.Synthetic))
	return append(dst, c.CustomerCommitment[:]...)
}

func (a *Amendment) append(dst []byte) []byte {
	dst = a.Amends.append(dst)
	dst = appendString(dst, a.CaseID)
	dst = appendString(dst, a.CaseType)
	dst = binary.AppendVarint(dst, int64(a.Route))
	dst = binary.AppendVarint(dst, int64(a.Handler))
	dst = binary.AppendVarint(dst, a.AmendedAt)
	dst = appendOptional(dst, a.CustomerSatisfactionScore)
	return append(dst, boolean(a.ComplaintLodged), boolean(a.Synthetic))
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendVarint(dst, int64(len(s))), s...)
}

func appendOptional[T int32 | int64](dst []byte, o Optional[T]) []byte {
	dst = append(dst, branch(o.Set))
	if o.Set {
		dst = binary.AppendVarint(dst, int64(o.Value))
	}
	return dst
}

// branch is the index of a union's branch, null or value.
func branch(set bool) byte { return 2 * boolean(set) }

func boolean(b bool) byte {
	if b {
		return 1
	}
	return 0
}
