package main

import "strings"

var initialisms = map[string]string{
	"id": "ID", "ids": "IDs", "ai": "AI", "sha256": "SHA256", "ms": "MS", "csat": "CSAT",
}

// exported is the Go name of an Avro name in snake case: ai_model_version is AIModelVersion.
func exported(snake string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(snake, "_") {
		if up, ok := initialisms[word]; ok {
			b.WriteString(up)
		} else if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// unexported is the Go name of something private that belongs to the type n: KeyID is keyID.
func unexported(n string) string { return strings.ToLower(n[:1]) + n[1:] }

// comment is text as a Go comment, wrapped.
func comment(indent, text string) string {
	var b strings.Builder
	line := indent + "//"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 118 {
			b.WriteString(line + "\n")
			line = indent + "//"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
