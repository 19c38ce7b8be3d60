package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
)

var (
	// ErrFenced says that a newer owner has claimed what this one was writing. Whoever gets it must stop.
	ErrFenced = errors.New("fenced: a newer owner has taken over")
	// ErrSequence says that the broker lost track of this producer, or that its sequence numbers are used up. A new
	// claim recovers from both.
	ErrSequence = errors.New("the broker refused the producer's sequence")
	// ErrTooLarge says that a record, or a step's changelog, is larger than the topic permits.
	ErrTooLarge = errors.New("too large for the topic")
	// ErrOffsetLost says that the next input is not in the log any more: retention overtook the stage, or the log's
	// tail was cut off. Skipping what is missing would be silent loss, so the stage stops.
	ErrOffsetLost = errors.New("the next input is not in the log any more")
	// ErrCorrupt says that what the broker sent is not a valid record batch.
	ErrCorrupt = errors.New("corrupt record batch")
	// ErrCredentials says that the cluster refused the user name or password.
	ErrCredentials = errors.New("kafka refused the user name or password")
	// ErrDenied says that the user may not do this.
	ErrDenied = errors.New("kafka denied access")
	// ErrUnreachable says that no broker answered.
	ErrUnreachable = errors.New("no kafka broker answered")
	// ErrPlaintext says that plaintext was asked for beyond this machine without saying so.
	ErrPlaintext = errors.New("plaintext beyond this machine: configure TLS, or allow plaintext explicitly")
	// ErrTopic says that a topic is missing or is not as it should be.
	ErrTopic = errors.New("topic is not as it should be")
)

// partitionError says where something failed.
type partitionError struct {
	tp     stage.TopicPartition
	offset int64 // of an input, or -1
	err    error
}

func (e *partitionError) Error() string {
	if e.offset < 0 {
		return fmt.Sprintf("%s/%d: %v", e.tp.Topic, e.tp.Partition, e.err)
	}
	return fmt.Sprintf("%s/%d offset %d: %v", e.tp.Topic, e.tp.Partition, e.offset, e.err)
}

func (e *partitionError) Unwrap() error { return e.err }

// classify wraps an error that trying again cannot mend in one of the package's errors; others it returns as they are.
func classify(err error) error {
	var code kafkago.Error
	if !errors.As(err, &code) || sentinel(err) {
		return err
	}
	switch code {
	case kafkago.InvalidProducerEpoch, kafkago.ProducerFenced, kafkago.InvalidProducerIDMapping, kafkago.TransactionCoordinatorFenced:
		return fmt.Errorf("%w (%w)", ErrFenced, err)
	case kafkago.OutOfOrderSequenceNumber, kafkago.UnknownProducerId, kafkago.InvalidTransactionState:
		return fmt.Errorf("%w (%w)", ErrSequence, err)
	case kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge:
		return fmt.Errorf("%w (%w)", ErrTooLarge, err)
	case kafkago.OffsetOutOfRange:
		return fmt.Errorf("%w (%w)", ErrOffsetLost, err)
	case kafkago.SASLAuthenticationFailed, kafkago.UnsupportedSASLMechanism, kafkago.IllegalSASLState:
		return fmt.Errorf("%w (%w)", ErrCredentials, err)
	case kafkago.TopicAuthorizationFailed, kafkago.GroupAuthorizationFailed, kafkago.ClusterAuthorizationFailed, kafkago.TransactionalIDAuthorizationFailed:
		return fmt.Errorf("%w (%w)", ErrDenied, err)
	}
	return err
}

var (
	errLate  = errors.New("the generation ended before the step in flight did")
	errClaim = errors.New("claiming took too long")
	// errIncomplete says that a broker that has just come back knew nothing of a topic when the partitions were shared out.
	errIncomplete = errors.New("the group's leader was told of no partition of a topic")

	errClosedByPeer = errors.New("closed the connection")
)

// restartable tells whether a new claim in a new generation may get over a task's error. Whatever is transient a task
// retries itself, so the others are final.
func restartable(err error) bool {
	return errors.Is(err, ErrFenced) || errors.Is(err, ErrSequence) || errors.Is(err, errLate) || errors.Is(err, errClaim) || errors.Is(err, errIncomplete)
}

// fatal tells whether trying the same again is pointless. Everything unknown counts as transient: kafka-go returns many
// untyped errors for a broker that is away.
func fatal(err error) bool {
	if inject.FinalIsRetried.Is() {
		return false
	}
	if sentinel(err) {
		return true
	}
	var code kafkago.Error
	if errors.As(err, &code) {
		if inject.RetriableIsFinal.Is() && code.Temporary() {
			return true
		}
		switch code {
		case kafkago.UnsupportedVersion, kafkago.InvalidTopic, kafkago.InvalidRequest, kafkago.PolicyViolation, kafkago.InvalidRecord,
			kafkago.UnsupportedCompressionType, kafkago.InvalidTimestamp, kafkago.InvalidTransactionTimeout, kafkago.InvalidGroupId,
			kafkago.InvalidSessionTimeout, kafkago.UnsupportedForMessageFormat, kafkago.InvalidConfiguration, kafkago.InvalidRequiredAcks,
			kafkago.InconsistentGroupProtocol: // whoever else is in the group is none of ours
			return true
		}
	}
	return false
}

// sentinel tells whether an error is one of the package's final ones.
func sentinel(err error) bool {
	for _, e := range []error{ErrFenced, ErrSequence, ErrTooLarge, ErrOffsetLost, ErrCorrupt, ErrCredentials, ErrDenied, ErrPlaintext, ErrTopic} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// explain turns the transport's errors about reaching the cluster into what an operator can mend.
func (c *Client) explain(addr string, err error) error {
	var record tls.RecordHeaderError
	var cert *tls.CertificateVerificationError
	err = classify(err)
	switch {
	case err == nil, fatal(err), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &record):
		return fmt.Errorf("%w: %s does not speak TLS: %w", ErrUnreachable, addr, err)
	case errors.As(err, &cert):
		return fmt.Errorf("%w: the certificate of %s is not trusted: %w", ErrUnreachable, addr, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if c.login != nil && c.login.refused() {
			return fmt.Errorf("%w: %s closed the connection at every login", ErrCredentials, addr)
		}
		return fmt.Errorf("%w: %s %w (does it expect TLS, or a login?)", ErrUnreachable, addr, errClosedByPeer)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// noLeader is what routing reports when the metadata knows no leader.
func noLeader(topic string, partition int32) error { return protocol.NewErrNoLeader(topic, partition) }
