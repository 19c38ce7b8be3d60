package service

import (
	"context"
	"errors"

	"github.com/casetrail/casetrail/schemas"
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
