// Package schemas is what producers and consumers of Casetrail's topics import: the messages as Go types, their Avro
// codecs, the Confluent wire format, and the schema registry.
//
// The *.avsc files are the source of truth. internal/gen writes a type for each of them with a codec of its own, which
// is deterministic, bounded on hostile input, and many times as fast as a generic one; the tests hold it to goavro, byte
// for byte. A message written under another version of its schema is decoded by goavro and mapped field by field.
//
// What to reach for: [Register] at start gives a [Codec]; [Codec.Append] writes, [Codec.Decode] and [Codec.DecodeInto]
// read, [Codec.Learn] asks for a schema that somebody else registered.
package schemas

//go:generate go run ./internal/gen
