package record

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/note"
)

// MetricType is the DSSE payload type of a metric record, version 1.
const MetricType = "application/vnd.casetrail.metric-record.v1+avro"

// ErrMetric is wrapped by all errors about the signature of a metric record.
var ErrMetric = errors.New("metric record")

// SignMetric signs the body of a metric record (metric_record.avsc) in its place: its last 68 bytes, key id and signature,
// are about all that stands before them.
func (s *Signer) SignMetric(body []byte) error {
	payload, err := metricPayload(body)
	if err != nil {
		return err
	}
	sig, err := s.Sign(metricPAE(payload))
	if err != nil {
		return fmt.Errorf("key %q: %w", s.name, err)
	}
	binary.BigEndian.PutUint32(body[len(payload):], s.hash)
	copy(body[len(payload)+4:], sig)
	return nil
}

// VerifyMetric checks that one of some keys signed a metric record's body. Errors wrap ErrMetric and say whether it is signed by
// another key, or changed.
func VerifyMetric(body []byte, keys ...note.Verifier) error {
	payload, err := metricPayload(body)
	if err != nil {
		return err
	}
	id := binary.BigEndian.Uint32(body[len(payload):])
	for _, key := range keys {
		if id != key.KeyHash() {
			continue
		}
		if !key.Verify(metricPAE(payload), body[len(payload)+4:]) {
			return fmt.Errorf("%w: the signature of %s is not over these bytes: one of them was changed", ErrMetric, key.Name())
		}
		return nil
	}
	return fmt.Errorf("%w: signed by key %08x, which is none of those that are trusted", ErrMetric, id)
}

func metricPayload(body []byte) ([]byte, error) {
	n := len(body) - 4 - ed25519.SignatureSize
	if n < 0 {
		return nil, fmt.Errorf("%w: %d bytes are less than a key id and a signature", ErrMetric, len(body))
	}
	return body[:n], nil
}

func metricPAE(payload []byte) []byte {
	dst := make([]byte, 0, len(payload)+len(MetricType)+32)
	dst = append(dst, "DSSEv1 "...)
	dst = append(strconv.AppendInt(dst, int64(len(MetricType)), 10), ' ')
	dst = append(append(dst, MetricType...), ' ')
	dst = append(strconv.AppendInt(dst, int64(len(payload)), 10), ' ')
	return append(dst, payload...)
}
