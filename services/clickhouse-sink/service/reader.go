package service

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

// reader reads messages. What can't be read by anyone is skipped and counted; a schema that isn't known is asked for.
type reader struct {
	codec *schemas.Codec
	keep  Keeper
}

func (r reader) decode(ctx context.Context, value []byte, m schemas.Message) error {
	err := r.codec.DecodeInto(value, m)
	if !errors.Is(err, schemas.ErrUnknownSchema) {
		return err
	}
	if err := r.learn(ctx, value); err != nil {
		return err
	}
	return r.codec.DecodeInto(value, m)
}

// body gives the Avro body of a record of the given name; false where value is none.
func (r reader) body(ctx context.Context, value []byte, name string) ([]byte, bool, error) {
	got, body, err := r.codec.Name(value)
	if errors.Is(err, schemas.ErrUnknownSchema) {
		if err = r.learn(ctx, value); err == nil {
			got, body, err = r.codec.Name(value)
		}
	}
	if err != nil {
		return nil, false, r.unreadable(ctx, err)
	}
	if got != name {
		r.keep.Skip("other_type", 1)
		return nil, false, nil
	}
	return body, true, nil
}

// learn asks the registry for a schema, as long as it takes to get an answer.
func (r reader) learn(ctx context.Context, value []byte) error {
	id, err := schemas.ID(value)
	if err != nil {
		return err
	}
	var none error
	err = r.keep.Try(ctx, "schema registry", func(ctx context.Context) error {
		if none = r.codec.Learn(ctx, id); errors.Is(none, schemas.ErrRegistry) {
			return none
		}
		return nil
	})
	return errors.Join(err, none)
}

// unreadable counts what can't be read; it is an error only at the end of the sink.
func (r reader) unreadable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	reason := "malformed"
	if errors.Is(err, schemas.ErrWrongType) {
		reason = "other_type"
	}
	r.keep.Skip(reason, 1)
	return nil
}

// signed takes the metric records that one of the keys signed. All others are skipped and counted, as what nobody can read is:
// they are not the aggregator's.
func (r reader) signed(keys []note.Verifier) func(*insert.Messages[insert.Metric], *stage.Record, *schemas.MetricRecord) {
	return func(rows *insert.Messages[insert.Metric], in *stage.Record, m *schemas.MetricRecord) {
		_, body, err := r.codec.Name(in.Value)
		if err == nil {
			err = record.VerifyMetric(body, keys...)
		}
		if err != nil && !inject.MetricUnchecked.Is() {
			r.keep.Skip("bad_signature", 1)
			return
		}
		insert.AddMetrics(rows, in, m)
	}
}
