package schemas

import (
	"errors"
	"reflect"
	"testing"
)

func TestCodecRoundTrip(t *testing.T) {
	c := NewOfflineCodec(Subject{"chat.events", "casetrail.ChatEvent"}, Subject{"chat.events", "casetrail.PolicyChange"})
	in := &ChatEvent{EventID: "e1", CaseID: "c1", Kind: EventKindRating, Sender: SenderHuman, OccurredAt: -5, Text: Some("grüß"), Rating: Some[int32](4)}
	value := c.Append(nil, "chat.events", in)
	out, err := c.Decode(value)
	if err != nil || !reflect.DeepEqual(in, out) {
		t.Fatalf("%+v, %v", out, err)
	}
	name, body, err := c.Name(value)
	if name != "casetrail.ChatEvent" || len(body) != len(value)-5 || err != nil {
		t.Fatal(name, body, err)
	}
	if err := c.DecodeInto(value, new(PolicyChange)); !errors.Is(err, ErrWrongType) {
		t.Error(err)
	}
	for _, bad := range [][]byte{nil, {0, 0, 0, 0}, {1, 0, 0, 0, 1, 2}} {
		if _, err := c.Decode(bad); !errors.Is(err, ErrFrame) {
			t.Errorf("%x: %v", bad, err)
		}
	}
	if _, err := c.Decode([]byte{0, 0, 0, 0, 9}); !errors.Is(err, ErrUnknownSchema) {
		t.Error(err)
	}
	if _, err := c.Decode(append(value, 0)); !errors.Is(err, ErrAvro) {
		t.Error(err)
	}
}

func TestErrorsNameTheField(t *testing.T) {
	body := (&ChatEvent{EventID: "e", CaseID: "c"}).AppendAvro(nil)
	body[5] = 18
	err := new(ChatEvent).DecodeAvro(body)
	if want := "bad avro body: casetrail.ChatEvent.sender: enum index 9 of 4 symbols at byte 6 of 14"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
