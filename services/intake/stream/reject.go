package stream

import (
	"errors"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/validate"
)

// maxRejected is how much of a rejected message is kept.
const maxRejected = 64 << 10

// reject makes the dead letter of an input.
func reject(o Options, in stage.Record, err error) stage.Record {
	x := schemas.ChatReject{Topic: in.Topic, Partition: in.Partition, Offset: in.Offset, Reason: reason(err), Detail: err.Error(),
		ValueSize: int64(len(in.Value)), RejectedAt: o.Now().UnixMilli()}
	if in.Key != nil {
		x.Key = schemas.Some(in.Key[:min(len(in.Key), maxRejected)])
	}
	if in.Value != nil {
		x.Value = schemas.Some(in.Value[:min(len(in.Value), maxRejected)])
	}
	return stage.Record{Topic: pipelines.ChatRejects, Partition: in.Partition, Key: in.Key, Trace: in.Trace,
		Value: o.Codec.Append(nil, pipelines.ChatRejects, &x)}
}

// reasons are the codes, the most telling first.
var reasons = []error{validate.ErrTooLarge, validate.ErrTime, validate.ErrEvent, errPolicy, errClock, errType}

func reason(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r) {
			return r.Error()
		}
	}
	switch {
	case errors.Is(err, schemas.ErrFrame):
		return "bad_frame"
	case errors.Is(err, schemas.ErrUnknownSchema):
		return "unknown_schema"
	case errors.Is(err, schemas.ErrAvro):
		return "bad_avro"
	}
	return "bad_event"
}
