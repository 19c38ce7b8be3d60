package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/linkedin/goavro/v2"

	"github.com/casetrail/casetrail/schemas"
)

// fields is a message as Avro's JSON has it: the schema's own field names, enumerations by name. Fields are sorted, so that
// the same message is the same bytes.
func fields(m schemas.Message) json.RawMessage {
	codec, err := goavro.NewCodecForStandardJSONFull(m.SchemaJSON())
	if err != nil {
		return faulty(err)
	}
	native, _, err := codec.NativeFromBinary(m.AppendAvro(nil))
	if err != nil {
		return faulty(err)
	}
	text, err := codec.TextualFromNative(nil, native)
	if err != nil {
		return faulty(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var sorted any
	if err := d.Decode(&sorted); err != nil {
		return faulty(err)
	}
	if text, err = json.Marshal(sorted); err != nil {
		return faulty(err)
	}
	return text
}

func faulty(err error) json.RawMessage {
	b, _ := json.Marshal(map[string]string{"error": fmt.Sprint(err)}) // a map of strings can't fail
	return b
}
