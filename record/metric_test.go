package record

import (
	"bytes"
	"errors"
	"testing"
)

// TestAChangedByteOfAMetricRecordShows, whichever it is.
func TestAChangedByteOfAMetricRecordShows(t *testing.T) {
	s, other := testSigner(t, "aggregator", 1), testSigner(t, "aggregator", 2)
	body := append([]byte("payload"), make([]byte, 68)...)
	if err := s.SignMetric(body); err != nil {
		t.Fatal(err)
	}
	if err := VerifyMetric(body, s.Verifier()); err != nil {
		t.Fatal(err)
	}
	if err := VerifyMetric(body, other.Verifier()); !errors.Is(err, ErrMetric) {
		t.Error(err)
	}
	for i := range body {
		changed := bytes.Clone(body)
		changed[i] ^= 1
		if err := VerifyMetric(changed, s.Verifier()); !errors.Is(err, ErrMetric) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for n := range 69 {
		if err := VerifyMetric(body[:n], s.Verifier()); !errors.Is(err, ErrMetric) {
			t.Error(n, err)
		}
	}
	record, err := s.SignPayload(nil, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyMetric(record, s.Verifier()); err == nil {
		t.Error("a record of the ledger passes for a metric record")
	}
	if got := string(metricPAE([]byte("ab"))); got != "DSSEv1 47 application/vnd.casetrail.metric-record.v1+avro 2 ab" {
		t.Error(got)
	}
}
