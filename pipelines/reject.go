package pipelines

import (
	"errors"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// maxRejected is how much of a rejected message is kept.
const maxRejected = 64 << 10

// Reason is a code of chat.rejects and the error that it stands for.
type Reason struct {
	Err  error
	Code string
}

// reasons are what any stage may find wrong with a message.
var reasons = []Reason{{stage.ErrOversize, "too_large"}, {schemas.ErrFrame, "bad_frame"}, {schemas.ErrUnknownSchema, "unknown_schema"}, {schemas.ErrAvro, "bad_avro"}}

// Reject makes the message for chat.rejects: the original bytes (at most 64 KiB), where they stood, why, and at what time in
// milliseconds. The reason is the first of own, then of those that all stages share, that err wraps; wrong_type otherwise.
func Reject(codec *schemas.Codec, in stage.Record, err error, at int64, own ...Reason) stage.Record {
	x := schemas.ChatReject{Topic: in.Topic, Partition: in.Partition, Offset: in.Offset, Reason: "wrong_type", Detail: err.Error(),
		ValueSize: int64(len(in.Value)), RejectedAt: at}
	for _, r := range append(own[:len(own):len(own)], reasons...) {
		if errors.Is(err, r.Err) {
			x.Reason = r.Code
			break
		}
	}
	if in.Key != nil {
		x.Key = schemas.Some(in.Key[:min(len(in.Key), maxRejected)])
	}
	if in.Value != nil {
		x.Value = schemas.Some(in.Value[:min(len(in.Value), maxRejected)])
	}
	return stage.Record{Topic: ChatRejects, Partition: in.Partition, Key: in.Key, Trace: in.Trace, Value: codec.Append(nil, ChatRejects, &x)}
}
