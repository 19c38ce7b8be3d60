package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/casetrail/casetrail/record"
	"golang.org/x/mod/sumdb/note"
)

// maxFile bounds what is read whole: a receipt, a checkpoint or a proof.
const maxFile = 1 << 20

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes: it is no receipt, checkpoint or proof", path, maxFile)
	}
	return text, err
}

// receipts checks each file and prints what its record says.
func receipts(files []string, trusted []note.Verifier, revoked revocations, out io.Writer) error {
	for _, path := range files {
		text, err := readSmall(path)
		if err != nil {
			return err
		}
		s, cp, err := record.VerifyReceipt(text, trusted...)
		if err == nil {
			err = revoked.judge(cp)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Fprintf(out, "%s: receipt verified: record %d of ledger %s, kind %v, is under a signed checkpoint of %d records, root %v\n",
			path, s.Sequence, s.Ledger, s.Kind, cp.Size, cp.Root)
		if says := tell(&s.Record); says != "" {
			fmt.Fprintf(out, "    %s\n", says)
		}
	}
	return nil
}

// certificates checks each file and prints what it says.
func certificates(files []string, trusted []note.Verifier, revoked revocations, out io.Writer) error {
	for _, path := range files {
		text, err := readSmall(path)
		if err != nil {
			return err
		}
		c, records, err := record.VerifyCertificate(text, trusted...)
		for i := 0; i < len(c.Receipts) && err == nil; i++ {
			var cp record.Checkpoint
			if _, cp, err = record.VerifyReceipt(c.Receipts[i], trusted...); err == nil {
				err = revoked.judge(cp)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Fprintf(out, "%s: certificate verified: %d customers, with %d cases in the ledgers of %s, were erased %s; %d ledgers say so:\n",
			path, c.Customers, c.Cases, c.Ledgers, clock(c.Erasure.ErasedAt), len(records))
		for i := range records {
			fmt.Fprintf(out, "    record %d of ledger %s\n", records[i].Sequence, records[i].Ledger)
		}
	}
	return nil
}

// tell is what a record says, for people. Text of outside is quoted.
func tell(r *record.Record) string {
	switch c, a := &r.Case, &r.Amendment; r.Kind {
	case record.KindCase:
		return fmt.Sprintf("case %q of type %q, %v, at its end with %v: %v; opened %s, concluded %s; messages: %d of the customer, %d of an AI, %d of humans; complaint: %t; escalated: %t %v; rating: %s",
			c.CaseID, c.CaseType, c.Route, c.Handler, c.ResolutionOutcome, clock(c.OpenedAt), clock(c.ConcludedAt), c.CustomerMessages, c.AIMessages, c.HumanMessages,
			c.ComplaintLodged, c.EscalationTriggered, c.EscalationSignals, rating(c.CustomerSatisfactionScore))
	case record.KindAmendment:
		return fmt.Sprintf("case %q, amended %s; complaint: %t; rating: %s", a.CaseID, clock(a.AmendedAt), a.ComplaintLodged, rating(a.CustomerSatisfactionScore))
	}
	if r.Kind == record.KindErasure {
		return fmt.Sprintf("customers were erased %s; case_ids_sha256 %v", clock(r.Erasure.ErasedAt), r.Erasure.CaseIDsSHA256)
	}
	return ""
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000Z") }

func rating(o record.Optional[int32]) string {
	if !o.Set {
		return "none"
	}
	return fmt.Sprintf("%d of 5", o.Value)
}
